"""One schedule: a daemon that lives, dies and lives again in a world where things go wrong, then in one where none do.

At the end nothing may be wrong: every order once, every fill once, everything flat, known and told.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, final

import httpx

from gamma import requests
from gamma.assembly import Assembly, Hours
from gamma.chaos.broker.adapter import ChaosBroker
from gamma.chaos.broker.exchange import Exchange
from gamma.chaos.broker.quirks import SETS
from gamma.chaos.broker.terms import capabilities, contracts_of
from gamma.chaos.simulation import judge, setting
from gamma.chaos.simulation.eyes import seats
from gamma.chaos.simulation.faults import Fault, Plan
from gamma.chaos.simulation.gate import Gate
from gamma.chaos.simulation.inspector import Inspector
from gamma.chaos.simulation.loop import Crash, Stuck, Time, live
from gamma.chaos.simulation.network import Network, Points, Served
from gamma.chaos.simulation.person import Person
from gamma.chaos.simulation.rivalry import Rivalry
from gamma.chaos.simulation.tap import OnDisk, Tap, one_in
from gamma.chaos.simulation.told import Teller
from gamma.chaos.simulation.world import BRISK, MISSING_SHARE, START_UTC_NS, Strange, WorldFeed, move_at
from gamma.clock import NS
from gamma.daemon import Daemon
from gamma.errors import Corrupt, GammaError, InvariantBroken, LedgerFailed, LedgerInUse, Transient
from gamma.invariants.patrol import examine
from gamma.ledger import Ledger
from gamma.messengers import Messengers
from gamma.wire import Wire

TAIL_MAX_S: Final = 2_400
LIVES_MAX: Final = 40
ECHO_S: Final = 60  # a request from before the tail may fail as long after
SKEWS_S: Final = (-3600, -30, -2, 2, 30, 3600)
SET_RIGHT_FRAC: Final = 0.7  # of the times that the wall clock was set wrong it is soon set right


@dataclass(slots=True)
class Outcome:
    """What came of a schedule; the trace is empty unless it was asked for."""

    plan: Plan
    crashes: int = 0
    crash_points: int = 0
    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)


@final
class Schedule:
    """A plan at work."""

    def __init__(self, plan: Plan, folder: Path, *, traced: bool = False) -> None:
        self.plan = plan
        self.folder = folder
        self.outcome = Outcome(plan)
        self.rng = random.Random(f"schedule {plan.seed}")
        self.jitter = random.Random(f"jitter {plan.seed}")
        self.time = Time(START_UTC_NS)
        self.tail_utc_ns = START_UTC_NS + plan.minutes * 60 * NS
        self.quirks = setting.paged(SETS[plan.quirks], plan)
        self.capabilities = capabilities(self.quirks)
        self.symbols = setting.markets(self.capabilities)
        self.setup, self.rules = setting.trading(self.capabilities)
        self.config = setting.asking(setting.config(folder, self.capabilities), plan)
        self.exchange = Exchange(
            setting.worse(self.quirks, plan),
            contracts_of(self.setup.markets),
            plan.seed,
            start_microusd=setting.START_MICROUSD,
        )
        self.traced = traced
        self.inspector = Inspector(self._wrong)
        self.on_disk = OnDisk(folder / "gamma.db")
        strange = Strange(plan.seed) if Fault.NUMBERS in plan.faults else None
        if strange is not None:
            self.rules = setting.with_sizer(self.rules, "strange", strange)
        self.gate = Gate(
            self.on_disk,
            Path(self.config.paths.kill_switch),
            self.time,
            self._wrong,
            working=lambda: [order.client_order_id for order in self.exchange.working()],
            strange=strange,
        )
        self.rivalry = Rivalry(self.config.gamma.database, self.time, self.gate, self.say)
        self.person = Person(plan, self.time, requests.folder_of(self.config.gamma.database, setting.ACCOUNT), self.say)

    def run(self) -> Outcome:
        """From the first start to the last word."""
        self._move()
        self._meddle_with_time()
        self.time.at(self.tail_utc_ns, self._calm)
        self.person.begin(self.tail_utc_ns)
        if Fault.RIVAL in self.plan.faults:
            self.rivalry.begin(self.rng, self.tail_utc_ns)
        deaths = list(self.plan.deaths)
        for _ in range(LIVES_MAX):
            if self._live(deaths.pop(0) if deaths else 0):
                break
            self.time.advance(self.time.now + round(self.rng.uniform(0.5, 20.0) * NS))
        else:
            self._wrong(f"tail: it started {LIVES_MAX} times and never came to rest")
        self.on_disk.close()
        self.outcome.violations += judge.at_the_end(
            self.exchange.log, self.folder / "gamma.db", setting.caps(self.rules)
        )
        examined = examine(self.config.gamma.database, self.setup, self.rules)
        self.outcome.violations += map(str, examined.violations)
        return self.outcome

    @property
    def faulty(self) -> bool:
        """Whether things go wrong now."""
        return self.time.now < self.tail_utc_ns

    def say(self, text: str) -> None:
        """A line of the trace."""
        if self.traced:
            self.outcome.trace.append(f"{(self.time.now - START_UTC_NS) / NS:10.3f}  {text}")

    # One life.

    def _live(self, die_at: int) -> bool:
        """One life of the daemon; whether it came to a good end."""
        points = Points(self.time, die_at, self.say)
        opened: list[Ledger] = []
        until = self.tail_utc_ns + TAIL_MAX_S * NS
        try:
            live(self.time, until, self._work(points, opened))
        except Crash:
            self.outcome.crashes += 1
        except Stuck:
            self._wrong(f"tail: {TAIL_MAX_S // 60} minutes without a fault, and no rest: {self.person.wants}")
            return True
        except (InvariantBroken, Corrupt) as error:
            lost = Fault.DISK in self.plan.faults and isinstance(error, Corrupt)
            if not lost and not self.rivalry.ended(error):
                self._wrong(f"the daemon ended with {type(error).__name__}: {error}")
                return True
        except GammaError as error:
            # Of two runs of a seed neither the folder nor the process are the same.
            self.say(f"the daemon ended: {error}".replace(str(self.folder), "").replace(f" {os.getpid()};", " itself;"))
            if not self._excused(error) or self.time.now > self.tail_utc_ns + ECHO_S * NS:
                self._wrong(f"the daemon ended without a fault: {error}")
                return True
        else:
            return True
        finally:
            self.outcome.crash_points += points.passed
            for ledger in opened:
                ledger.abandon()
        return False

    def _excused(self, error: GammaError) -> bool:
        """Whether what goes wrong in this schedule may end a daemon so; what it did itself may not."""
        bad_disk, rival = (fault in self.plan.faults for fault in (Fault.DISK, Fault.RIVAL))
        return (
            isinstance(error, Transient)
            or (bad_disk and isinstance(error, LedgerFailed))
            or (rival and isinstance(error, LedgerInUse))
        )

    async def _work(self, points: Points, opened: list[Ledger]) -> None:
        self.say("the daemon starts")
        fails = self._disk_fails()
        ledger = Ledger.open(
            self.config.gamma.database,
            account=setting.ACCOUNT,
            mode="paper",
            clock_ns=self.time.wall_ns,
            between=lambda raw: Tap(raw, points, fails),
        )
        opened.append(ledger)
        network = self._network(points)
        wire = Wire("http://127.0.0.1", transport=network)
        broker = ChaosBroker(wire, self.quirks, account=setting.ACCOUNT, markets=self.setup.markets)
        async with httpx.AsyncClient(transport=network) as client:
            daemon = Daemon(
                self._assembly(broker),
                ledger,
                messengers=Messengers(self.config, ledger, client, self.time, jitter=self.jitter.random),
                observers=(self.inspector, *((Teller(self.say),) if self.traced else ())),
                clock=self.time,
            )
            self.person.watch(daemon, self.exchange, self.on_disk)
            await daemon.run(1.0)
        ledger.close()
        self.say("the daemon ends")

    def _network(self, points: Points) -> Network:
        return Network(
            self.time,
            points,
            self._serve,
            self.plan,
            faulty=lambda: self.faulty,
            rng=self.rng,
            leaving=self.gate.leave,
            told=self.say,
        )

    def _assembly(self, broker: Any) -> Assembly:
        return Assembly(
            config=self.config,
            setup=self.setup,
            rules=self.rules,
            broker=broker,
            feed=WorldFeed(
                self.plan.seed,
                self.symbols,
                lambda: self.time.now,
                MISSING_SHARE if Fault.FEED in self.plan.faults else 0.0,
            ),
            seats=seats(self.rules, self.plan.seed, self.tail_utc_ns),
            streams=(),
            hours=Hours(),
            start_utc_ns=0,
        )

    # The world.

    def _calm(self) -> None:
        """From here on the broker does what it is asked."""
        self.say("from here on nothing goes wrong")
        self.exchange.floor.quirks = replace(self.quirks, odd_status_frac=0.0)

    def _serve(self, method: str, host: str, target: str, body: bytes) -> Served:
        """What is at the other end of the line: the broker, or the service that takes alerts."""
        if host != "127.0.0.1":
            bad = self.faulty and Fault.ALERTS in self.plan.faults and self.rng.random() < 0.7
            return (500, {}, b"") if bad else (200, {}, b"{}")
        known = len(self.exchange.log)
        path, _, query = target.partition("?")
        answer = self.exchange.handle(method, path, query, body, self.time.now)
        for entry in self.exchange.log[known:]:
            self.say(f"broker: {entry}")
        return answer

    def _move(self) -> None:
        """Markets move for as long as there is anybody to see it."""

        def step() -> None:
            for symbol in self.symbols:
                move = move_at(self.plan.seed, symbol, BRISK, self.time.now)
                self.exchange.trade(symbol, move.low, move.high, move.close, self.time.now)
            self.time.at(self.time.now + BRISK.move_s * NS, step)

        self.time.at(START_UTC_NS + BRISK.move_s * NS, step)

    def _meddle_with_time(self) -> None:
        """Somebody sets the wall clock, and sets it right again."""
        if Fault.CLOCK not in self.plan.faults:
            return
        for _ in range(self.rng.randint(1, 2)):
            after_s = self.rng.uniform(20, self.plan.minutes * 60)
            self._set_clock(after_s, self.rng.choice(SKEWS_S))
            if self.rng.random() < SET_RIGHT_FRAC:
                self._set_clock(after_s + self.rng.uniform(5, 60), 0)
        self.time.at(self.tail_utc_ns, lambda: setattr(self.time, "skew", 0))

    def _set_clock(self, after_s: float, skew_s: int) -> None:
        def act() -> None:
            self.say(f"the wall clock is set {skew_s:+d} s off")
            self.time.skew, self.time.was_set = skew_s * NS, True

        self.time.at(START_UTC_NS + round(after_s * NS), act)

    def _disk_fails(self) -> Callable[[], bool]:
        if Fault.DISK not in self.plan.faults:
            return lambda: False
        once = one_in(self.rng, 150)
        return lambda: self.faulty and once()

    def _wrong(self, text: str) -> None:
        self.say(f"WRONG {text}")
        self.outcome.violations.append(text)
