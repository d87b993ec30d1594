"""Sessions, early closes and flat-by times; expected hours are the exchange's published ones, written by hand."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from gamma import calendar
from gamma.calendar import NEW_YORK, NS, FlatBy
from gamma.errors import InputInvalid

HOUR = 3600 * NS
AHEAD = (date(2026, 11, 21), date(2029, 11, 21))


def new_york(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns / NS, NEW_YORK).strftime("%Y-%m-%d %H:%M")


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


def test_a_futures_day_runs_from_the_evening_before_to_five_in_the_afternoon() -> None:
    (monday,) = calendar.sessions("MNQ", "2026-11-23", "2026-11-23")
    assert new_york(monday.ts_open_utc_ns) == "2026-11-22 18:00"
    assert new_york(monday.ts_close_utc_ns) == "2026-11-23 17:00"
    assert new_york(monday.ts_cash_open_utc_ns) == "2026-11-23 09:30"
    assert new_york(monday.ts_cash_close_utc_ns) == "2026-11-23 16:00"
    assert new_york(monday.ts_flat_by_utc_ns) == "2026-11-23 16:59"
    assert (monday.market, monday.date, monday.early_close) == ("MNQ", "2026-11-23", False)


def test_the_market_is_shut_in_the_globex_break_and_at_the_weekend() -> None:
    assert calendar.session_at("ES", utc("2026-11-23T21:59:59")) is not None  # 16:59:59
    assert calendar.session_at("ES", utc("2026-11-23T22:00:00")) is None  # 17:00
    assert calendar.session_at("ES", utc("2026-11-23T22:59:59")) is None  # 17:59:59
    assert calendar.session_at("ES", utc("2026-11-23T23:00:00")) is not None  # 18:00
    assert calendar.session_at("ES", utc("2026-11-28T12:00:00")) is None  # Saturday
    assert calendar.session_at("ES", utc("2026-11-29T22:59:59")) is None  # Sunday, a second before the open


def test_an_early_close_brings_flat_by_forward() -> None:
    thanksgiving, friday = calendar.sessions("NQ", "2026-11-26", "2026-11-27")
    assert new_york(thanksgiving.ts_close_utc_ns) == "2026-11-26 13:00"
    assert thanksgiving.ts_cash_open_utc_ns == thanksgiving.ts_cash_close_utc_ns == thanksgiving.ts_close_utc_ns
    assert new_york(friday.ts_close_utc_ns) == "2026-11-27 13:15"
    assert new_york(friday.ts_cash_close_utc_ns) == "2026-11-27 13:00"
    assert thanksgiving.early_close
    assert friday.early_close
    assert new_york(friday.ts_flat_by_utc_ns) == "2026-11-27 13:14"
    (wider,) = calendar.sessions("NQ", "2026-11-27", "2026-11-27", FlatBy(time="16:45", margin_s=300))
    assert new_york(wider.ts_flat_by_utc_ns) == "2026-11-27 13:10"
    (ordinary,) = calendar.sessions("NQ", "2026-11-30", "2026-11-30", FlatBy(time="16:45", margin_s=300))
    assert new_york(ordinary.ts_flat_by_utc_ns) == "2026-11-30 16:45"


def test_june_2026_has_a_short_friday_where_the_expiry_would_be() -> None:
    (juneteenth,) = calendar.sessions("MES", "2026-06-19", "2026-06-19")
    assert new_york(juneteenth.ts_close_utc_ns) == "2026-06-19 13:00"
    assert juneteenth.ts_cash_open_utc_ns == juneteenth.ts_cash_close_utc_ns


def test_good_friday_is_shut_unless_the_employment_report_comes_that_day() -> None:
    (open_for_the_report,) = calendar.sessions("ES", "2026-04-03", "2026-04-03")
    assert new_york(open_for_the_report.ts_close_utc_ns) == "2026-04-03 09:15"
    assert calendar.sessions("ES", "2027-03-26", "2027-03-26") == []


@pytest.mark.parametrize(("day", "close"), [("2018-12-05", "09:30"), ("2025-01-09", "09:30"), ("2014-02-17", "11:30")])
def test_days_that_a_library_misses_close_when_they_really_did(day: str, close: str) -> None:
    (session,) = calendar.sessions("NQ", day, day)
    assert new_york(session.ts_close_utc_ns) == f"{day} {close}"


def test_each_change_of_clocks_for_three_years_moves_the_weekend_by_an_hour() -> None:
    springs, autumns = ["2027-03-14", "2028-03-12", "2029-03-11"], ["2027-11-07", "2028-11-05", "2029-11-04"]
    for changes, hours in ((springs, 48), (autumns, 50)):
        for sunday in map(date.fromisoformat, changes):
            before, after = calendar.sessions("MNQ", sunday - timedelta(days=2), sunday + timedelta(days=1))
            assert after.ts_open_utc_ns - before.ts_close_utc_ns == hours * HOUR
            assert after.ts_close_utc_ns - after.ts_open_utc_ns == 23 * HOUR


def test_every_session_of_three_years_is_ordered_and_flat_before_its_close() -> None:
    for market in ("MNQ", "XAU_USD", "SPX", "KXBTC15M-X"):
        days = calendar.sessions(market, *AHEAD)
        for day, following in pairwise(days):
            assert day.ts_open_utc_ns <= day.ts_cash_open_utc_ns <= day.ts_cash_close_utc_ns <= day.ts_close_utc_ns
            assert day.ts_open_utc_ns < day.ts_flat_by_utc_ns <= day.ts_close_utc_ns <= following.ts_open_utc_ns
    early = [day for day in calendar.sessions("MNQ", *AHEAD) if day.early_close]
    assert len(early) == 3 + 8 + 9 + 7  # left of 2026, 2027, 2028, and 2029 up to November, counted by hand
    assert all(day.ts_close_utc_ns - day.ts_flat_by_utc_ns == 60 * NS for day in early)


def test_options_keep_cash_hours_and_close_early_with_them() -> None:
    ordinary, eve = calendar.sessions("SPX", "2026-12-23", "2026-12-24")
    assert new_york(ordinary.ts_open_utc_ns) == "2026-12-23 09:30"
    assert new_york(ordinary.ts_close_utc_ns) == "2026-12-23 16:15"
    assert new_york(eve.ts_close_utc_ns) == "2026-12-24 13:15"
    assert new_york(eve.ts_cash_close_utc_ns) == "2026-12-24 13:00"
    assert new_york(eve.ts_flat_by_utc_ns) == "2026-12-24 13:14"


def test_gold_trades_all_week_but_for_the_break_and_its_own_early_closes() -> None:
    monday, labor_day = calendar.sessions("XAU_USD", "2027-08-30", "2027-08-30") + calendar.sessions(
        "XAU_USD", "2027-09-06", "2027-09-06"
    )
    assert new_york(monday.ts_open_utc_ns) == "2027-08-29 18:00"
    assert monday.ts_cash_open_utc_ns == monday.ts_open_utc_ns
    assert new_york(labor_day.ts_close_utc_ns) == "2027-09-06 14:30"


def test_event_contracts_stop_only_for_maintenance_on_thursday() -> None:
    assert calendar.session_at("KXBTC15M-X", utc("2026-11-26T07:59:59")) is not None  # 02:59:59 in New York
    assert calendar.session_at("KXBTC15M-X", utc("2026-11-26T08:00:00")) is None
    assert calendar.session_at("KXBTC15M-X", utc("2026-11-26T09:59:59")) is None
    thursday = calendar.session_at("KXBTC15M-X", utc("2026-11-26T10:00:00"))
    assert thursday is not None
    assert thursday.date == "2026-11-26"
    assert thursday.ts_flat_by_utc_ns == thursday.ts_close_utc_ns == utc("2026-11-27T05:00:00")
    assert calendar.session_at("KXBTC15M-X", utc("2026-11-28T05:00:00")) is not None  # the next day begins at once


def test_the_next_and_the_last_session_leave_no_moment_out() -> None:
    in_break = utc("2026-11-23T22:30:00")
    assert calendar.next_session("MNQ", in_break).date == "2026-11-24"
    assert calendar.last_session("MNQ", in_break).date == "2026-11-23"
    at_open = utc("2026-11-23T23:00:00")
    assert calendar.next_session("MNQ", at_open).date == "2026-11-24"
    assert calendar.next_session("MNQ", at_open + 1).date == "2026-11-25"
    assert calendar.last_session("MNQ", at_open + 1).date == "2026-11-24"


def test_the_calendar_says_how_far_it_reaches() -> None:
    assert calendar.reaches("MNQ", utc("2030-11-01T12:00:00"))
    assert not calendar.reaches("MNQ", utc("2030-11-02T12:00:00"))
    with pytest.raises(InputInvalid, match="covers 2013-01-01 to 2030-12-31"):
        calendar.session_at("MNQ", utc("2031-01-02T12:00:00"))
    with pytest.raises(InputInvalid, match="covers"):
        calendar.sessions("MNQ", "2012-12-31", "2013-02-01")
    with pytest.raises(InputInvalid, match="YYYY-MM-DD"):
        calendar.sessions("MNQ", "11/23/2026", "2026-11-24")
    with pytest.raises(InputInvalid, match="unknown market"):
        calendar.session_at("ZZZ", utc("2026-11-23T12:00:00"))


def test_the_first_and_the_last_covered_evening() -> None:
    first = calendar.next_session("MNQ", utc("2012-12-31T23:00:00"))
    assert first.date == "2013-01-02"
    with pytest.raises(InputInvalid, match="session before"):
        calendar.last_session("MNQ", utc("2012-12-31T23:00:00"))
    with pytest.raises(InputInvalid, match="session after"):
        calendar.next_session("MNQ", utc("2030-12-31T12:00:00"))


def test_bounds_are_the_sessions_as_arrays() -> None:
    opens, closes = calendar.bounds("MNQ")
    whole = calendar.sessions("MNQ", calendar.FIRST_DATE, calendar.LAST_DATE)
    assert [day.ts_open_utc_ns for day in whole] == opens.tolist()
    assert [day.ts_close_utc_ns for day in whole] == closes.tolist()


def test_the_daemon_reads_the_calendar_without_pandas() -> None:
    program = (
        "import sys; from gamma import calendar; calendar.agrees('MNQ', '2026-11-23'); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
