"""Makes and checks the shipped table of exceptions from the maintained calendar libraries.

    python -m gamma.calendar.sources            compare the shipped table with the installed library
    python -m gamma.calendar.sources --write    write the table anew

The daemon never imports this module: it needs pandas, which costs a second and 100 MiB at start-up.
"""

import argparse
import csv
import sys
import warnings
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas_market_calendars

from gamma.calendar import FIRST_DATE, LAST_DATE, REGULAR, TABLE_PATH
from gamma.calendar.rules import CLOSED, MOURNING, Closes, easter, nth_weekday


class Row(NamedTuple):
    """One line of the table: a day whose hours are not the regular ones, and who says so."""

    calendar: str
    date: str
    close: str
    cash_close: str
    source: str


class Correction(NamedTuple):
    """Where the library was seen to be wrong, and what shows it."""

    close: str
    evidence: str


LIBRARY: Final = "pandas-market-calendars"
FRIDAY_SHUT: Final = "shut on a Good Friday without an employment report, as bars of 2024 and 2025 show"
MOURNED: Final = "day of mourning, announced by the exchange; bars end at 09:30"
LABOR_DAY: Final = "bars of 2022 to 2024 run to 14:30, as on the other bank holidays"
CHRISTMAS_EVE: Final = "bars of 2015, 2018 to 2020 and 2024 end before 14:00; the library has it from 2026"


def corrections(calendar: str) -> dict[date, Correction]:
    """What is changed in the library's answer, by day."""
    years = range(FIRST_DATE.year, LAST_DATE.year + 1)
    if calendar == "CME_Equity":
        fridays = {easter(year) - timedelta(days=2) for year in years if year >= 2023}
        shut = {day: Correction(CLOSED, FRIDAY_SHUT) for day in fridays if day.day > 7}
        return shut | {day: Correction("09:30", MOURNED) for day in MOURNING}
    if calendar == "OTC_Gold":
        labor_days = {nth_weekday(year, 9, 0, 1) for year in years if year >= 2022}
        eves = {date(year, 12, 24) for year in years}
        return {day: Correction("14:30", LABOR_DAY) for day in labor_days} | {
            day: Correction("13:45", CHRISTMAS_EVE) for day in eves if day.weekday() < 4
        }
    return {}


def closes_of(name: str) -> dict[date, str]:
    """New York closing time of each session that the library's calendar `name` has in the span."""
    calendar: Any = pandas_market_calendars.get_calendar(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own making
        schedule = calendar.schedule(FIRST_DATE.isoformat(), LAST_DATE.isoformat(), tz="America/New_York")
    return {day.date(): close.strftime("%H:%M") for day, close in schedule["market_close"].items()}


def rows() -> list[Row]:
    """Every exception in the span, by calendar and day."""
    nyse = closes_of("NYSE")
    globex = closes_of("CME Globex Equity")
    gold = closes_of("CMEGlobex_GC")
    after_cash = {"16:00": "16:15", "13:00": "13:15"}
    answers = {
        "CBOE_Index_Options": {day: after_cash[close] for day, close in nyse.items()},
        "CME_Equity": globex,
        "OTC_Gold": gold,
    }
    return [row for calendar, closes in answers.items() for row in _rows_of(calendar, closes, nyse)]


def _rows_of(calendar: str, library: dict[date, str], nyse: dict[date, str]) -> Iterator[Row]:
    corrected = corrections(calendar)
    day = FIRST_DATE
    while day <= LAST_DATE:
        if day.weekday() < 5:
            said = library.get(day, CLOSED)
            correction = corrected.get(day)
            session = correction.close if correction else said
            cash = session if calendar == "OTC_Gold" else nyse.get(day, CLOSED)
            regular = REGULAR[calendar].closes(day)
            if session == "17:00" and regular.session == "17:15":
                session = regular.session  # the library begins the present close three years early
            if Closes(session=session, cash=cash) != regular:
                changed = correction and correction.close != said
                source = f"{LIBRARY} has {said}; {correction.evidence}" if correction and changed else LIBRARY
                yield Row(calendar, day.isoformat(), session, cash, source)
        day += timedelta(days=1)


def written(path: Path = TABLE_PATH) -> list[Row]:
    """The table as it is shipped."""
    with path.open(newline="", encoding="utf-8") as lines:
        return [Row(**line) for line in csv.DictReader(lines)]


def write(path: Path = TABLE_PATH) -> None:
    """Write the table anew."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(Row._fields)
        table.writerows(rows())


def main(arguments: list[str] | None = None) -> int:
    """Compare the shipped table with the library, or write it; 1 when they differ."""
    parser = argparse.ArgumentParser(prog="python -m gamma.calendar.sources", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table anew")
    if parser.parse_args(arguments).write:
        write()
    found, expected = set(written()), set(rows())
    for row in sorted(found ^ expected):
        sys.stdout.write(f"{'only shipped' if row in found else 'only in the library'}: {', '.join(row)}\n")
    return 1 if found != expected else 0


if __name__ == "__main__":
    raise SystemExit(main())
