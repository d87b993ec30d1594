"""Three years ahead, in six zones: no change of clocks and no early close moves, doubles or loses an hour.

What is expected is reckoned from New York's hours by zoneinfo, and read from a library that the calendar is not
made of. The machine's own zone is set to each of the six.
"""

import os
import time
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import exchange_calendars
import pytest

from gamma import calendar
from gamma.assembly import Hours
from gamma.bars import Session
from gamma.calendar import FlatBy, rolls
from gamma.profiles import load_profile, profile_names

ZONES: Final = ("America/New_York", "America/Chicago", "Europe/London", "Asia/Tokyo", "Australia/Sydney", "UTC")
NEW_YORK: Final = ZoneInfo("America/New_York")
FIRST, LAST = date(2026, 11, 21), date(2029, 11, 21)
MARKETS: Final = ("MNQ", "XAU_USD", "SPX", "KXBTC15M-X")
NS, MINUTE, HOUR = 10**9, 60 * 10**9, 3_600 * 10**9


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * NS


def new_york(ts_utc_ns: int) -> datetime:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC).astimezone(NEW_YORK)


@cache
def changes(zone: str) -> tuple[int, ...]:
    """The moments at which the clocks of a zone are changed, three years ahead [ns]."""
    found, moment, end = (
        [],
        datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC),
        datetime(2029, 11, 21, tzinfo=UTC),
    )
    while moment < end:
        later = moment + timedelta(hours=1)
        if moment.astimezone(ZoneInfo(zone)).utcoffset() != later.astimezone(ZoneInfo(zone)).utcoffset():
            found.append(ns(later))
        moment = later
    return tuple(found)


@pytest.fixture(params=ZONES, scope="module")
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The machine's own zone, with a calendar that was read in it."""
    before = os.environ.get("TZ")
    _set_zone(request.param)
    yield request.param
    _set_zone(before)


def _set_zone(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()
    calendar._table.cache_clear()


def ahead(market: str, flat_by: FlatBy | None = None) -> list[Session]:
    return calendar.sessions(market, FIRST, LAST, flat_by)


@cache
def library(name: str) -> dict[str, tuple[int, int]]:
    """Opening and closing moments of each session by a library that the calendar is not made of [ns]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own making
        found = cast("Any", exchange_calendars).get_calendar(name, start="2026-11-01", end="2029-12-31")
    return {
        day.date().isoformat(): (row["open"].value, row["close"].value)
        for day, row in found.schedule[["open", "close"]].iterrows()
    }


def test_the_clocks_of_the_six_zones_are_changed_as_often_as_they_are() -> None:
    """Three springs and three autumns ahead, and none where there is no summer time."""
    assert {zone: len(changes(zone)) for zone in ZONES} == {
        "America/New_York": 6,
        "America/Chicago": 6,
        "Europe/London": 6,
        "Asia/Tokyo": 0,
        "Australia/Sydney": 6,
        "UTC": 0,
    }


def test_the_zone_of_the_machine_moves_no_session(machine: str) -> None:
    assert set(time.tzname) >= {datetime(2027, month, 4, tzinfo=ZoneInfo(machine)).tzname() for month in (1, 7)}
    for market in ("MNQ", "SPX"):
        theirs = library("CMES" if market == "MNQ" else "XNYS")
        ours = {day.date: day for day in ahead(market)}
        for name, day in ours.items():
            if market == "SPX":
                assert theirs[name] == (day.ts_cash_open_utc_ns, day.ts_cash_close_utc_ns)
            elif name in theirs:
                # Its week of futures begins at 17:00 of Chicago and lasts through the break; ours ends before it.
                opened, closed = theirs[name]
                assert opened == day.ts_open_utc_ns
                assert day.ts_close_utc_ns == closed - HOUR or day.early_close


def test_each_session_has_its_hours_of_new_york_whatever_the_machines_zone(machine: str) -> None:  # noqa: ARG001
    for day in ahead("MNQ") + ahead("XAU_USD"):
        opened, closed = new_york(day.ts_open_utc_ns), new_york(day.ts_close_utc_ns)
        assert (opened.hour, opened.minute) == (18, 0)
        assert opened.date() == date.fromisoformat(day.date) - timedelta(days=1)
        assert closed.date() == date.fromisoformat(day.date)
        assert day.early_close or (closed.hour, closed.minute) == (17, 0)
        assert day.ts_close_utc_ns - day.ts_open_utc_ns == 23 * HOUR or day.early_close


def test_round_the_clock_no_hour_is_doubled_or_lost(machine: str) -> None:  # noqa: ARG001
    days = ahead("KXBTC15M-X")
    thursdays = sum(date.fromisoformat(day.date).weekday() == 3 for day in days)
    open_ns = sum(day.ts_close_utc_ns - day.ts_open_utc_ns for day in days)
    assert open_ns == days[-1].ts_close_utc_ns - days[0].ts_open_utc_ns - thursdays * 2 * HOUR
    for day, following in pairwise(days):
        assert following.ts_open_utc_ns - day.ts_close_utc_ns in (0, 2 * HOUR)
    lengths = {day.date: (day.ts_close_utc_ns - day.ts_open_utc_ns) // HOUR for day in days}
    assert [lengths[day] for day in ("2027-03-14", "2028-03-12", "2029-03-11")] == [23, 23, 23]
    assert [lengths[day] for day in ("2027-11-07", "2028-11-05", "2029-11-04")] == [25, 25, 25]


@pytest.mark.parametrize("zone", ZONES)
def test_around_each_change_every_moment_is_in_one_session_or_in_a_break(zone: str) -> None:
    """Half an hour by half an hour, two days before to three days after."""
    for market in MARKETS:
        days = ahead(market)
        opens, closes = [day.ts_open_utc_ns for day in days], [day.ts_close_utc_ns for day in days]
        for change in changes(zone):
            for ts in range(change - 48 * HOUR, change + 72 * HOUR, 30 * MINUTE):
                for moment in (ts - 1, ts):
                    at = bisect_right(opens, moment) - 1
                    inside = days[at] if at >= 0 and moment < closes[at] else None
                    assert calendar.session_at(market, moment) == inside
                    assert calendar.next_session(market, moment) == days[bisect_left(opens, moment)]
                    assert calendar.last_session(market, moment) == days[bisect_left(opens, moment) - 1]


def test_before_each_early_close_there_is_a_moment_to_be_flat_by(machine: str) -> None:  # noqa: ARG001
    """For every profile's own time: a margin before the close, or the profile's time where that is earlier."""
    rules = {FlatBy(time=load_profile(name).flat_by_new_york.value) for name in profile_names()}
    rules |= {FlatBy(), FlatBy(time="15:10", margin_s=600), FlatBy(time="13:14", margin_s=1)}
    for rule in rules:
        hour, minute = map(int, rule.time.split(":"))
        for market in ("MNQ", "XAU_USD", "SPX"):
            for day in ahead(market, rule):
                on = date.fromisoformat(day.date)
                ruled = ns(datetime(on.year, on.month, on.day, hour, minute, tzinfo=NEW_YORK))
                assert day.ts_flat_by_utc_ns == min(ruled, day.ts_close_utc_ns - rule.margin_s * NS)
                assert day.ts_open_utc_ns < day.ts_flat_by_utc_ns < day.ts_close_utc_ns
                found = Hours(flat_by=rule).session(market, day.ts_flat_by_utc_ns)
                assert found is not None
                assert replace(found, ts_roll_utc_ns=0) == day
    early = [day.date for day in ahead("MNQ") if day.early_close]
    assert len(early) == 27


def test_each_early_close_of_the_cash_market_is_known_to_the_other_library(machine: str) -> None:  # noqa: ARG001
    theirs = {name for name, (_, closed) in library("XNYS").items() if new_york(closed).hour == 13}
    ours = {day.date for day in ahead("SPX") if day.early_close}
    assert ours == {name for name in theirs if FIRST.isoformat() <= name <= LAST.isoformat()}


def test_a_new_day_begins_once_and_a_contract_rolls_on_its_day(machine: str) -> None:  # noqa: ARG001
    """The day's reset: one session a date, in order, each opening on the evening before; and quarterly rolls."""
    days = ahead("MNQ")
    assert [day.date for day in days] == sorted({day.date for day in days})
    fronts = [rolls.front_contract("MNQ", day.date).month for day in days]
    rolled = [day.date for day, (before, after) in zip(days[1:], pairwise(fronts), strict=True) if before != after]
    assert len(rolled) == 12
    assert all(date.fromisoformat(day).weekday() in (0, 1) for day in rolled)
    assert rolled[:4] == ["2026-12-14", "2027-03-15", "2027-06-14", "2027-09-13"]
