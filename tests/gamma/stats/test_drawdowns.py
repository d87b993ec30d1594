"""Falls of equity, each by hand."""

import math

import numpy as np
import pytest

from gamma import stats
from gamma.errors import InputInvalid
from gamma.stats.drawdowns import DAY_NS, Episode

EQUITY = [100.0, 120.0, 90.0, 110.0, 120.0, 130.0, 130.0, 104.0, 117.0]


def test_each_fall_runs_from_its_peak_until_equity_is_back() -> None:
    assert stats.episodes(EQUITY) == [
        Episode(peak=1, trough=2, end=4, recovered=True, depth_usd=30.0, depth_frac=0.25),
        Episode(peak=6, trough=7, end=8, recovered=False, depth_usd=26.0, depth_frac=0.2),
    ]


def test_what_all_falls_come_to() -> None:
    found = stats.falls(EQUITY, np.arange(len(EQUITY)) * DAY_NS)
    assert (found.count, found.depth_max_usd, found.depth_max_frac) == (2, 30.0, 0.25)
    assert (found.depth_mean_usd, found.depth_mean_frac) == pytest.approx((28.0, 0.225))
    assert (found.longest_days, found.recovery_longest_days) == (3.0, 2.0)


def test_a_record_without_a_fall_has_none() -> None:
    for values in ([], [5.0], [5.0, 5.0], [1.0, 2.0, 2.0]):
        assert stats.episodes(values) == []
        found = stats.falls(values, np.arange(len(values)))
        assert (found.count, found.depth_max_usd, found.depth_mean_usd) == (0, 0.0, 0.0)
        assert math.isnan(found.longest_days)
        assert math.isnan(found.recovery_longest_days)


def test_what_only_falls_is_one_fall_that_never_recovers() -> None:
    found = stats.falls([3.0, 2.0, 1.0], np.array([0, 1, 5]) * DAY_NS)
    assert (found.count, found.depth_max_usd, found.longest_days) == (1, 2.0, 5.0)
    assert math.isnan(found.recovery_longest_days)


def test_a_fall_from_below_nothing_has_no_fraction() -> None:
    (only,) = stats.episodes([-1.0, -3.0])
    assert only.depth_usd == 2.0
    assert math.isnan(only.depth_frac)


def test_every_value_needs_its_time_and_none_may_be_nan() -> None:
    with pytest.raises(InputInvalid, match="3 values of equity and 2 times"):
        stats.falls([1.0, 2.0, 3.0], np.array([0, 1]))
    with pytest.raises(InputInvalid, match="observation 1 is nan"):
        stats.episodes([1.0, math.nan])


def test_the_deepest_of_all_falls_is_the_drawdown() -> None:
    walk = 1_000 + np.cumsum(np.random.default_rng(2).normal(0, 1, 2_000))
    found = stats.episodes(walk)
    assert max(one.depth_usd for one in found) == stats.drawdown(walk).depth_usd
    assert max(one.depth_frac for one in found) == stats.drawdown(walk).depth_frac
    under = sum(one.end - one.peak - one.recovered for one in found)
    assert under == int((walk < np.maximum.accumulate(walk)).sum())
