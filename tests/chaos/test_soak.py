"""Trading days on end, with crashes, restarts and faults: each evening all is at rest, and nothing has grown."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from gamma.book import Track
from gamma.chaos.simulation import days
from gamma.chaos.simulation.days import Event, timetable
from gamma.chaos.simulation.measure import Held, grown, held
from gamma.chaos.simulation.soak import soak
from gamma.housekeeping import Housekeeping

DAY_NS = 86_400 * 10**9
ENDS = {Event.CRASH, Event.STOP, Event.DISK, Event.CLOCK}


@pytest.mark.slow
def test_two_trading_days_with_faults_each_end_at_rest() -> None:
    report = soak(1, int(os.environ.get("GAMMA_SOAK_DAYS", "2")), open_max_s=43_200)
    assert report.violations == []
    assert report.counts["crashes"] >= 1
    assert report.counts["clean stops"] >= 2
    assert report.counts["fills"] > 20
    assert min(report.evenings) == 1
    assert len(report.evenings) == report.counts["days"] >= 2


@pytest.mark.parametrize(("seed", "early"), [(1, {"2025-11-27", "2025-11-28"}), (2, {"2026-02-16"})])
def test_thirty_days_have_an_early_close_and_a_change_of_the_clocks_in_them(seed: int, early: set[str]) -> None:
    made = timetable(seed, ("MES", "XSP"), 30)
    sessions = made.hours["MES"]
    assert {s.date for s in sessions if s.early_close} == early
    assert len({s.ts_open_utc_ns % DAY_NS for s in sessions}) == 2
    assert len(made.days) == 30
    assert made.closes["MES"][-1] > made.days[-1].ts_rest_utc_ns


def test_all_is_calm_before_a_market_closes_and_until_everything_was_to_be_at_rest() -> None:
    made = timetable(1, ("MES", "XSP"), 30)
    for day in made.days:
        assert day.ts_calm_utc_ns < day.ts_close_utc_ns < day.ts_look_utc_ns < day.ts_rest_utc_ns < day.ts_stormy_utc_ns
        assert all(day.ts_open_utc_ns < ts <= day.ts_calm_utc_ns for ts, _ in day.events)
    assert all(a.ts_stormy_utc_ns < b.ts_open_utc_ns for a, b in pairwise(made.days))


def test_the_first_days_show_all_that_ends_a_process_and_the_middle_lets_one_live() -> None:
    made = timetable(1, ("MES",), 30).days
    assert all({event for _, event in day.events} >= ENDS for day in made[:2])
    quiet = [day for day in made if day.quiet]
    assert len(quiet) >= 10
    assert not any(ENDS & {event for _, event in day.events} for day in quiet)


def test_lists_and_maps_of_the_daemon_are_measured() -> None:
    # 23 hours of 12 bars, twice.
    assert held(days.bar_closes(days.traded(("MES",), date(2026, 2, 9), 2))).sizes == {"[]": 552}
    assert held(Track(r_multiples=(1.0,) * 400)).sizes == {".r_multiples": 400}


# What leaks is found out: each of these holds on to something more, as a daemon would that grows day by day.


@pytest.fixture
def early() -> Held:
    return held(None)


def test_nothing_has_grown_where_nothing_is_held(early: Held) -> None:
    assert grown({5: early, 6: held(None), 30: held(None)}) == []


def test_a_file_that_stays_open_is_found_out(early: Held, tmp_path: Path) -> None:
    with (tmp_path / "left.open").open("w"):
        late = held(None)
    assert grown({5: early, 30: late}) == [f"day 30: {early.handles + 1} open handles, of {early.handles} on day 5"]
    assert grown({5: early, 30: held(None)}) == []


def test_objects_that_are_kept_are_found_out(early: Held) -> None:
    kept = [object() for _ in range(early.blocks // 10)]
    late = held(None)
    found = grown({5: early, 29: late, 30: late})
    assert [text.partition(":")[0] for text in found if "blocks" in text] == ["day 29", "day 30"]
    del kept


def test_memory_that_python_does_not_count_is_found_out(early: Held) -> None:
    kept = bytearray(os.urandom(early.resident_bytes // 5))
    found = grown({5: early, 30: held(None)})
    assert [text for text in found if "resident_bytes" in text]
    del kept


def test_a_list_of_the_daemon_that_grows_is_found_out(early: Held) -> None:
    before = replace(early, sizes=held(Track(r_multiples=(1.0,) * 400)).sizes)
    after = replace(early, sizes=held(Track(r_multiples=(1.0,) * 801)).sizes)
    assert grown({5: before, 30: after}) == ["day 30: .r_multiples has 801 entries, and had 400 on day 5"]
    assert grown({5: before, 30: replace(early, sizes=before.sizes)}) == []


@pytest.mark.slow
def test_a_daemon_that_keeps_a_file_open_at_each_look_is_found_out(
    monkeypatch: pytest.MonkeyPatch, leaks: list[int]
) -> None:
    look_over = Housekeeping.look_over

    async def leaking(self: Housekeeping) -> None:
        leaks.append(os.open(os.devnull, os.O_RDONLY))
        await look_over(self)

    monkeypatch.setattr(Housekeeping, "look_over", leaking)
    report = soak(2, 2, early_day=1, open_max_s=14_400)
    assert any(text.startswith("day 2: ") and "open handles" in text for text in report.violations)


@pytest.fixture
def leaks() -> Iterator[list[int]]:
    opened: list[int] = []
    yield opened
    for descriptor in opened:
        os.close(descriptor)
