"""The soak: one ledger and the real daemon through thirty trading days, with faults, crashes and restarts in them.

Each evening everything must be at rest, and the judge and the patrol of invariants content; and the process may hold
no more than it held at the end of the first week.
"""

import asyncio
import gc
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

import httpx

from gamma import requests
from gamma.assembly import Assembly, Hours
from gamma.chaos import Trial
from gamma.chaos.broker.adapter import ChaosBroker
from gamma.chaos.broker.drill import ChaosDrill
from gamma.chaos.broker.exchange import Exchange
from gamma.chaos.broker.observed import Executed, Received
from gamma.chaos.broker.quirks import SETS, Quirks
from gamma.chaos.broker.terms import capabilities, contracts_of
from gamma.chaos.drill import ACCOUNT, CAPITAL_USD
from gamma.chaos.simulation import judge, setting
from gamma.chaos.simulation.days import DAY_S, Day, Timetable, timetable
from gamma.chaos.simulation.eyes import seats
from gamma.chaos.simulation.faults import NETWORK, Plan
from gamma.chaos.simulation.gate import Gate
from gamma.chaos.simulation.loop import Crash, Stuck, Time, live
from gamma.chaos.simulation.measure import EARLY_DAY, Held, grown, held
from gamma.chaos.simulation.network import Network, Points
from gamma.chaos.simulation.outside import Outside, Process
from gamma.chaos.simulation.person import Person
from gamma.chaos.simulation.tap import OnDisk, Tap
from gamma.chaos.simulation.trials import in_a_folder
from gamma.clock import NS
from gamma.daemon import Daemon
from gamma.errors import GammaError, InvariantBroken, Transient
from gamma.invariants.patrol import examine
from gamma.ledger import Ledger
from gamma.markets import MICRO
from gamma.messengers import Messengers
from gamma.wire import Wire

DAYS: Final = 30
BEFORE_OPEN_S: Final = 1_800
LOOK_S: Final = 60.0
DELIVER_S: Final = 120.0
SHARE: Final = 0.03  # of the requests that go wrong
STILL: Final = 0.88  # of the bars on which no strategy sees anything
KEPT_NS: Final = 2 * DAY_S * NS  # as long the broker lists what is over
ECHO_S: Final = 120  # a fault from before all grew calm may end the daemon as long after


@dataclass(slots=True)
class Report:
    """What came of a soak: what happened how often, what was held at the end of each day, and what is wrong."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    crash_points: int = 0
    evenings: dict[int, Held] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


@final
class Soak:
    """One account through so many trading days; `told` hears of each evening."""

    def __init__(self, seed: int, folder: Path, calendar: Timetable, told: Callable[[str], None]) -> None:
        self.report = Report(seed)
        self.quirks = _quirks(seed)
        self.folder = folder
        self.told = told
        self.rng = random.Random(f"soak {seed}")
        self.capabilities = capabilities(self.quirks)
        self.markets = ChaosDrill(self.quirks).markets
        self.setup, self.rules = setting.trading(self.capabilities, self.markets, sessions=True)
        self.config = setting.config(folder, self.markets, sessions=True)
        self.timetable, self.days = calendar, calendar.days
        self.time = Time(self.days[0].ts_open_utc_ns - BEFORE_OPEN_S * NS)
        self.plan = Plan(seed=seed, quirks=self.quirks.name, faults=frozenset(NETWORK), share=SHARE)
        asked = requests.folder_of(self.config.gamma.database, ACCOUNT)
        self.person = Person(self.plan, self.time, asked, lambda _: None)
        contracts = contracts_of(self.setup.markets)
        self.exchange = Exchange(self.quirks, contracts, seed, start_microusd=CAPITAL_USD * MICRO)
        switch = Path(self.config.paths.kill_switch)
        self.outside = Outside(
            seed=seed,
            time=self.time,
            quirks=self.quirks,
            exchange=self.exchange,
            person=self.person,
            kill_switch=switch,
            counts=self.report.counts,
        )
        self.on_disk = OnDisk(folder / "gamma.db")
        self.gate = Gate(self.on_disk, switch, self.time, self._wrong, working=self._working)
        self.evening = 0  # how many days are over and were looked at
        self.pause_until_utc_ns = 0
        self._judged_seq = 0

    def run(self) -> Report:
        """From the evening before the first day to the evening of the last."""
        self.outside.begin(self.timetable)
        while self.evening < len(self.days):
            self._live()
            pause = self.time.now + round(self.rng.uniform(0.5, 20.0) * NS)
            self.time.advance(max(pause, self.pause_until_utc_ns))
        self.on_disk.close()
        examined = examine(self.config.gamma.database, self.setup, self.rules)
        self.report.violations += map(str, examined.violations)
        return self.report

    # One life.

    def _live(self) -> None:
        """One life of the daemon, to whatever end; what it leaves in memory goes with it."""
        self.outside.process = process = Process(points=(points := Points(self.time)))
        opened: list[Ledger] = []
        self.report.counts["starts"] += 1
        try:
            live(self.time, self.days[-1].ts_rest_utc_ns + DAY_S * NS, self._work(process, points, opened))
        except Crash:
            self.report.counts["crashes"] += 1
        except (Stuck, InvariantBroken) as error:
            self._wrong(f"the daemon ended for good with {type(error).__name__}: {error}")
            self.evening = len(self.days)
        except GammaError as error:
            why = "the broker was silent at a start" if isinstance(error, Transient) else "the ledger failed"
            self.report.counts[f"ends: {why}"] += 1
            if self.outside.calm and self.time.now > self.days[self.evening].ts_calm_utc_ns + ECHO_S * NS:
                self._wrong(f"the daemon ended without a fault: {error}")
        else:
            self.report.counts["clean stops"] += 1
        finally:
            self.report.crash_points += points.passed
            self.outside.process = Process()
            for ledger in opened:
                ledger.abandon()
            gc.unfreeze()  # the daemon freezes what lives when it starts; here many daemons start
            gc.collect()

    async def _work(self, process: Process, points: Points, opened: list[Ledger]) -> None:
        ledger = Ledger.open(
            self.config.gamma.database,
            account=ACCOUNT,
            mode="paper",
            clock_ns=self.time.wall_ns,
            between=lambda raw: Tap(raw, points, self.outside.disk_fails),
        )
        opened.append(ledger)
        network = process.network = Network(
            self.time,
            points,
            self.outside,
            self.plan,
            faulty=lambda: not self.outside.calm,
            rng=self.rng,
            leaving=self.gate.leave,
        )
        wire = Wire("http://127.0.0.1", transport=network)
        broker = ChaosBroker(wire, self.quirks, account=ACCOUNT, markets=self.setup.markets)
        async with httpx.AsyncClient(transport=network) as client:
            messengers = Messengers(self.config, ledger, client, self.time, deliver_s=DELIVER_S, jitter=self.rng.random)
            assembly = self._assembly(broker)
            daemon = process.daemon = Daemon(assembly, ledger, messengers=messengers, clock=self.time)
            self.person.stand_beside(daemon)
            watching = asyncio.get_running_loop().create_task(self._watch(daemon))
            await daemon.run(1.0)
            watching.cancel()
        ledger.close()

    def _assembly(self, broker: Any) -> Assembly:
        return Assembly(
            config=self.config,
            setup=self.setup,
            rules=self.rules,
            broker=broker,
            feed=self.outside.feed(self.timetable),
            seats=seats(self.rules, self.markets, self.plan.seed, self.days[-1].ts_rest_utc_ns, still=STILL),
            streams=(),
            hours=Hours(),
            start_utc_ns=0,
        )

    # The evening of a day.

    async def _watch(self, daemon: Daemon) -> None:
        """Come each evening, see to it that everything comes to rest, and look whether all is as it should be."""
        while not daemon.ready:  # noqa: ASYNC110  (it tells nobody)
            await asyncio.sleep(1.0)
        while self.evening < len(self.days):
            day = self.days[self.evening]
            if self.time.now < day.ts_look_utc_ns:
                await asyncio.sleep((day.ts_look_utc_ns - self.time.now) / NS)
                self.person.acknowledge()
            unrest = self.person.unrest(daemon, self.on_disk)
            if unrest and self.time.now < day.ts_rest_utc_ns:
                self.person.mend(daemon, self.exchange.floor.by_client.__contains__)
                await asyncio.sleep(LOOK_S)
                continue
            if unrest:
                self._wrong(f"it did not come to rest: {unrest}")
            await self._examine(daemon)
            self._close(day, daemon)
        daemon.stop()

    async def _examine(self, daemon: Daemon) -> None:
        """Have the daemon look over all that must always hold, to the last event."""
        try:
            await daemon.housekeeping.look_over()
        except InvariantBroken as error:
            self._wrong(str(error))

    def _close(self, day: Day, daemon: Daemon) -> None:
        """The day is over: judge it by what was written down in it, and keep no more of it than the broker lists."""
        ledger, caps, counts = self.folder / "gamma.db", setting.caps(self.rules), self.report.counts
        wrong = judge.at_the_end(self.exchange.log, ledger, caps, since_seq=self._judged_seq)
        self.report.violations += (f"{day.date}: {text}" for text in wrong)
        counts["days"] += 1
        counts["orders"] += sum(isinstance(r, Received) for r in self.exchange.log)
        counts["fills"] += sum(isinstance(r, Executed) for r in self.exchange.log)
        self._judged_seq = self.on_disk.last_seq()
        self.exchange.log.clear()
        self.exchange.floor.forget(self.time.now - KEPT_NS)
        self.evening += 1
        kept = self.report.evenings[day.number] = held(daemon)
        if day.weekend_off and self.evening < len(self.days):
            self.pause_until_utc_ns = self.days[self.evening].ts_open_utc_ns - BEFORE_OPEN_S * NS
            daemon.stop()
        self.told(
            f"{day.date}: {counts['orders']:,} orders, {counts['fills']:,} fills, {counts['starts']} starts, "
            f"{counts['crashes']} crashes; {kept.blocks:,} blocks, {kept.handles} handles; "
            f"{len(self.report.violations)} violations"
        )

    def _working(self) -> list[str]:
        return [order.client_order_id for order in self.exchange.working()]

    def _wrong(self, text: str) -> None:
        day = self.days[min(self.evening, len(self.days) - 1)].date
        self.report.violations.append(f"{day}: {text}")


def soak(
    seed: int,
    count: int = DAYS,
    told: Callable[[str], None] = lambda _: None,
    *,
    early_day: int = EARLY_DAY,
    open_max_s: int = DAY_S,
) -> Report:
    """Let an account trade for so many days, in a folder of its own; nothing may grow after the early day's evening.

    The markets are open for `open_max_s` at most, until their close.
    """
    calendar = timetable(seed, [traded.symbol for traded in ChaosDrill(_quirks(seed)).markets], count, open_max_s)
    with in_a_folder() as folder:
        was_on = gc.isenabled()
        gc.enable()
        try:
            report = Soak(seed, folder, calendar, told).run()
        finally:
            if not was_on:
                gc.disable()
    report.violations += grown(report.evenings, early_day)
    return report


def _quirks(seed: int) -> Quirks:
    return SETS[tuple(SETS)[seed % len(SETS)]]


def trial(seed: int) -> Trial:
    """One seed of `gamma chaos --kind soak`: thirty trading days."""
    report = soak(seed)
    counts = dict(report.counts)
    for number in (EARLY_DAY, DAYS):
        with suppress(KeyError):
            evening = report.evenings[number]
            counts[f"KiB of memory after day {number} (seed {seed})"] = evening.resident_bytes // 1024
            counts[f"blocks of memory after day {number} (seed {seed})"] = evening.blocks
            counts[f"handles after day {number} (seed {seed})"] = evening.handles
    return Trial(
        seed=seed,
        crashes=report.counts["crashes"],
        crash_points=report.crash_points,
        violations=tuple(report.violations),
        counts=counts,
    )
