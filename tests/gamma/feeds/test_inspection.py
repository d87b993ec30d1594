"""What is odd in bars, in sessions of every kind."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma import calendar
from gamma.feeds.contracts import cut
from gamma.feeds.inspection import inspect, sessions_of
from gamma.feeds.series import NS, Series, coarser
from tests.gamma.feeds.series_case import made

# Weeks with a change of clocks or an early close, and any other.
ODD_DAYS = ("2025-03-09", "2025-11-02", "2024-11-29", "2024-12-24", "2025-07-03", "2025-11-27", "2014-03-09")


def without(series: Series, first: int, last: int) -> Series:
    kept = np.delete(np.arange(len(series)), np.arange(first, last))
    return replace(
        series,
        ts_open_utc_ns=series.ts_open_utc_ns[kept],
        ts_close_utc_ns=series.ts_close_utc_ns[kept],
        open_points=series.open_points[kept],
        high_points=series.high_points[kept],
        low_points=series.low_points[kept],
        close_points=series.close_points[kept],
        volume_lots=series.volume_lots[kept],
        spread_points=series.spread_points[kept],
    )


DAYS = st.one_of(
    st.sampled_from(ODD_DAYS).map(date.fromisoformat),
    st.dates(date(2013, 2, 1), date(2030, 11, 1)),
)


@given(day=DAYS, market=st.sampled_from(("NQ", "MES", "XAU_USD")), bar_s=st.sampled_from((300, 900, 3_600, 14_400)))
def test_longer_bars_never_leave_their_session_and_lose_nothing(day: date, market: str, bar_s: int) -> None:
    fine = made(market, day.isoformat(), (day + timedelta(days=5)).isoformat())
    made_longer = coarser(fine, bar_s)
    sessions = calendar.sessions(market, day, day + timedelta(days=5))
    number = sessions_of(made_longer)
    firsts = np.flatnonzero(np.diff(number, prepend=-2))
    lasts = np.append(firsts[1:], len(number)) - 1
    assert made_longer.ts_open_utc_ns[firsts].tolist() == [s.ts_open_utc_ns for s in sessions]
    assert made_longer.ts_close_utc_ns[lasts].tolist() == [s.ts_close_utc_ns for s in sessions]
    within = np.delete(np.arange(len(number)), lasts)
    assert (made_longer.ts_close_utc_ns - made_longer.ts_open_utc_ns)[within].tolist() == [bar_s * NS] * len(within)
    assert made_longer.volume_lots.sum() == fine.volume_lots.sum()
    assert (made_longer.high_points.max(), made_longer.low_points.min()) == (
        fine.high_points.max(),
        fine.low_points.min(),
    )


@given(day=DAYS, market=st.sampled_from(("NQ", "XAU_USD")))
def test_whole_sessions_have_no_hole_whatever_the_clocks_do(day: date, market: str) -> None:
    assert inspect(made(market, day.isoformat(), (day + timedelta(days=6)).isoformat())).holes == ()


def test_a_hole_is_told_with_its_length_and_its_part_of_the_day() -> None:
    day = made("NQ", "2024-12-10", "2024-12-10")
    cash = calendar.sessions("NQ", "2024-12-10", "2024-12-10")[0].ts_cash_open_utc_ns
    at = int(np.searchsorted(day.ts_open_utc_ns, cash)) + 10
    (hole,) = inspect(without(day, at, at + 7)).holes
    assert (hole.ts_from_utc_ns, hole.ts_to_utc_ns, hole.bars, hole.in_cash) == (
        cash + 600 * NS,
        cash + 1_020 * NS,
        7,
        True,
    )
    assert not inspect(without(day, 10, 12)).holes[0].in_cash


@pytest.mark.parametrize(("day", "holes"), [("2021-06-25", 0), ("2021-06-28", 1)])
def test_the_daily_pause_that_there_used_to_be_is_no_hole(day: str, holes: int) -> None:
    whole = made("NQ", day, day)
    first, last = (
        int(np.searchsorted(whole.ts_open_utc_ns, calendar.utc_ns(date.fromisoformat(day), time)))
        for time in ("16:15", "16:30")
    )
    assert len(inspect(without(whole, first, last)).holes) == holes


def test_a_wild_print_that_comes_back_is_a_spike_and_a_market_that_moves_away_is_not() -> None:
    day = made("NQ", "2024-12-10", "2024-12-10")
    high = day.high_points.copy()
    high[700] += 150.0
    (spike,) = inspect(replace(day, high_points=high)).spikes
    assert (spike.ts_open_utc_ns, spike.beyond_points > 140.0) == (int(day.ts_open_utc_ns[700]), True)
    later = np.where(np.arange(len(day)) >= 700, 150.0, 0.0)
    moved_away = replace(day, high_points=day.high_points + later, low_points=day.low_points + later)
    assert inspect(moved_away).spikes == ()


def test_the_first_bar_of_a_session_may_be_anywhere() -> None:
    days = made("NQ", "2024-12-10", "2024-12-11")
    first = int(np.flatnonzero(np.diff(sessions_of(days)))[0]) + 1
    high = days.high_points.copy()
    high[first] += 150.0
    assert inspect(replace(days, high_points=high)).spikes == ()


def test_a_price_that_stands_still_for_half_an_hour_of_the_cash_session_is_frozen() -> None:
    day = made("NQ", "2024-12-10", "2024-12-10")
    cash = int(
        np.searchsorted(day.ts_open_utc_ns, calendar.sessions("NQ", "2024-12-10", "2024-12-10")[0].ts_cash_open_utc_ns)
    )
    for first, found in ((cash + 30, 1), (10, 0)):
        still = slice(first, first + 30)
        prices = {name: getattr(day, f"{name}_points").copy() for name in ("open", "high", "low", "close")}
        for column in prices.values():
            column[still] = 20_000.0
        frozen = inspect(
            replace(
                day,
                open_points=prices["open"],
                high_points=prices["high"],
                low_points=prices["low"],
                close_points=prices["close"],
            )
        ).frozen
        assert [one.bars for one in frozen] == [30] * found


def test_bars_without_volume_are_counted_and_unknown_volume_is_not() -> None:
    day = made("NQ", "2024-12-10", "2024-12-10")
    assert inspect(replace(day, volume_lots=np.where(np.arange(len(day)) < 3, 0.0, day.volume_lots))).idle == 3
    assert inspect(replace(day, volume_lots=np.full(len(day), np.nan))).idle == 0


def test_a_bar_or_two_have_nothing_odd() -> None:
    day = made("NQ", "2024-12-10", "2024-12-10")
    found = inspect(cut(day, 0, int(day.ts_open_utc_ns[2])))
    assert (found.holes, found.spikes, found.frozen) == ((), (), ())
