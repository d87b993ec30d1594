"""The world around the daemon of a soak: markets that open, move and close, and what goes wrong in it day by day."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, final

from gamma.chaos.broker.drill import aim_of
from gamma.chaos.broker.exchange import Exchange
from gamma.chaos.broker.quirks import Quirks
from gamma.chaos.drill import ALERTS_HOST, Aim, Asked, Sent, Served
from gamma.chaos.simulation.days import BAR_S, Event, Timetable
from gamma.chaos.simulation.loop import Time
from gamma.chaos.simulation.network import Network, Points
from gamma.chaos.simulation.person import Person
from gamma.chaos.simulation.schedule import SKEWS_S
from gamma.chaos.simulation.world import TRADED, Listed, Pace, WorldFeed, move_at
from gamma.clock import NS
from gamma.daemon import Daemon

PACE: Final = Pace(bar_s=BAR_S, move_s=60)
REJECT_FRAC: Final = 0.02
MISSING_FRAC: Final = 0.01
STEPS_LEFT_MAX: Final = 25  # so many points are still passed by a process that is to die
OUTAGE_S: Final = (60, 1_800)
NO_ALERTS_S: Final = (600, 7_200)


@dataclass(slots=True)
class Process:
    """What there is of the daemon's process while it lives."""

    points: Points | None = None
    network: Network | None = None
    daemon: Daemon | None = None


@final
@dataclass(slots=True, kw_only=True)
class Outside:
    """Markets, broker, services and mishaps by a timetable; `counts` tells how often which of them came.

    All is calm from some time before the first market closes until the evening is over.
    """

    seed: int
    time: Time
    quirks: Quirks
    exchange: Exchange
    person: Person
    kill_switch: Path
    process: Process = field(default_factory=Process)
    counts: Counter[str] = field(default_factory=Counter)
    calm: bool = False
    _rng: random.Random = field(init=False)
    _symbols: tuple[str, ...] = ()
    _no_alerts_until_utc_ns: int = 0
    _disk_due: bool = False

    def begin(self, timetable: Timetable) -> None:
        """Have everything happen at its time."""
        self._rng = random.Random(f"outside {self.seed}")
        self._symbols = tuple(timetable.hours)
        for symbol, sessions in timetable.hours.items():
            self.exchange.closed.add(symbol)
            for session in sessions:
                self.time.at(session.ts_open_utc_ns, partial(self.exchange.closed.discard, symbol))
                self.time.at(session.ts_close_utc_ns, partial(self._shut, symbol))
        for day in timetable.days:
            self.time.at(day.ts_calm_utc_ns, self._grow_calm)
            self.time.at(day.ts_stormy_utc_ns, self._grow_stormy)
            for ts, event in day.events:
                self.time.at(ts, partial(self._happen, event))
        self._grow_stormy()
        self._move()

    def feed(self, timetable: Timetable) -> WorldFeed:
        """The bars of these days, of which few never come."""
        return WorldFeed(
            self.seed,
            self._symbols,
            lambda: self.time.now,
            missing=MISSING_FRAC,
            missing_from_utc_ns=timetable.days[0].ts_open_utc_ns,
            pace=PACE,
            slots=Listed(closes=timetable.closes),
        )

    def disk_fails(self) -> bool:
        """Whether the next write fails; it does so once."""
        due, self._disk_due = self._disk_due, False
        return due

    def aim(self, asked: Asked) -> Sent:
        """What a request is for; to the service that takes alerts it is nothing to the broker."""
        return Sent(aim=Aim.READ) if asked.host == ALERTS_HOST else aim_of(asked)

    def serve(self, asked: Asked) -> Served:
        """What is at the other end of the line: the broker, or the service that takes alerts."""
        if asked.host == ALERTS_HOST:
            bad = not self.calm and self.time.now < self._no_alerts_until_utc_ns
            return (500, {}, b"") if bad else (200, {}, b"{}")
        path, _, query = asked.target.partition("?")
        return self.exchange.handle(asked.method, path, query, asked.body, self.time.now)

    def _shut(self, symbol: str) -> None:
        """The session of a market is over: what works there ends, and nothing is taken."""
        self.exchange.expire(symbol, self.time.now)
        self.exchange.closed.add(symbol)

    def _move(self) -> None:
        for symbol in self._symbols:
            if symbol not in self.exchange.closed:
                move = move_at(self.seed, TRADED[symbol], PACE, self.time.now)
                self.exchange.trade(symbol, move.low, move.high, move.close, self.time.now)
        self.time.at(self.time.now + PACE.move_s * NS, self._move)

    def _grow_calm(self) -> None:
        self.calm, self.time.skew, self._disk_due = True, 0, False
        self.kill_switch.unlink(missing_ok=True)
        self.exchange.calm()

    def _grow_stormy(self) -> None:
        self.calm, self.time.was_set = False, False
        self.exchange.floor.quirks = replace(self.quirks, reject_frac=REJECT_FRAC)

    def _happen(self, event: Event) -> None:
        """Let it come to pass, where there is a process that it can happen to."""
        self.counts[event] += 1
        points, network, daemon = self.process.points, self.process.network, self.process.daemon
        match event:
            case Event.CRASH if points is not None:
                points.die_at = points.passed + self._rng.randint(1, STEPS_LEFT_MAX)
            case Event.STOP if daemon is not None and daemon.ready:
                daemon.stop()
            case Event.DISK:
                self._disk_due = True
            case Event.CLOCK:
                self.time.skew, self.time.was_set = self._rng.choice(SKEWS_S) * NS, True
            case Event.CLOCK_RIGHT:
                self.time.skew = 0
            case Event.PERSON:
                self.person.meddle()
            case Event.ALERTS:
                self._no_alerts_until_utc_ns = self.time.now + self._rng.randrange(*NO_ALERTS_S) * NS
            case Event.OUTAGE if network is not None:
                network.go_out(self.time.now + self._rng.randrange(*OUTAGE_S) * NS)
