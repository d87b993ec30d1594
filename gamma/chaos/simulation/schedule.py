"""One schedule: a daemon that lives, dies and lives again in a world where things go wrong, then in one where none do.

At the end nothing may be wrong: every order once, every fill once, everything flat, known and told.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

import httpx

from gamma import requests
from gamma.assembly import Assembly, Hours
from gamma.chaos.broker.observed import Executed, Received
from gamma.chaos.drill import ACCOUNT, ALERTS_HOST, CAPITAL_USD, Aim, Asked, Drill, Line, Prices, Scene, Sent, Served
from gamma.chaos.simulation import fates, judge, setting
from gamma.chaos.simulation.eyes import WISHES, WISHES_AND_CLOSES, seats
from gamma.chaos.simulation.faults import Fault, Plan
from gamma.chaos.simulation.gate import Gate
from gamma.chaos.simulation.hinted import Hinted
from gamma.chaos.simulation.inspector import Inspector
from gamma.chaos.simulation.loop import Crash, Stuck, Time, live
from gamma.chaos.simulation.network import Network, Points
from gamma.chaos.simulation.person import Person
from gamma.chaos.simulation.rivalry import Rivalry
from gamma.chaos.simulation.tap import OnDisk, Tap, one_in
from gamma.chaos.simulation.told import Teller
from gamma.chaos.simulation.world import BRISK, MISSING_SHARE, START_UTC_NS, Strange, WorldFeed
from gamma.clock import NS
from gamma.daemon import Daemon
from gamma.errors import Corrupt, GammaError, InvariantBroken, LedgerFailed, LedgerInUse, Transient
from gamma.invariants.patrol import examine
from gamma.ledger import Ledger
from gamma.messengers import Messengers
from gamma.ports import Hinting

TAIL_MAX_S: Final = 2_400
LIVES_MAX: Final = 40
ECHO_S: Final = 60  # a request from before the tail may fail as long after
LIMITS_S: Final = 30  # and a broker's own limit of requests a minute, as much longer
SKEWS_S: Final = (-3600, -30, -2, 2, 30, 3600)
SET_RIGHT_FRAC: Final = 0.7  # of the times that the wall clock was set wrong it is soon set right


@dataclass(slots=True)
class Outcome:
    """What came of a schedule; the trace is empty unless it was asked for."""

    plan: Plan
    crashes: int = 0
    crash_points: int = 0
    orders: int = 0
    fills: int = 0
    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)


@final
class Schedule:
    """A plan at work, with a broker's adapter at its sandbox; with `closes`, strategies close by themselves too."""

    def __init__(self, plan: Plan, folder: Path, drill: Drill, *, closes: bool = False, traced: bool = False) -> None:
        self.plan = plan
        self.folder = folder
        self.drill = drill
        self.outcome = Outcome(plan)
        self.rng = random.Random(f"schedule {plan.seed}")
        self.jitter = random.Random(f"jitter {plan.seed}")
        self.time = Time(START_UTC_NS)
        self.tail_utc_ns = START_UTC_NS + plan.minutes * 60 * NS
        self.markets = {traded.symbol: traded for traded in drill.markets}
        self.setup, self.rules = setting.trading(drill.capabilities, drill.markets)
        self.config = setting.asking(setting.config(folder, drill.markets), plan)
        self.venue = drill.open(
            Scene(
                seed=plan.seed,
                prices=Prices(seed=plan.seed, markets=self.markets),
                capital_usd=CAPITAL_USD,
                faults=plan.faults,
            )
        )
        self.wishes = WISHES_AND_CLOSES if closes else WISHES
        self.echo_s = ECHO_S + LIMITS_S if closes else ECHO_S
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
            working=lambda: fates.working(self.venue.log()),
            strange=strange,
        )
        self.rivalry = Rivalry(self.config.gamma.database, self.time, self.gate, self.say)
        self.person = Person(plan, self.time, requests.folder_of(self.config.gamma.database, ACCOUNT), self.say)

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
        log = self.venue.log()
        self.outcome.orders = sum(isinstance(record, Received) for record in log)
        self.outcome.fills = sum(isinstance(record, Executed) for record in log)
        caps, ledger = setting.caps(self.rules), self.folder / "gamma.db"
        self.outcome.violations += judge.at_the_end(log, ledger, caps, averages=self.drill.averages)
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
            if not self._excused(error) or self.time.now > self.tail_utc_ns + self.echo_s * NS:
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
            account=ACCOUNT,
            mode="paper",
            clock_ns=self.time.wall_ns,
            between=lambda raw: Tap(raw, points, fails),
        )
        opened.append(ledger)
        network = self._network(points)
        line = Line(transport=network, markets=self.setup.markets, wall_ns=self.time.wall_ns)
        broker = self.venue.adapter(line)
        if isinstance(broker, Hinting):
            broker = Hinted(broker, self.plan.seed)
        async with httpx.AsyncClient(transport=network) as client:
            daemon = Daemon(
                self._assembly(broker),
                ledger,
                messengers=Messengers(self.config, ledger, client, self.time, jitter=self.jitter.random),
                observers=(self.inspector, *((Teller(self.say),) if self.traced else ())),
                clock=self.time,
            )
            self.person.watch(daemon, self._taken, self.on_disk)
            await daemon.run(1.0)
        ledger.close()
        self.say("the daemon ends")

    def _network(self, points: Points) -> Network:
        return Network(
            self.time,
            points,
            self,
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
                tuple(self.markets),
                lambda: self.time.now,
                MISSING_SHARE if Fault.FEED in self.plan.faults else 0.0,
                traded=self.markets,
            ),
            seats=seats(self.rules, self.drill.markets, self.plan.seed, self.tail_utc_ns, wishes=self.wishes),
            streams=(),
            hours=Hours(),
            start_utc_ns=0,
        )

    # The world.

    def _calm(self) -> None:
        """From here on the broker does what it is asked."""
        self.say("from here on nothing goes wrong")
        self.venue.grow_calm()

    def aim(self, asked: Asked) -> Sent:
        """What a request is for; to the service that takes alerts it is nothing to the broker."""
        return Sent(aim=Aim.READ) if asked.host == ALERTS_HOST else self.venue.aim(asked)

    def serve(self, asked: Asked) -> Served:
        """What is at the other end of the line: the broker, or the service that takes alerts."""
        if asked.host == ALERTS_HOST:
            bad = self.faulty and Fault.ALERTS in self.plan.faults and self.rng.random() < 0.7
            return (500, {}, b"") if bad else (200, {}, b"{}")
        if not self.traced:
            return self.venue.serve(asked, self.time.now)
        known = len(self.venue.log())
        answer = self.venue.serve(asked, self.time.now)
        for entry in self.venue.log()[known:]:
            self.say(f"broker: {entry}")
        return answer

    def _taken(self, client_order_id: str) -> bool:
        return client_order_id in fates.at_broker(self.venue.log())

    def _move(self) -> None:
        """Markets move for as long as there is anybody to see it."""

        def step() -> None:
            self.venue.advance(self.time.now)
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
