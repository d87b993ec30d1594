"""What a policy sees of the market: the same in training and live, from the past alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamma import calendar
from gamma.errors import InputInvalid
from gamma.feeds.series import Series
from gamma.marks import Mark, mark_bar
from models.futures.features import BARS_NEEDED, SEEN, HoursRow, bar_row, begin, bounds_of, hours, update
from models.futures.tape import MAY_ENTER, MUST_LEAVE, Tape, tape_of
from tests.models.futures.market_case import FRIDAY_BEFORE_DST, simulated

BARS = 1_500


@pytest.fixture(scope="module")
def series() -> Series:
    return simulated("MNQ", BARS)


@pytest.fixture(scope="module")
def tape(series: Series) -> Tape:
    return tape_of(series)


def one_by_one(series: Series, first: int = 0) -> np.ndarray:
    """What is seen when bars come one after the other, as live."""
    past, rows = begin(), []
    for bar in series.bars(first):
        session = calendar.session_at(series.market, bar.ts_close_utc_ns - 1)
        assert session is not None
        at = HoursRow(*(float(x) for x in hours(bar.ts_close_utc_ns, bounds_of(session))))
        past, seen = update(past, bar_row(bar), at)
        rows.append(seen)
    return np.array(rows, dtype=np.float32)


def test_bars_that_come_one_by_one_are_seen_as_all_at_once(series: Series, tape: Tape) -> None:
    """Over a weekend on which New York's clocks change."""
    assert series.ts_close_utc_ns[0] < FRIDAY_BEFORE_DST < series.ts_close_utc_ns[-1]
    assert len(tape) == len(series)
    assert np.array_equal(one_by_one(series), tape.seen)


def test_nothing_is_left_of_what_stood_before_the_bars_that_are_needed(series: Series, tape: Tape) -> None:
    late = one_by_one(series, len(series) - BARS_NEEDED - 300)
    assert np.allclose(late[BARS_NEEDED:], tape.seen[-300:], atol=1e-6)


@settings(max_examples=5)
@given(cut=st.integers(200, BARS - 50), seed=st.integers(0, 2**32 - 1))
def test_what_was_seen_does_not_know_the_future(series: Series, tape: Tape, cut: int, seed: int) -> None:
    order = np.arange(len(series))
    np.random.default_rng(seed).shuffle(order[cut:])
    names = ("open_points", "high_points", "low_points", "close_points", "volume_lots")
    other = tape_of(replace(series, **{name: getattr(series, name)[order] for name in names}))
    assert np.array_equal(other.seen[:cut], tape.seen[:cut])
    assert np.array_equal(other.atr_points[:cut], tape.atr_points[:cut])


def test_the_true_range_is_the_engines(series: Series, tape: Tape) -> None:
    mark, ranges = Mark(), []
    for bar in series.bars():
        mark = mark_bar(mark, bar)
        ranges.append(mark.atr_points)
    assert np.array_equal(ranges, tape.atr_points)


def test_all_that_is_seen_is_a_number_of_a_known_size(tape: Tape) -> None:
    assert tape.seen.shape == (BARS, len(SEEN))
    assert np.isfinite(tape.seen).all()
    assert np.abs(tape.seen).max() <= 10


def test_an_unknown_volume_is_said_to_be_unknown(series: Series) -> None:
    blind = tape_of(replace(series, volume_lots=np.full(len(series), np.nan)))
    assert not blind.seen[:, SEEN.index("has_volume")].any()
    assert not blind.seen[:, SEEN.index("volume_z")].any()
    assert np.isfinite(blind.seen).all()


def test_entries_end_and_positions_leave_before_the_moment_to_be_flat_by(tape: Tape) -> None:
    for at in range(len(tape)):
        session = calendar.session_at("MNQ", int(tape.ts_close_utc_ns[at]) - 1)
        assert session is not None
        left_s = (session.ts_flat_by_utc_ns - int(tape.ts_close_utc_ns[at])) / 1e9
        assert bool(tape.flags[at] & MUST_LEAVE) == (left_s <= 300)
        if tape.flags[at] & MAY_ENTER:
            assert left_s > 600
            assert session.ts_cash_open_utc_ns < tape.ts_close_utc_ns[at] <= session.ts_cash_close_utc_ns


def test_too_few_bars_are_refused() -> None:
    with pytest.raises(InputInvalid, match="40 bars lie in a session"):
        tape_of(simulated("MNQ", 40))
