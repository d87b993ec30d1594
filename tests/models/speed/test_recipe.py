"""The recipe that training is compared with: it has to learn too, or its speed says nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.ppo import Config
from models.speed import ceiling, recipe
from tests.models.corridor import BEST, corridor

CONFIG = Config(envs=64, steps=32, hidden=(32,), updates=60, rate=3e-3, entropy=0.01, discount=0.9)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_the_recipe_finds_the_best_way_too(shared: bool) -> None:
    """It counts the step in which an episode begins anew, and earns nothing: 10 in three steps, where ours has two."""
    style, env = recipe.Style(shared=shared, activation=jnp.tanh), corridor()
    go = jax.jit(lambda run: recipe.update(CONFIG, style, env, run))
    run, reward = recipe.begin(CONFIG, style, env, jnp.uint32(1)), jnp.zeros(())
    for _ in range(CONFIG.updates):
        run, reward = go(run)
    assert float(reward) > 0.95 * BEST * 2 / 3


def test_the_matrix_products_are_those_of_the_network() -> None:
    config = Config(envs=64, steps=64, epochs=2, hidden=(8,))
    weights, rows = ceiling.products(config, 5, 2)
    assert [w.shape for w in weights] == [(5, 8), (8, 3)]
    after = ceiling.chain(config, weights, rows)
    assert all(np.isfinite(w).all() for w in after)
