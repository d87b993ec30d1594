"""When each market trades: sessions, early closes, the moment to be flat by.

The daemon reads a shipped table of exceptions, which is made from a maintained calendar library
(`gamma.calendar.sources`) and is checked, day by day, against the exchanges' rules as typed in
`gamma.calendar.rules`. Where the two differ the earlier close holds and `agrees` is False: no entries.
All times of day are New York's.
"""

import csv
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from gamma import markets
from gamma.bars import Session
from gamma.calendar.rules import CLOSED, THURSDAY, Closes, hours
from gamma.errors import InputInvalid

NEW_YORK: Final = ZoneInfo("America/New_York")
FIRST_DATE: Final = date(2013, 1, 1)
LAST_DATE: Final = date(2030, 12, 31)
TABLE_PATH: Final = Path(__file__).with_name("exceptions.csv")
NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Regular:
    """The hours of an ordinary day. `evening` markets open on the evening before their trading day."""

    opens: str
    session: str
    cash_opens: str
    cash: str
    evening: bool = False
    before: tuple[date, str] | None = None

    def closes(self, day: date) -> Closes:
        """Closing times of an ordinary `day`; `before` holds an older close and the day it ended."""
        session = self.before[1] if self.before and day < self.before[0] else self.session
        return Closes(session=session, cash=self.cash)


REGULAR: Final[dict[str, Regular]] = {
    "CME_Equity": Regular(
        opens="18:00",
        session="17:00",
        cash_opens="09:30",
        cash="16:00",
        evening=True,
        before=(date(2015, 9, 21), "17:15"),
    ),
    "OTC_Gold": Regular(opens="18:00", session="17:00", cash_opens="18:00", cash="17:00", evening=True),
    "CBOE_Index_Options": Regular(opens="09:30", session="16:15", cash_opens="09:30", cash="16:00"),
}
KALSHI: Final = "Kalshi"
CALENDARS: Final = (*REGULAR, KALSHI)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatBy:
    """When to be flat: T = min(`time` of an account's profile, the session's close - `margin_s`).

    A market that trades round the clock has no such time: there T is the close.
    """

    time: str = "16:59"
    margin_s: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A day on which the shipped table and the exchange's rules differ."""

    calendar: str
    date: str
    table: Closes
    rules: Closes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sessions:
    """Sessions of one calendar in order of time, as columns."""

    dates: list[str]
    opens: list[int]
    closes: list[int]
    cash_opens: list[int]
    cash_closes: list[int]
    early: list[bool]
    differ: dict[str, Disagreement]


def sessions(market: str, first: str | date, last: str | date, flat_by: FlatBy | None = None) -> list[Session]:
    """Sessions of a market (or of a calendar, by its name) whose trading day is in `first..last`.

    Raises: InputInvalid for an unknown market, or a day that the calendar does not cover.
    """
    table = _table(calendar_of(market))
    start, end = (_covered(market, day).isoformat() for day in (first, last))
    return [
        _session(market, table, i, flat_by)
        for i in range(bisect_left(table.dates, start), bisect_right(table.dates, end))
    ]


def session_at(market: str, ts_utc_ns: int, flat_by: FlatBy | None = None) -> Session | None:
    """The session in which the market is open at `ts_utc_ns`: open <= ts < close; None when it is shut.

    Raises: InputInvalid for an unknown market, or a time that the calendar does not cover.
    """
    table = _reaching(market, ts_utc_ns)
    i = bisect_right(table.opens, ts_utc_ns) - 1
    return _session(market, table, i, flat_by) if i >= 0 and ts_utc_ns < table.closes[i] else None


def next_session(market: str, ts_utc_ns: int, flat_by: FlatBy | None = None) -> Session:
    """The first session that opens at or after `ts_utc_ns`.

    Raises: InputInvalid for an unknown market, or when the calendar ends before it.
    """
    table = _reaching(market, ts_utc_ns)
    i = bisect_left(table.opens, ts_utc_ns)
    if i == len(table.opens):
        raise _uncovered(market, f"the session after {ts_utc_ns} ns")
    return _session(market, table, i, flat_by)


def last_session(market: str, ts_utc_ns: int, flat_by: FlatBy | None = None) -> Session:
    """The last session that opened before `ts_utc_ns`: the running one, or the one that closed last.

    Raises: InputInvalid for an unknown market, or when the calendar begins after it.
    """
    table = _reaching(market, ts_utc_ns)
    i = bisect_left(table.opens, ts_utc_ns) - 1
    if i < 0:
        raise _uncovered(market, f"the session before {ts_utc_ns} ns")
    return _session(market, table, i, flat_by)


def bounds(market: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Opening and closing times of every session of a market [ns].

    Shapes: two [S], rising.
    """
    table = _table(calendar_of(market))
    return np.array(table.opens, dtype=np.int64), np.array(table.closes, dtype=np.int64)


def reaches(market: str, ts_utc_ns: int, days: int = 60) -> bool:
    """Whether the calendar knows the sessions of the next `days`."""
    ahead = datetime.fromtimestamp(ts_utc_ns // NS, UTC).date() + timedelta(days=days)
    return calendar_of(market) in CALENDARS and FIRST_DATE <= ahead <= LAST_DATE


def agrees(market: str, day: str) -> bool:
    """Whether both sources give the same hours on an ISO trading day; no entries where they do not."""
    return day not in _table(calendar_of(market)).differ


def disagreements(market: str, first: str | date, last: str | date) -> list[Disagreement]:
    """The days in `first..last` on which the two sources differ."""
    start, end = (_covered(market, day).isoformat() for day in (first, last))
    differ = _table(calendar_of(market)).differ
    return [found for day, found in differ.items() if start <= day <= end]


def calendar_of(market: str) -> str:
    """The name of a market's calendar; a calendar's own name is taken as it is.

    Raises: InputInvalid for an unknown market.
    """
    return market if market in CALENDARS else markets.market(market).calendar


def utc_ns(day: date, time: str, *, days: int = 0) -> int:
    """A New York time of day, "HH:MM" on `day` + `days`, as UTC [ns]."""
    hour, minute = time.split(":")
    moment = datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=NEW_YORK)
    return int((moment + timedelta(days=days)).timestamp()) * NS


# The evening before the first day belongs to it; the evening of the last day to a day that is not covered.
_TS_FROM: Final = utc_ns(FIRST_DATE, "18:00", days=-1)
_TS_UNTIL: Final = utc_ns(LAST_DATE, "18:00")


def _session(market: str, table: _Sessions, i: int, flat_by: FlatBy | None) -> Session:
    rule = flat_by or FlatBy()
    ts_flat_by = table.closes[i]
    if calendar_of(market) != KALSHI:
        ts_flat_by = min(utc_ns(date.fromisoformat(table.dates[i]), rule.time), ts_flat_by - rule.margin_s * NS)
    return Session(
        market=market,
        date=table.dates[i],
        ts_open_utc_ns=table.opens[i],
        ts_close_utc_ns=table.closes[i],
        ts_cash_open_utc_ns=table.cash_opens[i],
        ts_cash_close_utc_ns=table.cash_closes[i],
        ts_flat_by_utc_ns=ts_flat_by,
        early_close=table.early[i],
    )


def _covered(market: str, day: str | date) -> date:
    try:
        found = day if isinstance(day, date) else date.fromisoformat(day)
    except ValueError as bad:
        raise InputInvalid(f"{market}: {day!r} is no day; write it as YYYY-MM-DD") from bad
    if not FIRST_DATE <= found <= LAST_DATE:
        raise _uncovered(market, found.isoformat())
    return found


def _uncovered(market: str, what: str) -> InputInvalid:
    return InputInvalid(f"{market}: the calendar covers {FIRST_DATE} to {LAST_DATE}, not {what}; update gamma")


def _reaching(market: str, ts_utc_ns: int) -> _Sessions:
    if not _TS_FROM <= ts_utc_ns < _TS_UNTIL:
        raise _uncovered(market, f"{ts_utc_ns} ns since 1970")
    return _table(calendar_of(market))


@cache
def _table(calendar: str) -> _Sessions:
    if calendar not in CALENDARS:
        raise InputInvalid(f"unknown calendar {calendar!r}; known: {', '.join(CALENDARS)}")
    table = _Sessions(dates=[], opens=[], closes=[], cash_opens=[], cash_closes=[], early=[], differ={})
    exceptions = _exceptions(calendar)
    day = FIRST_DATE
    while day <= LAST_DATE:
        if calendar == KALSHI:
            _add_round_the_clock(table, day)
        elif day.weekday() < 5:
            _add(table, calendar, day, exceptions)
        day += timedelta(days=1)
    return table


def _exceptions(calendar: str) -> dict[str, Closes]:
    with TABLE_PATH.open(newline="", encoding="utf-8") as lines:
        return {
            line["date"]: Closes(session=line["close"], cash=line["cash_close"])
            for line in csv.DictReader(lines)
            if line["calendar"] == calendar
        }


def _add(table: _Sessions, calendar: str, day: date, exceptions: dict[str, Closes]) -> None:
    regular, name = REGULAR[calendar], day.isoformat()
    ordinary = regular.closes(day)
    shipped, ruled = exceptions.get(name, ordinary), hours(calendar, day)
    if shipped != ruled:
        table.differ[name] = Disagreement(calendar=calendar, date=name, table=shipped, rules=ruled)
    closes = shipped.earlier(ruled)
    if closes.session == CLOSED:
        return
    evening = -1 if regular.evening else 0
    ts_open, ts_close = utc_ns(day, regular.opens, days=evening), utc_ns(day, closes.session)
    ts_cash_open = ts_cash_close = ts_close
    if closes.cash != CLOSED:
        cash_evening = evening if regular.cash_opens == regular.opens else 0
        ts_cash_open, ts_cash_close = utc_ns(day, regular.cash_opens, days=cash_evening), utc_ns(day, closes.cash)
    table.dates.append(name)
    table.opens.append(ts_open)
    table.closes.append(ts_close)
    table.cash_opens.append(ts_cash_open)
    table.cash_closes.append(ts_cash_close)
    table.early.append(closes.session < ordinary.session)


def _add_round_the_clock(table: _Sessions, day: date) -> None:
    """Kalshi: a day runs from midnight to midnight, but for Thursday's maintenance from 03:00 to 05:00."""
    opens = "05:00" if day.weekday() == THURSDAY else "00:00"
    eve_of_maintenance = day.weekday() == THURSDAY - 1
    ts_open = utc_ns(day, opens)
    ts_close = utc_ns(day, "03:00" if eve_of_maintenance else "00:00", days=1)
    table.dates.append(day.isoformat())
    table.opens.append(ts_open)
    table.closes.append(ts_close)
    table.cash_opens.append(ts_open)
    table.cash_closes.append(ts_close)
    table.early.append(False)
