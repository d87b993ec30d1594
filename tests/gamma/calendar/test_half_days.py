"""Holidays, half days and changes of the clocks of 2025, 2026 and 2027, as the exchanges publish them, typed by hand.

Source: CME Group, Globex holiday calendars for equity index products; NYSE Group, holidays and early closings for 2025,
2026 and 2027; Cboe, U.S. options trading hours and holidays, by which index options close 15 minutes after the shares.
Gold over the counter keeps the hours of the metals futures at CME Group. All times are New York's.
"""

from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from gamma import calendar
from gamma.calendar import NEW_YORK, NS
from gamma.events import OrderFilled, OrderIntended, OrderKind
from tests.daemon_case import facts, trade, write_config

FIRST, LAST = date(2025, 1, 1), date(2027, 12, 31)
SHUT = "shut"
FUTURES = {
    "2025-01-01": SHUT, "2025-01-09": "09:30", "2025-01-20": "13:00", "2025-02-17": "13:00", "2025-04-18": SHUT,
    "2025-05-26": "13:00", "2025-06-19": "13:00", "2025-07-03": "13:15", "2025-07-04": "13:00", "2025-09-01": "13:00",
    "2025-11-27": "13:00", "2025-11-28": "13:15", "2025-12-24": "13:15", "2025-12-25": SHUT,
    "2026-01-01": SHUT, "2026-01-19": "13:00", "2026-02-16": "13:00", "2026-04-03": "09:15", "2026-05-25": "13:00",
    "2026-06-19": "13:00", "2026-07-03": "13:00", "2026-09-07": "13:00", "2026-11-26": "13:00", "2026-11-27": "13:15",
    "2026-12-24": "13:15", "2026-12-25": SHUT,
    "2027-01-01": SHUT, "2027-01-18": "13:00", "2027-02-15": "13:00", "2027-03-26": SHUT, "2027-05-31": "13:00",
    "2027-06-18": "13:00", "2027-07-05": "13:00", "2027-09-06": "13:00", "2027-11-25": "13:00", "2027-11-26": "13:15",
    "2027-12-24": SHUT,
}  # fmt: skip
OPTIONS = {
    "2025-01-01": SHUT, "2025-01-09": SHUT, "2025-01-20": SHUT, "2025-02-17": SHUT, "2025-04-18": SHUT,
    "2025-05-26": SHUT, "2025-06-19": SHUT, "2025-07-03": "13:15", "2025-07-04": SHUT, "2025-09-01": SHUT,
    "2025-11-27": SHUT, "2025-11-28": "13:15", "2025-12-24": "13:15", "2025-12-25": SHUT,
    "2026-01-01": SHUT, "2026-01-19": SHUT, "2026-02-16": SHUT, "2026-04-03": SHUT, "2026-05-25": SHUT,
    "2026-06-19": SHUT, "2026-07-03": SHUT, "2026-09-07": SHUT, "2026-11-26": SHUT, "2026-11-27": "13:15",
    "2026-12-24": "13:15", "2026-12-25": SHUT,
    "2027-01-01": SHUT, "2027-01-18": SHUT, "2027-02-15": SHUT, "2027-03-26": SHUT, "2027-05-31": SHUT,
    "2027-06-18": SHUT, "2027-07-05": SHUT, "2027-09-06": SHUT, "2027-11-25": SHUT, "2027-11-26": "13:15",
    "2027-12-24": SHUT,
}  # fmt: skip
GOLD_SHUT = (
    "2025-01-01", "2025-04-18", "2025-12-25", "2026-01-01", "2026-04-03", "2026-12-25", "2027-01-01", "2027-03-26",
    "2027-12-24",
)  # fmt: skip
CLOCKS_SET = ("2025-03-09", "2025-11-02", "2026-03-08", "2026-11-01", "2027-03-14", "2027-11-07")
MONDAYS = [(date.fromisoformat(sunday) + timedelta(days=1)).isoformat() for sunday in CLOCKS_SET]
HALF_DAYS = [day for day, close in FUTURES.items() if close not in (SHUT, "09:15", "09:30")]
GUARDS = """
[guards.flat_by]
cancel_before_s = 600
flat_before_s = 300
verify_before_s = 60
"""


def closes(market: str) -> dict[str, str]:
    """The days on which a market does not close as ever, with when it does."""
    ordinary = "16:15" if market == "SPX" else "17:00"
    at = {s.date: _time(s.ts_close_utc_ns) for s in calendar.sessions(market, FIRST, LAST)}
    weekdays = (FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1))
    found = {day.isoformat(): at.get(day.isoformat(), SHUT) for day in weekdays if day.weekday() < 5}
    return {day: close for day, close in found.items() if close != ordinary}


def _time(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns / NS, NEW_YORK).strftime("%H:%M")


def test_index_futures_are_shut_and_close_early_as_published_and_on_no_other_day() -> None:
    assert closes("MNQ") == closes("MES") == FUTURES


def test_index_options_are_shut_and_close_early_as_published_and_on_no_other_day() -> None:
    assert closes("SPX") == OPTIONS


def test_gold_is_shut_when_the_metals_are_and_closes_early_on_each_half_day_of_the_futures() -> None:
    found = closes("XAU_USD")
    assert tuple(day for day, close in found.items() if close == SHUT) == GOLD_SHUT
    early = {day for day, close in found.items() if close != SHUT}
    assert {day for day in HALF_DAYS if day != "2025-07-03"} == early  # the eve of the fourth is a full day there


def test_event_contracts_know_no_holiday_and_stop_two_hours_every_thursday() -> None:
    days = calendar.sessions("KXBTC15M-X", FIRST, LAST)
    assert len(days) == 3 * 365
    for before, day in pairwise(days):
        stop = 7_200 * NS if date.fromisoformat(day.date).weekday() == 3 else 0
        assert day.ts_open_utc_ns - before.ts_close_utc_ns == stop


@pytest.mark.parametrize("sunday", CLOCKS_SET)
def test_when_the_clocks_change_every_market_keeps_new_yorks_time(sunday: str) -> None:
    friday, monday = (date.fromisoformat(sunday) + timedelta(days=n) for n in (-2, 1))
    for market, opens, ends in (("MNQ", "18:00", "17:00"), ("XAU_USD", "18:00", "17:00"), ("SPX", "09:30", "16:15")):
        for session in calendar.sessions(market, friday, friday) + calendar.sessions(market, monday, monday):
            assert (_time(session.ts_open_utc_ns), _time(session.ts_close_utc_ns)) == (opens, ends)
    (day,) = calendar.sessions("KXBTC15M-X", sunday, sunday)
    hours = (day.ts_close_utc_ns - day.ts_open_utc_ns) / (3_600 * NS)
    assert hours == (23 if "-03-" in sunday else 25)


@pytest.mark.slow
@pytest.mark.parametrize("day", [*HALF_DAYS, *MONDAYS])
def test_the_daemon_is_flat_before_each_early_close_and_enters_no_more(tmp_path: Path, day: str) -> None:
    path = write_config(tmp_path, guards=("flat_by",), strategies={"mnq": "MNQ"}, more=GUARDS)
    evening = date.fromisoformat(day) - timedelta(days=1)
    path.write_text(path.read_text().replace('start = "2026-03-02"', f'start = "{evening}"'))
    (session,) = calendar.sessions("MNQ", day, day)
    daemon = trade(tmp_path, once=True)
    assert daemon.ts_event_utc_ns == session.ts_close_utc_ns
    entries = [f.intent for f in facts(tmp_path, OrderIntended) if f.intent.kind is OrderKind.ENTRY]
    assert entries
    assert max(e.ts_event_utc_ns for e in entries) < session.ts_flat_by_utc_ns - 600 * NS
    assert max(f.fill.ts_event_utc_ns for f in facts(tmp_path, OrderFilled)) <= session.ts_flat_by_utc_ns
    assert not daemon.shell.book.positions
    assert not daemon.shell.book.halts
