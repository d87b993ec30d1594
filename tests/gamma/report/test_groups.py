"""Trades in groups, months and windows, worked by hand."""

import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from gamma import stats
from gamma.calendar import NEW_YORK
from gamma.history import History
from gamma.report import Subject, groups, months, rolling, trades
from tests.gamma.history.case import MINUTE_NS, traded
from tests.gamma.report.case import subject


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()) * 10**9


def told(*pnl_usd: float, sessions: tuple[str, ...] = ("2025-01-30", "2025-01-31", "2025-02-03")) -> History:
    """One trade at noon of each session."""
    closes = np.array([at(f"{day}T17:00") for day in sessions], dtype=np.int64)
    made = tuple(
        traded(pnl, ts_open_utc_ns=at(f"{day}T11:00"), ts_close_utc_ns=at(f"{day}T12:00"))
        for day, pnl in zip(sessions, pnl_usd, strict=True)
    )
    equity = 1_000.0 + np.cumsum(pnl_usd)
    ts = np.array([one.ts_close_utc_ns for one in made], dtype=np.int64)
    return History(
        start_usd=1_000.0, trades=made, ts_mark_utc_ns=ts, high_usd=equity, low_usd=equity, close_usd=equity,
        sessions=sessions, ts_session_close_utc_ns=closes, session_close_usd=equity,
    )  # fmt: skip


def test_hours_are_new_york_s_and_begin_in_the_evening() -> None:
    made = [traded(1.0, ts_open_utc_ns=at(f"2025-07-01T{hour}:59")) for hour in ("09", "00", "18", "09")]
    found = groups.by_hour(made)
    assert [(one.label, one.trades) for one in found] == [("18", 1), ("0", 1), ("9", 2)]


def test_a_group_s_interval_is_that_of_the_mean_times_its_trades() -> None:
    made = [traded(pnl) for pnl in (10.0, -5.0, 30.0, -5.0, 12.0)]
    (found,) = groups.grouped(made, lambda trade: trade.market)
    low, high = stats.bootstrap([10.0, -5.0, 30.0, -5.0, 12.0], stats.mean)
    assert (found.pnl_usd, found.trades, found.wins) == (42.0, 5, 3)
    assert (found.low_usd, found.high_usd) == (5 * low, 5 * high)


def test_one_trade_alone_has_no_interval() -> None:
    assert not groups.grouped([traded(1.0)], lambda trade: trade.market)[0].known


def test_a_side_without_a_trade_is_left_out() -> None:
    assert [one.label for one in groups.by_side([traded(1.0, side=-1)])] == ["short"]


def test_months_return_on_the_equity_that_they_began_with() -> None:
    found = months.months(told(100.0, 100.0, -60.0))
    assert [(one.name, one.sessions, one.trades, one.pnl_usd) for one in found] == [
        ("2025-01", 2, 2, 200.0),
        ("2025-02", 1, 1, -60.0),
    ]
    assert [one.return_frac for one in found] == [0.2, pytest.approx(-0.05)]
    (year,) = months.years(told(100.0, 100.0, -60.0))
    assert year.pnl_usd == 140.0
    assert year.return_frac == pytest.approx(0.14)


def test_many_months_are_a_grid_of_years() -> None:
    days = [f"{year}-{month:02d}-03" for year in (2022, 2023, 2024) for month in range(1, 13)][:-1]
    history = told(*([10.0] * len(days)), sessions=tuple(days))
    returns, pnl = months.section(Subject(title="x", source="x", history=history)).tables
    assert returns.columns[:3] == ("year", "Jan", "Feb")
    assert pnl.rows[0] == ("2022", *["10"] * 12, "120")
    assert pnl.rows[2] == ("2024", *["10"] * 11, "", "110")
    assert returns.rows[0][1] == "1.0"


def test_the_window_is_the_longest_that_fits_twice(tmp_path: Path) -> None:
    about = subject(tmp_path, months=4).history
    assert len(about.sessions) == 78
    assert rolling.window_sessions(about) == 20
    found = rolling.rolling(about, 20)
    assert len(found) == 59
    assert found[-1] == pytest.approx(stats.sharpe_annual(about.session_returns[-20:], 252))


def test_too_few_sessions_have_no_window_and_say_so(tmp_path: Path) -> None:
    section = rolling.section(subject(tmp_path, months=1))
    assert not section.pictures
    assert "too few" in section.words[0]


def test_an_excursion_is_measured_from_where_equity_stood() -> None:
    history = told(100.0, -60.0, 20.0)
    inside = History(
        start_usd=1_000.0, trades=history.trades, ts_mark_utc_ns=history.ts_mark_utc_ns,
        high_usd=history.close_usd + 40.0, low_usd=history.close_usd - 150.0, close_usd=history.close_usd,
        sessions=history.sessions, ts_session_close_utc_ns=history.ts_session_close_utc_ns,
        session_close_usd=history.session_close_usd,
    )  # fmt: skip
    found = trades.excursions(inside)
    assert found.rows.tolist() == [0, 1, 2]
    assert found.against_usd.tolist() == [50.0, 210.0, 130.0]
    assert found.in_favour_usd.tolist() == [140.0, 0.0, 60.0]


def test_trades_that_overlap_have_no_excursion_of_their_own() -> None:
    history = told(100.0, -60.0, 20.0)
    first, second, third = history.trades
    both = (first, traded(5.0, ts_open_utc_ns=first.ts_open_utc_ns + MINUTE_NS, ts_close_utc_ns=first.ts_close_utc_ns))
    crossed = History(
        start_usd=1_000.0, trades=(*both, second, third), ts_mark_utc_ns=history.ts_mark_utc_ns,
        high_usd=history.high_usd, low_usd=history.low_usd, close_usd=history.close_usd, sessions=history.sessions,
        ts_session_close_utc_ns=history.ts_session_close_utc_ns, session_close_usd=history.session_close_usd,
    )  # fmt: skip
    assert trades.excursions(crossed).rows.tolist() == [2, 3]
    assert math.isnan(groups.grouped(both[:1], lambda trade: trade.market)[0].low_usd)
