"""Proximal policy optimisation: that it learns at all, and that it goes on as it went."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.ppo import Batch, Config, Env, Train, advantages, begin, forward, scaled, update
from tests.models.corridor import BEST, corridor

ENVS = 64
CONFIG = Config(envs=ENVS, steps=32, hidden=(32,), updates=60, rate=3e-3, entropy=0.01, discount=0.9)


@pytest.fixture(scope="module")
def env() -> Env:
    return corridor()


@pytest.fixture(scope="module")
def go(env: Env) -> Any:
    return jax.jit(lambda train: update(CONFIG, env, train, None))


def fresh(env: Env, seed: int) -> Train:
    return begin(CONFIG, env, jnp.uint32(seed), None)


def test_it_finds_the_best_way_where_that_is_known(env: Env, go: Any) -> None:
    """Two steps to the right end and its 10: at least 95 % of 5 a decision."""
    train, told = fresh(env, 1), {}
    for _ in range(CONFIG.updates):
        train, told = go(train)
    assert float(told["reward"]) > 0.95 * BEST
    logits, _ = forward(train.weights, scaled(train.scale, env.observe(train.state)))
    assert np.asarray(logits[:, :2]).argmax(axis=1).tolist() == [1] * ENVS


def test_an_illegal_action_is_never_taken(env: Env, go: Any) -> None:
    train = fresh(env, 2)
    for _ in range(3):
        train, told = go(train)
        assert float(told["reward"]) > -1


def test_a_run_goes_on_as_it_went_bit_for_bit(env: Env, go: Any) -> None:
    whole, part = fresh(env, 3), fresh(env, 3)
    for _ in range(4):
        whole, _ = go(whole)
    for _ in range(2):
        part, _ = go(part)
    kept = jax.tree.map(np.asarray, part)
    for _ in range(2):
        kept, _ = go(kept)
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(kept), strict=True))


def test_seeds_side_by_side_are_what_each_is_alone(env: Env, go: Any) -> None:
    both = jax.vmap(lambda seed: begin(CONFIG, env, seed, None))(jnp.array([4, 5], jnp.uint32))
    both, told = jax.jit(jax.vmap(lambda train: update(CONFIG, env, train, None)))(both)
    for n, seed in enumerate((4, 5)):
        alone, said = go(fresh(env, seed))
        assert float(told["reward"][n]) == pytest.approx(float(said["reward"]), abs=1e-5)
        for name, weights in alone.weights.items():
            assert np.allclose(both.weights[name][n], weights, atol=1e-4), name


def test_the_worth_of_what_comes_after_counts_unless_the_episode_ended() -> None:
    """By hand: one step that ends, one that is cut off, one that goes on; rewards 1, values 2, the last worth 4."""
    ones = jnp.ones((1, 3))
    batch = Batch(
        seen=ones, legal=ones, action=ones, log_prob=ones, value=2 * ones, reward=ones,
        terminated=jnp.array([[1, 0, 0]]), truncated=jnp.array([[0, 1, 0]]), counted=ones,
    )  # fmt: skip
    found, target = advantages(Config(discount=0.5, smoothing=0.5), batch, jnp.full(3, 4.0))
    assert found[0].tolist() == [1 - 2, 1 + 0.5 * 4 - 2, 1 + 0.5 * 4 - 2]
    assert target[0].tolist() == [1, 3, 3]


def test_nothing_flows_back_over_the_end_of_an_episode() -> None:
    config = Config(discount=0.5, smoothing=1.0)
    zeros = jnp.zeros((3, 1))
    batch = Batch(
        seen=zeros, legal=zeros, action=zeros, log_prob=zeros, value=zeros, reward=jnp.array([[0.0], [0.0], [8.0]]),
        terminated=jnp.array([[0], [1], [0]]), truncated=zeros, counted=jnp.ones((3, 1)),
    )  # fmt: skip
    assert advantages(config, batch, jnp.zeros(1))[0][:, 0].tolist() == [0.0, 0.0, 8.0]
    cut = batch._replace(terminated=zeros, truncated=jnp.array([[0], [1], [0]]))
    assert advantages(config, cut, jnp.zeros(1))[0][:, 0].tolist() == [0.0, 0.0, 8.0]
    open_ = batch._replace(terminated=zeros)
    assert advantages(config, open_, jnp.zeros(1))[0][:, 0].tolist() == [2.0, 4.0, 8.0]
