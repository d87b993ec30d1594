"""The exchanges' holiday rules, typed from what they publish: the second source of the calendar.

Nothing here comes from a library. `hours` answers for any date since 2013 by arithmetic, so that a
shipped table that was made from a library has something independent to be wrong against.
Source: CME Group and NYSE holiday schedules; closes of past holidays as traded.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final

CLOSED: Final = "closed"

MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Closes:
    """When a day's session and its cash session end, as New York "HH:MM", or "closed"."""

    session: str
    cash: str

    def earlier(self, other: "Closes") -> "Closes":
        """The more careful of two answers, each part by itself."""
        return Closes(session=_earlier(self.session, other.session), cash=_earlier(self.cash, other.cash))


def _earlier(one: str, two: str) -> str:
    return CLOSED if CLOSED in (one, two) else min(one, two)


def hours(calendar: str, day: date) -> Closes:
    """Closing times of `calendar` on a weekday by the exchange's rules.

    Raises: KeyError for a calendar without rules.
    """
    return _RULES[calendar](day)


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """The nth `weekday` (0 is Monday) of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar.

    Source: the anonymous algorithm in Meeus, Astronomical Algorithms (1991), chapter 8.
    """
    golden, century, of_century = year % 19, year // 100, year % 100
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - moon - of_century % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _observed(day: date) -> date:
    """A holiday on Saturday is kept on Friday, one on Sunday on Monday."""
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Year:
    """The special days of one year; `bank` are holidays on which Globex trades in the morning."""

    full: frozenset[date]
    good_friday: date
    bank: frozenset[date]
    eves: frozenset[date]


@cache
def _year(year: int) -> _Year:
    new_year, christmas, fourth = date(year, 1, 1), date(year, 12, 25), date(year, 7, 4)
    thanksgiving = nth_weekday(year, 11, THURSDAY, 4)
    memorial = nth_weekday(year, 5, MONDAY, 5)
    if memorial.month != 5:
        memorial -= timedelta(days=7)
    full = {_observed(christmas)}
    # A New Year's Day on Saturday is not kept: the books of the old year close on the Friday before.
    if new_year.weekday() != SATURDAY:
        full.add(_observed(new_year))
    bank = {
        nth_weekday(year, 1, MONDAY, 3),
        nth_weekday(year, 2, MONDAY, 3),
        memorial,
        _observed(fourth),
        nth_weekday(year, 9, MONDAY, 1),
        thanksgiving,
    }
    if year >= 2022:
        bank.add(_observed(date(year, 6, 19)))
    eves = {thanksgiving + timedelta(days=1)}
    eves |= {eve for eve in (date(year, 12, 24), date(year, 7, 3)) if eve.weekday() < FRIDAY}
    return _Year(
        full=frozenset(full),
        good_friday=easter(year) - timedelta(days=2),
        bank=frozenset(bank),
        eves=frozenset(eves - bank),
    )


# Announced for one day only: national days of mourning.
MOURNING: Final = (date(2018, 12, 5), date(2025, 1, 9))


def _nyse(day: date) -> str:
    year = _year(day.year)
    if day in year.full or day in year.bank or day == year.good_friday or day in MOURNING:
        return CLOSED
    return "13:00" if day in year.eves else "16:00"


def _cme_equity(day: date) -> Closes:
    year = _year(day.year)
    session = "17:00" if day >= date(2015, 9, 21) else "17:15"
    if day in year.full:
        session = CLOSED
    elif day == year.good_friday:
        # Open for the employment report, which comes on the first Friday of a month.
        session = "09:15" if day.day <= 7 and day.year >= 2015 else CLOSED
    elif day in year.bank:
        session = "13:00" if day >= date(2014, 3, 1) else "11:30"
    elif day in year.eves:
        session = "13:15"
    elif day in MOURNING:
        session = "09:30"
    return Closes(session=session, cash=_nyse(day))


def _cboe(day: date) -> Closes:
    cash = _nyse(day)
    return Closes(session={"16:00": "16:15", "13:00": "13:15"}.get(cash, CLOSED), cash=cash)


def _gold(day: date) -> Closes:
    year = _year(day.year)
    session = "17:00"
    if day in year.full or day == year.good_friday:
        session = CLOSED
    elif day in year.bank:
        session = "14:30" if day.year >= 2022 and day.weekday() != FRIDAY else "13:00"
    elif day in year.eves and day.month != 7:
        session = "13:45"
    return Closes(session=session, cash=session)


_RULES: Final = {"CME_Equity": _cme_equity, "CBOE_Index_Options": _cboe, "OTC_Gold": _gold}
