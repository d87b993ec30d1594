"""A daemon over changes of clocks and early closes, in six zones: flat in time, no slot twice, the same facts.

Thanksgiving of 2026 (13:00) and the day after (13:15); the weekends of New York's spring and autumn of 2027. The
hours are typed by hand; bars of a quarter of an hour wander at random, and each strategy holds what it opens.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from gamma.effects import Tick
from gamma.errors import ConfigInvalid
from gamma.events import (
    DayStarted,
    DecisionMade,
    EquityMarked,
    ExitWanted,
    OrderFilled,
    OrderIntended,
    OrderKind,
    TradeClosed,
)
from tests.daemon_case import facts, trade, write_config

NEW_YORK: Final = ZoneInfo("America/New_York")
ZONES: Final = ("America/New_York", "America/Chicago", "Europe/London", "Asia/Tokyo", "Australia/Sydney", "UTC")
# From the evening before to the close, and the moment to be flat by.
SESSIONS: Final = {
    "2026-11-26": ("2026-11-25 18:00", "2026-11-26 13:00", "2026-11-26 12:59"),
    "2026-11-27": ("2026-11-26 18:00", "2026-11-27 13:15", "2026-11-27 13:14"),
    "2027-03-12": ("2027-03-11 18:00", "2027-03-12 17:00", "2027-03-12 16:59"),
    "2027-03-15": ("2027-03-14 18:00", "2027-03-15 17:00", "2027-03-15 16:59"),
    "2027-11-05": ("2027-11-04 18:00", "2027-11-05 17:00", "2027-11-05 16:59"),
    "2027-11-08": ("2027-11-07 18:00", "2027-11-08 17:00", "2027-11-08 16:59"),
}
BAR: Final = timedelta(minutes=15)
Lives = Callable[[str], list[Any]]
GUARDS: Final = """
[guards.flat_by]
cancel_before_s = 1800
flat_before_s = 900
verify_before_s = 60
"""


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()) * 10**9


@cache
def bars() -> str:
    """A walk by ticks over the six sessions."""
    chance, price, lines = random.Random(7), 20_000.0, ["ts,open,high,low,close,volume,spread"]
    for opens, closes, _ in SESSIONS.values():
        moment = datetime.fromtimestamp(ns(opens) // 10**9, UTC)
        while moment < datetime.fromtimestamp(ns(closes) // 10**9, UTC):
            closed = price + chance.randint(-40, 40) / 4
            high, low = max(price, closed) + chance.randint(0, 8) / 4, min(price, closed) - chance.randint(0, 8) / 4
            lines.append(f"{moment.isoformat()},{price},{high},{low},{closed},5000,0.25")
            moment, price = moment + BAR, closed
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[Any]]]:
    """All facts of a daemon that traded the six sessions on a machine in the given zone; each lives once."""
    before, known = os.environ.get("TZ"), dict[str, list[Any]]()

    def life(zone: str) -> list[Any]:
        if zone not in known:
            os.environ["TZ"] = zone
            time.tzset()
            known[zone] = lived(tmp_path_factory.mktemp("life"))
        return known[zone]

    yield life
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def lived(folder: Path) -> list[Any]:
    """What a daemon in this folder records of the six sessions."""
    (folder / "bars.csv").write_text(bars())
    guards = ("safety_halt", "flat_by")
    path = write_config(folder, capital=5_000_000, guards=guards, strategies={"mnq": "MNQ"}, more=GUARDS)
    feed = f'use = "file"\nfiles = [{{ path = "{folder}/bars.csv", market = "MNQ" }}]\n'
    text = path.read_text().replace("seed = 1\n", feed)
    text = text.replace("stop_atr = 1.0, target_r = 2.0", "stop_atr = 50.0, target_r = 0")
    path.write_text(text.replace("break_even_r = 0.5, trail_from_r = 1.0, trail_atr = 1.0", "time_bars = 400"))
    trade(folder)
    return facts(folder)


def test_over_clock_changes_and_early_closes_the_account_is_flat_in_time(lives: Lives) -> None:
    told = lives("Australia/Sydney")
    fills = [f.fill for f in told if isinstance(f, OrderFilled)]
    entries = [f.intent for f in told if isinstance(f, OrderIntended) and f.intent.kind is OrderKind.ENTRY]
    wanted = Counter(f.reason for f in told if isinstance(f, ExitWanted))
    for opens, closes, flat_by in SESSIONS.values():
        begin, end, moment = ns(opens), ns(closes), ns(flat_by)
        traded = [f for f in fills if begin <= f.ts_event_utc_ns < end]
        assert any(f.ts_event_utc_ns < moment - 900 * 10**9 for f in traded), "nothing was traded, and nothing is shown"
        assert sum(f.side * f.lots for f in fills if f.ts_event_utc_ns <= moment) == 0, f"not flat by {flat_by}"
        assert not [f for f in traded if f.ts_event_utc_ns > moment]
        assert not [i for i in entries if moment - 1_800 * 10**9 <= i.ts_event_utc_ns < end]
    assert wanted["flat_by"] == len(SESSIONS), f"each session ends with a position to close: {wanted}"


def test_each_quarter_of_an_hour_is_decided_on_once_and_each_day_begins_once(lives: Lives) -> None:
    told = lives("Australia/Sydney")
    slots = [f.slot_utc_ns for f in told if isinstance(f, Tick)]
    expected = [
        at
        for opens, closes, _ in SESSIONS.values()
        for at in range(ns(opens) + 900 * 10**9, ns(closes) + 1, 900 * 10**9)
    ]
    assert [slot for slot in slots if slot in set(expected)] == slots
    assert len(slots) == len(set(slots))
    assert [f.date for f in told if isinstance(f, DayStarted)] == list(SESSIONS)


def test_bars_too_long_to_be_flat_in_time_are_refused(tmp_path: Path) -> None:
    guard = GUARDS.replace("= 900", "= 899")
    write_config(tmp_path, guards=("safety_halt", "flat_by"), more=f"{guard}\n")
    path = tmp_path / "config.toml"
    path.write_text(path.read_text().replace("seed = 1\n", "seed = 1\nbar_s = 900\n"))
    with pytest.raises(ConfigInvalid, match=r"\[guards.flat_by\] of strategy mnq would be too late: .* every 899 s"):
        trade(tmp_path, bars=1)


@pytest.mark.slow
@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone != "Australia/Sydney"])
def test_the_zone_of_the_machine_changes_no_fact(lives: Lives, zone: str) -> None:
    assert told_of(lives(zone)) == told_of(lives("Australia/Sydney"))


def told_of(life: list[Any]) -> list[str]:
    """What happened, without the ids of orders: they carry an epoch, which no two lives share."""
    kinds = (DayStarted, EquityMarked, ExitWanted, Tick, TradeClosed)
    told = [str(fact) for fact in life if isinstance(fact, kinds)]
    told += [f"{f.slot_utc_ns} {f.side} {f.lots} {f.bound_by} {f.steps}" for f in life if isinstance(f, DecisionMade)]
    fills = [f.fill for f in life if isinstance(f, OrderFilled)]
    return told + [f"{f.ts_event_utc_ns} {f.side} {f.lots} {f.price_ticks} {f.fee_microusd}" for f in fills]
