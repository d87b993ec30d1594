"""What an event policy sees: by hand, alike for one market and for many, and never out of bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.events import env
from models.events.features import NAMES, SCHEMA_HASH, Sight, features
from models.events.sight import observe
from tests.models.events.market_case import by_chance

YES_LOTS, NO_LOTS = np.array([30, 20, 0, 0, 5]), np.array([10, 0, 0, 40, 0])
SIGHT = Sight(
    yes_bid=48,
    no_bid=49,
    yes_lots=YES_LOTS,
    no_lots=NO_LOTS,
    volume=4_000.0,
    traded=99.0,
    left_s=225.0,
    open_s=900.0,
    spread_mean=2.5,
    before=(49.0, 47.5, 45.0, 39.5),
    lots=50,
    paid_usd=20.0,
    cash_usd=575.25,
)


def told(sight: Sight) -> dict[str, float]:
    return {name: float(value) for name, value in zip(NAMES, features(sight), strict=True)}


def test_the_eight_features_of_size_by_hand() -> None:
    seen = told(SIGHT)  # the middle is 49.5, so 50 YES are worth 24.75 usd of 600
    assert seen["position"] == 0.1
    assert seen["position_value"] == pytest.approx(24.75 / 600.0)
    assert seen["cash"] == 0.57525
    assert seen["affordable"] == 10.0  # 1,111 contracts at 51 cents, beyond what is shown
    assert seen["volume"] == pytest.approx(4_000 * 0.495 / 10_000)
    # Within 5 cents of 49.5: YES from 48 to 45, NO from 49 to 46.
    assert seen["depth"] == pytest.approx((30 + 20 + 10 + 40) / 1_000)
    assert (seen["spread_now"], seen["spread_mean"]) == (3.0, 2.5)


def test_how_it_moved_and_how_long_is_left_by_hand() -> None:
    seen = told(SIGHT)
    assert [seen[f"move_{lag}"] for lag in (1, 3, 6, 12)] == pytest.approx([0.05, 0.2, 0.45, 1.0])
    assert (seen["left"], seen["left_root"]) == (0.25, 0.5)
    assert told(SIGHT._replace(left_s=-3.0))["left"] == 0.0
    assert (seen["held_yes"], seen["held_no"], seen["paid"]) == (0.5, 0.0, 0.2)


def test_an_empty_side_is_seen_as_such() -> None:
    none = np.zeros(5, np.int64)
    seen = told(SIGHT._replace(yes_bid=99, no_bid=0, no_lots=none, yes_lots=np.array([12_000, 9, 9, 9, 9])))
    assert seen["middle"] == pytest.approx(0.99)
    assert seen["no_best"] == 0.0
    assert seen["affordable"] == 0.0  # at 100 cents nothing is bought
    assert all(np.isfinite(value) for value in seen.values())


def test_many_markets_are_seen_as_each_of_them_is() -> None:
    course = by_chance(20)
    state = env.reset(course, jnp.arange(16, dtype=jnp.uint32))
    state = state._replace(at=state.at + jnp.arange(16) * 11, lots=state.lots + jnp.arange(-80, 80, 10))
    together = np.asarray(jax.jit(lambda one: observe(course, one))(state))
    assert together.shape == (16, len(NAMES))
    assert np.isfinite(together).all()
    assert (np.abs(together) <= 10).all()
    world = jax.device_get(course.world)
    for number in range(16):
        row, at = int(state.row[number]), int(state.at[number])
        middle = (np.asarray(world.yes_bid[row]) + 100 - np.asarray(world.no_bid[row])) / 2
        taken = int(world.yes_taken[row, at - 1] + world.no_taken[row, at - 1]) if at else 0
        alone = features(
            Sight(
                yes_bid=int(world.yes_bid[row, at]),
                no_bid=int(world.no_bid[row, at]),
                yes_lots=np.asarray(world.yes_lots[row, at]),
                no_lots=np.asarray(world.no_lots[row, at]),
                volume=float(world.volume[row, at]),
                traded=float(taken),
                left_s=float(world.left_s[row, at]),
                open_s=course.terms.open_s,
                spread_mean=float(world.spread_mean[row, at]),
                before=tuple(float(middle[max(at - lag, 0)]) for lag in (1, 3, 6, 12)),
                lots=int(state.lots[number]),
                paid_usd=0.0,
                cash_usd=1_000.0,
            )
        )
        assert together[number] == pytest.approx([float(one) for one in alone], abs=2e-5)


def test_the_schema_has_a_hash_of_its_own() -> None:
    assert len(SCHEMA_HASH) == 64
