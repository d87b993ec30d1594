from dataclasses import replace

import numpy as np
import pytest

from gamma.errors import InputInvalid
from models.size_picker.market import GOLD, shape_of
from models.size_picker.measures import new_york_hours
from models.size_picker.simulator import BREAK, WEEK_BARS, WEEKEND, WITHIN, clock, simulate
from tests.models.size_picker.market_case import hours

SHAPE = shape_of()
HOUR_NS = 3_600 * 10**9


def test_the_market_that_ships_was_fitted_to_training_days_alone() -> None:
    assert 'last = "2021-12-31"' in GOLD.read_text()


def test_a_week_is_of_115_hours_from_sunday_evening_to_friday_afternoon_in_new_york() -> None:
    when = clock(60)
    assert len(when.ts_open_utc_ns) == 60 * WEEK_BARS
    hour = new_york_hours(when.ts_open_utc_ns)
    np.testing.assert_array_equal(hour, when.hour)
    assert set(hour.tolist()) == set(range(24)) - {17}
    apart = np.diff(when.ts_open_utc_ns) // HOUR_NS
    assert set(apart[when.gap[1:] == WITHIN].tolist()) == {1}
    assert set(apart[when.gap[1:] == BREAK].tolist()) == {2}
    # The clocks change on two Sundays of a year, before Sunday evening.
    assert set(apart[when.gap[1:] == WEEKEND].tolist()) == {49, 50, 51}


def test_every_bar_is_an_honest_one() -> None:
    for one in hours(weeks=30, paths=4):
        assert (one.low_points <= np.minimum(one.open_points, one.close_points)).all()
        assert (one.high_points >= np.maximum(one.open_points, one.close_points)).all()
        assert (one.low_points > 0).all()
        assert (np.diff(one.ts_open_utc_ns) > 0).all()


def test_the_same_seed_gives_the_same_bars_and_another_others() -> None:
    one, again, other = hours(seed=3)[0], hours(seed=3)[0], hours(seed=4)[0]
    np.testing.assert_array_equal(one.close_points, again.close_points)
    assert not np.array_equal(one.close_points, other.close_points)


def test_bars_without_clusters_tails_jumps_and_gaps_are_a_random_walk() -> None:
    plain = replace(
        SHAPE, hours=tuple(0.0 if hour == 17 else 1.0 for hour in range(24)), cluster_sd=(0.0,), cluster_kept=(0.0,),
        tail=1e6, jump_prob=0.0, reach=1.0, drift_vols=0.0, gap_vols=(0.0, 0.0, 0.0), vol_frac=0.002,
    )  # fmt: skip
    many = simulate(plain, np.random.default_rng(1), 100, np.full(8, 2_000.0))
    moved = np.concatenate([np.log(one.close_points / one.open_points) for one in many])
    ranged = np.concatenate([np.log(one.high_points / one.low_points) for one in many])
    assert np.std(moved) == pytest.approx(0.002, rel=0.01)
    assert np.mean(moved**4) / np.mean(moved**2) ** 2 == pytest.approx(3.0, abs=0.1)
    # The mean range of a Brownian path is sqrt(8 / pi) deviations: Feller (1951).
    assert ranged.mean() == pytest.approx(np.sqrt(8 / np.pi) * 0.002, rel=0.01)


def test_a_gap_opens_where_nothing_was_traded() -> None:
    gaps = replace(SHAPE, gap_vols=(0.0, 0.0, 2.0))
    one = simulate(gaps, np.random.default_rng(1), 30, np.array([2_000.0]))[0]
    step = np.abs(one.open_points[1:] - one.close_points[:-1])
    weekend = clock(30).gap[1:] == WEEKEND
    assert (step[weekend] > 0).all()
    assert step[~weekend].max() < 0.011


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hours": (1.0,) * 23}, "hours: 23 shares; give one for each of the day's 24 hours"),
        ({"gap_vols": (1.0,)}, "gap_vols: 1 numbers; give 3"),
        ({"cluster_sd": (1.0,)}, "cluster_sd has 1 numbers, cluster_kept 3"),
        ({"jump_prob": 1.0}, "jump_prob has 1.0: give 0 or more, and less than 1"),
        ({"tail": 2.0}, "tail = 2.0, gap_tail = 5.0: give more than 2"),
    ],
)
def test_a_shape_that_no_market_has_is_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(InputInvalid, match=said.replace("(", r"\(")):
        replace(SHAPE, **changed)  # type: ignore[arg-type]
