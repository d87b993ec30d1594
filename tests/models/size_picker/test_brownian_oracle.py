"""The whole path, from prices to outcomes, against what is known of a driftless Brownian motion.

Horizon volatility v = 2 %, effective leverage L = 20, so that a size is liquidated 0.7 / L = 1.75 v away.
Watched at every moment, by reflection: P = 2 Phi(-0.7 / (L v)) = 0.0801. Watched at n closes alone: the density of the
living carried forward by convolution on a grid of a 64th of a step's deviation, halved until it settled.
"""

import os
from math import erfc, sqrt

import numpy as np
import pytest

from models.size_picker.broker import Bars
from models.size_picker.outcomes import Outcomes, entries, outcomes
from tests.models.size_picker.broker_case import free

PATHS = int(os.environ.get("GAMMA_ORACLE_PATHS", "40000"))
VOL_FRAC, PRICE_USD, LOTS = 0.02, 2_000.0, 30
CONTINUOUS = erfc(0.7 / (20 * VOL_FRAC) / sqrt(2))


def reckoned(rng: np.random.Generator, paths: int, closes: int, *, watched: bool) -> Outcomes:
    """Trades of 4.5 oz at 20 times equity, each on a path of its own; `watched` gives every bar its true extremes."""
    steps = rng.normal(0, 1 / sqrt(closes), (paths, closes))
    walk = np.concatenate((np.zeros((paths, 1)), np.cumsum(steps, axis=1)), axis=1)
    after = np.concatenate((walk[:, 1:], walk[:, -1:]), axis=1)
    reach = np.abs(after - walk)
    if watched:  # the extreme of a bridge between two known ends
        reach = np.sqrt((after - walk) ** 2 - 2 / closes * np.log(rng.random(walk.shape)))
    high, low = ((walk + after + sign * reach) / 2 for sign in (1, -1))
    opened, high, low = (PRICE_USD * (1 + VOL_FRAC * each.ravel()) for each in (walk, high, low))
    bars = Bars(open_usd=opened, high_usd=high, low_usd=low, nights=np.zeros(opened.size, dtype=np.int64))
    start = np.arange(paths) * (closes + 1)
    terms = free()
    side = np.where(np.arange(paths) % 2, 1, -1)
    return outcomes(bars, entries(side, start, start + closes, LOTS * 0.15 * PRICE_USD / 20, terms), terms)


def told(found: Outcomes) -> tuple[float, float]:
    """The rate of liquidation at full size, and its standard error."""
    rate = float(found.ruined[:, LOTS].mean())
    return rate, sqrt(rate * (1 - rate) / len(found.ruined))


def test_a_watched_path_is_liquidated_as_often_as_reflection_says() -> None:
    rate, error = told(reckoned(np.random.default_rng(11), PATHS, 24, watched=True))
    assert pytest.approx(0.0801, abs=0.00005) == CONTINUOUS
    assert rate == pytest.approx(CONTINUOUS, abs=4 * error)


@pytest.mark.slow
@pytest.mark.parametrize(("closes", "expected", "share"), [(60, 0.06855, 1), (240, 0.07399, 0.5), (1_000, 0.0770, 0.1)])
def test_a_path_seen_at_closes_alone_is_liquidated_less_often(closes: int, expected: float, share: float) -> None:
    rate, error = told(reckoned(np.random.default_rng(12), round(PATHS * share), closes, watched=False))
    assert rate == pytest.approx(expected, abs=4 * error)


def test_a_smaller_size_is_liquidated_as_its_own_leverage_says() -> None:
    found = reckoned(np.random.default_rng(13), PATHS, 24, watched=True)
    for lots in (15, 20, 25):
        expected = erfc(0.7 / (20 * lots / LOTS * VOL_FRAC) / sqrt(2))
        error = sqrt(expected * (1 - expected) / PATHS)
        assert found.ruined[:, lots].mean() == pytest.approx(expected, abs=4 * error)


def test_what_is_won_and_lost_on_a_driftless_path_is_nothing() -> None:
    found = reckoned(np.random.default_rng(14), PATHS, 24, watched=True)
    returns = found.returns[:, 1:]
    assert (np.abs(returns.mean(axis=0)) < 4 * returns.std(axis=0) / sqrt(PATHS)).all()
