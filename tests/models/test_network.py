"""The network of a checkpoint in NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from models import ppo
from models.network import Network
from tests.models.checkpoint_case import card, tensors


def network(variance: float) -> tuple[Network, int]:
    """One that was trained on what had this variance in its first column, about a mean of 2."""
    told = card()
    drawn = tensors(told)
    drawn["scale.variance"] = np.ones(told.width, np.float32)
    drawn["scale.mean"] = np.zeros(told.width, np.float32)
    drawn["scale.variance"][0], drawn["scale.mean"][0] = variance, 2.0
    return Network(drawn), told.width


def test_what_never_varied_in_training_is_shown_as_it_was_then() -> None:
    """A policy that saw no volume is not driven by weights that it never learned, where bars have one."""
    blind, width = network(0.0)
    seen = np.zeros(width)
    for value in (2.0, 7.0, -100.0):
        seen[0] = value
        assert blind.scaled(seen)[0] == 0.0
    seen[0] = 2.0005  # what differs by rounding alone is as it was
    assert abs(blind.scaled(seen)[0] - 0.5) < 1e-6


def test_what_varied_is_shown_in_standard_deviations_within_ten() -> None:
    seeing, width = network(4.0)
    seen = np.zeros(width)
    for value, shown in ((2.0, 0.0), (5.0, 1.5), (1_000.0, 10.0), (-1_000.0, -10.0)):
        seen[0] = value
        assert abs(seeing.scaled(seen)[0] - shown) < 1e-6


@pytest.mark.parametrize("variance", [0.0, 1e-9, 1e-4, 4.0])
def test_training_is_shown_what_serving_is_shown(variance: float) -> None:
    served, width = network(variance)
    mean, spread = np.zeros(width, np.float32), np.ones(width, np.float32)
    mean[0], spread[0] = 2.0, variance
    seen = np.random.default_rng(1).normal(0, 3, (50, width))
    seen[25:, 0] = 2.0005
    shown = ppo.scaled(ppo.Scale(jnp.asarray(mean), jnp.asarray(spread), jnp.float32(1)), jnp.asarray(seen))
    np.testing.assert_allclose(shown, [served.scaled(one) for one in seen], atol=1e-3)
