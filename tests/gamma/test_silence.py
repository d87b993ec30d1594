"""A feed that says nothing: an illness while a market is open, and none over a night or a weekend."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gamma.assembly import Hours, assemble, paper_state_path
from gamma.bars import Bar
from gamma.daemon import Daemon
from gamma.events import Halted
from gamma.feeds import Feed
from gamma.ledger import Ledger
from tests.daemon_case import config_in, facts, write_config

HEARTBEAT = """
[guards.heartbeat]
silence_max_s = 15
silence_halt_s = 60
"""


def new_york(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp()) * 10**9


class Clock:
    """Both clocks, where the test puts them."""

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def wall_ns(self) -> int:
        return self.ns

    def monotonic_ns(self) -> int:
        return self.ns


class Live:
    """The simulator's bars as they close, but for the lost ones; in between a look at how the daemon is."""

    def __init__(self, real: Feed, clock: Clock, lost: Sequence[int]) -> None:
        self.real, self.clock, self.lost = real, clock, lost
        self.looks: list[int] = []
        self.look: Callable[[], Any] = print

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def closing(self, after_utc_ns: int) -> AsyncIterator[Bar]:
        for bar in self.real.bars(after_utc_ns):
            while self.looks and self.looks[0] < bar.ts_close_utc_ns:
                self.clock.ns = self.looks.pop(0)
                await self.look()
            if not self.looks:
                return
            if bar.ts_close_utc_ns not in self.lost:
                self.clock.ns = bar.ts_close_utc_ns
                yield bar


def lived(folder: Path, begins: str, looks: Sequence[str], lost: Sequence[str] = ()) -> list[tuple[bool, float]]:
    """Whether the daemon was healthy, and how old the data was to its guards [s], at each of these moments."""
    write_config(folder, strategies={"mnq": "MNQ"}, guards=["safety_halt", "heartbeat"], more=HEARTBEAT)
    config, clock, found = config_in(folder), Clock(new_york(begins)), list[tuple[bool, float]]()
    real = assemble(config, state_path=paper_state_path(config))
    feed = Live(real.feed, clock, [new_york(text) for text in lost])
    feed.looks = [new_york(text) for text in looks]

    async def work() -> None:
        opened = Ledger.open(config.gamma.database, account=config.account.name, mode="paper", clock_ns=clock.wall_ns)
        with closing(opened) as ledger:
            daemon = Daemon(assemble(config, state_path=paper_state_path(config), feed=feed), ledger, clock=clock)

            async def look() -> None:
                await daemon.housekeeping.beat()
                health = daemon.shell.book.control.health
                assert health is not None
                found.append((daemon.housekeeping.healthy, health.data_age_s))

            feed.look = look
            await daemon.run(1.0)

    asyncio.run(work())
    return found


# MNQ trades from Sunday 18:00 to Friday 17:00 New York, with an hour's break each day; bars are of five minutes.


def test_a_weekend_is_no_silence(tmp_path: Path) -> None:
    looks = ["2026-03-06 17:30", "2026-03-07 12:00", "2026-03-08 17:59", "2026-03-08 18:04"]
    assert lived(tmp_path, "2026-03-06 16:40", looks) == [(True, 0.0)] * 4
    assert facts(tmp_path, Halted) == []


def test_the_break_of_an_hour_is_none_either(tmp_path: Path) -> None:
    looks = ["2026-03-03 17:10", "2026-03-03 17:59", "2026-03-03 18:04"]
    assert lived(tmp_path, "2026-03-03 16:40", looks) == [(True, 0.0)] * 3
    assert facts(tmp_path, Halted) == []


def test_the_first_bar_is_due_a_bar_after_the_open(tmp_path: Path) -> None:
    looks = ["2026-03-03 17:59", "2026-03-03 18:05:30", "2026-03-03 18:06:01", "2026-03-03 18:11"]
    found = lived(tmp_path, "2026-03-03 16:40", looks, lost=["2026-03-03 18:05"])
    assert found == [(True, 0.0), (True, 30.0), (False, 61.0), (True, 0.0)]
    assert [f.halt.reason for f in facts(tmp_path, Halted)] == ["heartbeat"]


def test_an_open_market_that_falls_silent_is_an_illness_until_it_closes(tmp_path: Path) -> None:
    lost = ["2026-03-03 16:50", "2026-03-03 16:55", "2026-03-03 17:00"]
    looks = ["2026-03-03 16:49", "2026-03-03 16:51:01", "2026-03-03 16:59", "2026-03-03 17:01"]
    found = lived(tmp_path, "2026-03-03 16:40", looks, lost)
    assert found == [(True, 0.0), (False, 61.0), (False, 540.0), (True, 0.0)]


def test_of_several_markets_one_that_is_open_is_enough() -> None:
    hours, markets = Hours(), ("MNQ", "SPX")
    assert hours.open_since(markets, new_york("2026-03-03 03:00")) == new_york("2026-03-02 18:00")
    assert hours.open_since(markets, new_york("2026-03-03 10:00")) == new_york("2026-03-02 18:00")
    assert hours.open_since(("SPX",), new_york("2026-03-03 10:00")) == new_york("2026-03-03 09:30")
    assert hours.open_since(("SPX",), new_york("2026-03-03 03:00")) is None
    assert hours.open_since(markets, new_york("2026-03-07 10:00")) is None
