"""The person beside the daemon: meddles while things go wrong, and puts things right when they do not."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from gamma import requests
from gamma.chaos.simulation.faults import Fault, Plan
from gamma.chaos.simulation.loop import Time
from gamma.chaos.simulation.tap import OnDisk
from gamma.chaos.simulation.world import BRISK
from gamma.clock import NS
from gamma.daemon import Daemon
from gamma.events import (
    AckRequested,
    Command,
    FlattenRequested,
    HaltRequested,
    Level,
    OrderState,
    ResolveRequested,
    ResumeRequested,
)
from gamma.reasons import Reason

LOOK_S: Final = 10.0
ACTS_MAX: Final = 3
RELENT_S: Final = (15.0, 75.0)
RELENT_FRAC: Final = 0.7
BUSY_FRAC: Final = 0.7
BUSY_S: Final = 0.4
_BAR_NS: Final = BRISK.bar_s * NS


@final
class Person:
    """Puts commands down as `gamma halt` and its like do; `wants` says what keeps the account from rest."""

    def __init__(self, plan: Plan, time: Time, folder: Path, say: Callable[[str], None]) -> None:
        self.wants = "it never started"
        self._plan = plan
        self._time = time
        self._folder = folder
        self._kill_switch = folder.parent / "gamma.kill"
        self._say = say
        self._rng = random.Random(f"person {plan.seed}")
        self._count = 0
        self._tail_utc_ns = 0
        self._watching: asyncio.Task[None] | None = None
        self._daemon: Daemon | None = None

    def begin(self, tail_utc_ns: int) -> None:
        """Choose when to meddle."""
        self._tail_utc_ns = tail_utc_ns
        if Fault.OPERATOR in self._plan.faults:
            for _ in range(self._rng.randint(1, ACTS_MAX)):
                due = self._time.now + round(self._rng.uniform(5.0, self._plan.minutes * 60.0) * NS)
                if self._rng.random() < BUSY_FRAC:  # while the desk is at a bar that has just closed
                    due = due // _BAR_NS * _BAR_NS + round(self._rng.uniform(0.0, BUSY_S) * NS)
                self._time.at(due, self.meddle)
        self._time.at(tail_utc_ns, lambda: self._kill_switch.unlink(missing_ok=True))

    def watch(self, daemon: Daemon, taken: Callable[[str], bool], on_disk: OnDisk) -> None:
        """Stay beside this daemon until it is at rest, and stop it then; `taken`: whether the broker took an order."""
        self.stand_beside(daemon)
        self._watching = asyncio.get_running_loop().create_task(self._stay(daemon, taken, on_disk))

    def stand_beside(self, daemon: Daemon) -> None:
        """Know which daemon runs now."""
        self._daemon = daemon

    def acknowledge(self) -> None:
        """All alerts have been seen."""
        self._put(AckRequested(command_id=self._id(), actor="person", alert="", ts_event_utc_ns=self._time.wall_ns()))

    async def _stay(self, daemon: Daemon, taken: Callable[[str], bool], on_disk: OnDisk) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self._time.now < self._tail_utc_ns + LOOK_S * NS or not daemon.ready:
                continue
            self.wants = self.unrest(daemon, on_disk)
            if not self.wants:
                daemon.stop()
                return
            self.mend(daemon, taken)

    def unrest(self, daemon: Daemon, on_disk: OnDisk) -> str:
        """What keeps the account from rest; "" when nothing does."""
        book = daemon.shell.book
        open_orders = [f"{cid} is {o.state}" for cid, o in book.orders.items() if not o.ended]
        held = [f"{p.lots:+d} {p.market} of {p.strategy}" for p in book.positions.values() if p.lots]
        halts = [f"{h.halt_id} {h.reason}" for h in book.halts.values()]
        waiting = on_disk.untold()
        alerts = [f"{waiting} alerts wait"] if waiting else []
        return ", ".join(open_orders + held + halts + alerts)

    def mend(self, daemon: Daemon, taken: Callable[[str], bool]) -> None:
        """Say what became of orders that nobody can tell of but the broker's own people, then lift what halts."""
        book, now = daemon.shell.book, self._time.wall_ns()
        for cid, order in book.orders.items():
            if order.state is OrderState.QUARANTINED:
                outcome = "filled" if taken(cid) else "absent"
                self._put(
                    ResolveRequested(
                        command_id=self._id(), actor="person", client_order_id=cid, outcome=outcome, ts_event_utc_ns=now
                    )
                )
                return
        if not book.halts and not book.positions and book.orders:  # entries at a price that nobody trades at
            self._flatten()
        for halt_id in book.halts:
            self._resume(halt_id)

    def meddle(self) -> None:
        """Do something that nobody expects."""
        now = self._time.wall_ns()
        act = self._rng.choice(("halt", "hard", "strategy", "flatten", "switch", "switch off"))
        self._say(f"a person: {act}")
        if act == "switch":
            self._kill_switch.touch()
        elif act == "switch off":
            self._kill_switch.unlink(missing_ok=True)
        elif act == "flatten":
            self._flatten()
        else:
            self._put(
                HaltRequested(
                    command_id=self._id(),
                    actor="person",
                    text="because",
                    level=Level.HALTED if act == "hard" else Level.REDUCING,
                    scope="strategy" if act == "strategy" else "account",
                    target="swing" if act == "strategy" else "",
                    ts_event_utc_ns=now,
                )
            )

        if self._rng.random() < RELENT_FRAC:
            self._time.at(self._time.now + round(self._rng.uniform(*RELENT_S) * NS), self._relent)

    def _relent(self) -> None:
        """Lift what people put down: a daemon that is halted for ever shows little."""
        self._say("a person relents")
        self._kill_switch.unlink(missing_ok=True)
        halts = self._daemon.shell.book.halts.values() if self._daemon is not None else ()
        for halt in halts:
            if halt.reason in (Reason.OPERATOR, Reason.KILL_SWITCH):
                self._resume(halt.halt_id)

    def _flatten(self) -> None:
        self._put(
            FlattenRequested(command_id=self._id(), actor="person", market="", ts_event_utc_ns=self._time.wall_ns())
        )

    def _resume(self, halt_id: str) -> None:
        self._put(
            ResumeRequested(
                command_id=self._id(), actor="person", halt_id=halt_id, ts_event_utc_ns=self._time.wall_ns()
            )
        )

    def _put(self, command: Command) -> None:
        requests.submit(self._folder, command)

    def _id(self) -> str:
        self._count += 1
        return f"c{self._count}"
