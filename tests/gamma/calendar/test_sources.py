"""The shipped table against two maintained libraries, the exchange's rules, and bars that traded."""

import warnings
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import exchange_calendars
import numpy as np
import polars as pl
import pytest

from gamma import calendar
from gamma.calendar import NEW_YORK, NS, rules, sources

REAL = Path(__file__).parents[3] / "../shared/data"
TODAY = date(2026, 11, 21)
AHEAD = (TODAY, date(2029, 11, 21))
LIBRARY_END = date(2029, 12, 31)


def closes(market: str) -> dict[date, str]:
    """New York closing time of each session of the whole calendar."""
    days = calendar.sessions(market, calendar.FIRST_DATE, LIBRARY_END)
    return {date.fromisoformat(day.date): _time(day.ts_close_utc_ns) for day in days}


def _time(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns / NS, NEW_YORK).strftime("%H:%M")


def library(name: str) -> dict[date, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own making
        found = cast("Any", exchange_calendars).get_calendar(name, start="2013-01-01", end=LIBRARY_END.isoformat())
    ends = found.schedule["close"].dt.tz_convert("America/New_York")
    return {day.date(): close.strftime("%H:%M") for day, close in ends.items()}


def test_the_shipped_table_is_what_the_installed_library_says() -> None:
    assert sources.main([]) == 0, "run: python -m gamma.calendar.sources --write, and look at the difference"


def test_a_stale_table_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rows = sources.written()
    monkeypatch.setattr(sources, "rows", lambda: rows[1:])
    assert sources.main([]) == 1
    assert capsys.readouterr().out.startswith("only shipped: CBOE_Index_Options, 2013-01-01, closed, closed")


def test_writing_and_reading_the_table_loses_nothing(tmp_path: Path) -> None:
    sources.write(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_bytes() == calendar.TABLE_PATH.read_bytes()


def test_both_sources_agree_on_index_futures_and_options_for_three_years() -> None:
    assert calendar.disagreements("MNQ", *AHEAD) == []
    assert calendar.disagreements("SPX", *AHEAD) == []
    assert all(calendar.agrees("MNQ", day.date) for day in calendar.sessions("MNQ", *AHEAD))


def test_the_days_on_which_gold_differs_are_listed_and_take_the_earlier_close() -> None:
    differ = calendar.disagreements("XAU_USD", *AHEAD)
    assert [(day.date, day.table.session, day.rules.session) for day in differ] == [
        ("2026-11-27", "14:45", "13:45"),
        ("2027-06-18", "14:30", "13:00"),
    ]
    assert not calendar.agrees("XAU_USD", "2026-11-27")
    assert [closes("XAU_USD")[date.fromisoformat(day.date)] for day in differ] == ["13:45", "13:00"]


def test_a_second_library_keeps_the_same_cash_days_and_hours() -> None:
    ours = {
        date.fromisoformat(day.date): _time(day.ts_cash_close_utc_ns)
        for day in calendar.sessions("SPX", calendar.FIRST_DATE, LIBRARY_END)
    }
    assert ours == library("XNYS")


def test_a_second_library_differs_on_globex_only_where_it_is_known_to() -> None:
    ours, theirs = closes("ES"), library("CMES")
    assert set(theirs) - set(ours) == set()
    # It shuts every Good Friday, and both days of mourning.
    only_ours = {rules.easter(year) - timedelta(days=2) for year in (2015, 2021, 2023, 2026)} | set(rules.MOURNING)
    assert set(ours) - set(theirs) == only_ours
    early_theirs = {day for day, close in theirs.items() if close != "18:00"}
    early_ours = {day for day, close in ours.items() if close not in ("17:00", "17:15")} - only_ours
    assert early_theirs <= early_ours
    # It has neither the eve of Independence Day nor Juneteenth.
    assert {(day.month, day.day) for day in early_ours - early_theirs} <= {(7, 3), (6, 18), (6, 19), (6, 20)}


@pytest.mark.parametrize(
    ("year", "sunday"),
    [
        (2013, "03-31"),
        (2019, "04-21"),
        (2024, "03-31"),
        (2025, "04-20"),
        (2026, "04-05"),
        (2030, "04-21"),
        (2038, "04-25"),
    ],
)
def test_easter_falls_where_the_church_says(year: int, sunday: str) -> None:
    assert rules.easter(year).isoformat() == f"{year}-{sunday}"


@pytest.mark.parametrize("year", [2014, 2015, 2016, 2017, 2018, 2019, 2020, 2021, 2022])
def test_bars_that_traded_lie_in_our_sessions_and_end_when_they_do(year: int) -> None:
    path = REAL / f"cme/NQ_1m_{year}.parquet"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: real bars are not shipped")
    ts = pl.read_parquet(path, columns=["ts"])["ts"].dt.epoch("ns").to_numpy()
    opens, ends = calendar.bounds("NQ")
    at = np.searchsorted(opens, ts, side="right") - 1
    # A source's stray print in the minute of the close is not the exchange's hours.
    assert (ts >= ends[at]).sum() <= 3
    held = np.unique(at)
    first, last = held.min(), held.max()
    assert len(held) == last - first + 1, "a session of ours has no bar"
    final = ts[np.searchsorted(ts, ends[held]) - 1]
    late = (ends[held] - final) > 60 * NS
    assert late.sum() <= 2, f"{late.sum()} sessions end before our close"


def test_index_futures_of_2025_were_shut_on_good_friday_and_short_on_the_day_of_mourning() -> None:
    path = REAL / "cme/ES_1m_202412_202506.parquet"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: real bars are not shipped")
    ts = pl.read_parquet(path, columns=["ts"])["ts"].dt.epoch("ns").to_numpy()
    opens, ends = calendar.bounds("ES")
    at = np.searchsorted(opens, ts, side="right") - 1
    assert (ts < ends[at]).all()
    days = calendar.sessions("ES", "2024-12-03", "2025-06-30")
    assert len(np.unique(at)) == len(days) + 1  # and the evening of the last day
