"""Bugs put in on purpose: each breaks one rule of the protocol, and the simulation must find every one.

    python -m tests.chaos.mutants               all of them, each from seed 1 on, as the table of the docs
    python -m tests.chaos.mutants NAME ...      some of them
    python -m tests.chaos.mutants --broker tradovate   at that broker's sandbox, with its adapter

A mutant changes gamma's code for the time of a schedule, from outside: in production no switch of it exists.
"""

import argparse
import asyncio
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from types import SimpleNamespace
from typing import Any, Final, cast

from pytest import MonkeyPatch  # noqa: PT013  (it is used outside of pytest too)

from gamma import answers, daemon, engine, entries, shell, sizing, upkeep, wire
from gamma.book import trading
from gamma.chaos.broker import adapter
from gamma.chaos.broker.adapter import ChaosBroker
from gamma.chaos.broker.quirks import SETS
from gamma.chaos.broker.reading import placed_of, rows_of
from gamma.chaos.simulation.faults import plan
from gamma.chaos.simulation.trials import run
from gamma.chaos.simulation.world import BRISK
from gamma.clock import NS, Steady
from gamma.daemon import Daemon
from gamma.decision import Decision
from gamma.desk import Desk
from gamma.effects import Record, Tell, Tick
from gamma.events import (
    BootStarted,
    Event,
    Fill,
    OrderCanceled,
    OrderFilled,
    OrderKind,
    OrderMissed,
    OrderState,
    Recorded,
    Resumed,
    SignalMade,
)
from gamma.guards import passed
from gamma.guards.stale_data import StaleData
from gamma.ledger import Ledger, lease
from gamma.ledger.lease import FileLease
from gamma.orders import Order, Position, fill_order
from gamma.ports import Accepted, FillPage, Inconclusive, Lookup, Lost, NotListed, Placed, Rejected
from gamma.reasons import Reason
from gamma.shell import Shell
from gamma.turn import Turn
from gamma.wire import Reply, Unsure, Written

SCHEDULES_MAX: Final = 500
BAR_NS: Final = BRISK.bar_s * NS
NAMED_MAX: Final = 3
_NAMED: Final = re.compile(r"\b(I\d+|tail|target|the daemon ended with \w+)")


def post_before_persist(patch: MonkeyPatch) -> None:
    keep = Shell._keep

    def unsynced(self: Shell, effects: Any, *, durable: bool) -> None:  # noqa: ARG001
        keep(self, effects, durable=False)

    patch.setattr(Shell, "_keep", unsynced)


def timeout_means_failed(patch: MonkeyPatch) -> None:
    call = Shell._call

    async def judged(self: Shell, sending: Any) -> Placed:
        placed = await call(self, sending)
        return Rejected(code="timeout", text=placed.text) if isinstance(placed, Lost) else placed

    patch.setattr(Shell, "_call", judged)


def repost_on_unknown(patch: MonkeyPatch) -> None:
    call = Shell._call

    async def again(self: Shell, sending: Any) -> Placed:
        placed = await call(self, sending)
        return await call(self, sending) if isinstance(placed, Lost) else placed

    patch.setattr(Shell, "_call", again)


def absent_too_soon(patch: MonkeyPatch) -> None:
    def at_once(turn: Turn, event: OrderMissed) -> None:
        answers.on_missed(turn, replace(event, final=True))

    patch.setitem(engine._STEPS, OrderMissed, at_once)


def fills_without_unique_id(patch: MonkeyPatch) -> None:
    read, told = ChaosBroker._fill, itertools.count()

    async def numbered(self: ChaosBroker, row: Any) -> Fill:
        fill = await read(self, row)
        return replace(fill, execution_id=f"{fill.execution_id}.{next(told)}")

    patch.setattr(ChaosBroker, "_fill", numbered)


def halt_unread_at_the_socket(patch: MonkeyPatch) -> None:
    carry = Shell._carry_out

    async def unasked(self: Shell, sending: Any) -> list[Event]:
        patch.setattr(self, "stopped", lambda: False)
        return await carry(self, sending)

    patch.setattr(Shell, "_carry_out", unasked)


def stale_bars_decide(patch: MonkeyPatch) -> None:
    make = Desk.__init__

    def patient(self: Desk, *parts: Any, **settings: Any) -> None:
        make(self, *parts, **settings | {"late_max_s": None})

    patch.setattr(Desk, "__init__", patient)
    patch.setattr(StaleData, "__call__", lambda self, view, order: passed(order, self.reading(view)))


def deadlines_by_the_wall_clock(patch: MonkeyPatch) -> None:
    patch.setattr(Steady, "now_ns", lambda self: self._clock.wall_ns())


def first_page_alone(patch: MonkeyPatch) -> None:
    async def first(self: ChaosBroker, path: str, many: str, one: str, params: dict[str, str]) -> list[Any]:
        return rows_of(await self._wire.read(path, params), many, one)

    patch.setattr(ChaosBroker, "_pages", first)


def last_facts_skipped(patch: MonkeyPatch) -> None:
    read = Ledger.facts

    def torn(self: Ledger, *arguments: Any, **named: Any) -> Iterator[Recorded]:
        yield from list(read(self, *arguments, **named))[:-3]

    patch.setattr(Ledger, "facts", torn)


def unlisted_means_cancelled(patch: MonkeyPatch) -> None:
    reconcile = Shell.reconcile

    async def believing(self: Shell) -> None:
        await reconcile(self)
        listed = {told.client_order_id for told in await self._hear(self.broker.open_orders())}
        gone = [cid for cid, order in self.book.orders.items() if order.live and cid not in listed]
        await self.feed(*(OrderCanceled(client_order_id=cid, ts_event_utc_ns=self.now()) for cid in gone))

    patch.setattr(Shell, "reconcile", believing)


def server_error_means_refused(patch: MonkeyPatch) -> None:
    def judged(client_order_id: str, got: Written) -> Placed:
        if isinstance(got, Reply | Unsure) and got.status >= 500:
            return Rejected(code="server_error", text=f"HTTP {got.status}")
        return placed_of(client_order_id, got)

    patch.setattr(adapter, "placed_of", judged)


def fills_after_a_cancel_dropped(patch: MonkeyPatch) -> None:
    def unless_cancelled(turn: Turn, event: OrderFilled) -> None:
        order = turn.book.orders.get(event.fill.client_order_id)
        if order is None or not (order.ended or order.ts_cancel_utc_ns):
            answers.on_filled(turn, event)

    patch.setitem(engine._STEPS, OrderFilled, unless_cancelled)


def epoch_kept(patch: MonkeyPatch) -> None:
    patch.setattr(daemon, "next_epoch", lambda last, _: max(1, last))


def alert_after_commit(patch: MonkeyPatch) -> None:
    def apart(self: Shell, effects: Any, *, durable: bool) -> None:
        if effects:
            told = [e.notice for e in effects if isinstance(e, Tell)]
            ticks = [e for e in effects if isinstance(e, Tick)]
            self.store.append([e.fact for e in effects if isinstance(e, Record)], [], ticks)
            if durable or told:
                self.store.commit()
            self.store.append([], told)

    patch.setattr(Shell, "_keep", apart)


def fills_read_on_from_the_last_marker(patch: MonkeyPatch) -> None:
    markers: dict[str, str] = {}

    async def taken(self: Shell) -> bool:
        ledger = str(cast(Ledger, self.store)._db.engine.url)
        fresh = False
        while True:
            marker = markers.get(ledger, "")
            page = await self._hear(self.broker.fills_since(marker))
            markers[ledger] = page.marker
            for fill in page.fills:
                if not self.store.has_fill(fill.execution_id):
                    fresh = True
                    await self.feed(OrderFilled(fill=fill, ts_event_utc_ns=max(self.now(), fill.ts_event_utc_ns)))
            if not page.fills or page.marker == marker:
                return fresh

    patch.setattr(Shell, "_take_fills", taken)


def marker_before_its_fills(patch: MonkeyPatch) -> None:
    async def taken(self: Shell) -> bool:
        fresh = False
        while True:
            page = await self._hear(self.broker.fills_since(self._marker))
            fills = [fill for fill in page.fills if not self.store.has_fill(fill.execution_id)]
            if page.fills and page.marker != self._marker:
                await self.feed(self._read_to(page.marker))
                self.store.commit()
            for fill in fills:
                fresh = True
                await self.feed(OrderFilled(fill=fill, ts_event_utc_ns=max(self.now(), fill.ts_event_utc_ns)))
            if not page.fills or page.marker == self._marker:
                return fresh
            self._marker = page.marker

    patch.setattr(Shell, "_take_fills", taken)


def fills_read_without_overlap(patch: MonkeyPatch) -> None:
    since = ChaosBroker.fills_since

    async def after(self: ChaosBroker, marker: str) -> FillPage:
        patch.setattr(adapter, "OVERLAP_S", -self._quirks.lag_s)
        return await since(self, marker)

    patch.setattr(ChaosBroker, "fills_since", after)


def exit_beside_the_stop(patch: MonkeyPatch) -> None:
    leave = upkeep._leave

    def at_once(turn: Turn, position: Position, orders: list[Order]) -> None:
        leave(turn, position, [o for o in orders if o.intent.kind is OrderKind.EXIT])

    patch.setattr(upkeep, "_leave", at_once)


def parts_not_counted(patch: MonkeyPatch) -> None:
    judge = upkeep.judge_exit

    def of_all(turn: Turn, position: Position, lots: int, _: int, price_points: float) -> Decision:
        return judge(turn, position, lots, 0, price_points)

    patch.setattr("gamma.managing.judge_exit", of_all)


def slots_forgotten(patch: MonkeyPatch) -> None:
    worked, decide = Daemon._worked, engine._STEPS[SignalMade]

    def from_before(self: Daemon) -> dict[str, int]:
        return {market: ts - BAR_NS for market, ts in worked(self).items()}

    def anew(turn: Turn, signal: SignalMade) -> None:
        turn.book = replace(turn.book, slots={})
        decide(turn, signal)

    patch.setattr(Daemon, "_worked", from_before)
    patch.setattr(Ledger, "last_tick", lambda *_: None)
    patch.setitem(engine._STEPS, SignalMade, anew)


def unresolved_market_traded(patch: MonkeyPatch) -> None:
    standing = entries._standing

    def hopeful(*asked: Any) -> Reason:
        found = standing(*asked)
        return Reason.OK if found is Reason.UNRESOLVED else found

    patch.setattr(entries, "_standing", hopeful)


def failed_look_means_absent(patch: MonkeyPatch) -> None:
    find = Shell._find

    async def certain(self: Shell, client_order_id: str) -> Lookup:
        found = await find(self, client_order_id)
        return NotListed(final=False) if isinstance(found, Inconclusive) else found

    patch.setattr(Shell, "_find", certain)


def no_deadline(patch: MonkeyPatch) -> None:
    endless = SimpleNamespace(timeout=lambda _: asyncio.timeout(None), get_running_loop=asyncio.get_running_loop)
    patch.setattr(shell, "asyncio", endless)
    patch.setattr(wire, "asyncio", endless)


def halts_lifted_by_a_start(patch: MonkeyPatch) -> None:
    boot = engine._STEPS[BootStarted]

    def fresh(turn: Turn, event: BootStarted) -> None:
        boot(turn, event)
        for halt_id in list(turn.book.halts):
            turn.record(Resumed(halt_id=halt_id, actor="daemon", ts_event_utc_ns=turn.now))

    patch.setitem(engine._STEPS, BootStarted, fresh)


def cancel_taken_for_done(patch: MonkeyPatch) -> None:
    placed = shell._placed

    def done(sending: Any, answer: Placed, now_utc_ns: int) -> list[Event]:
        events = placed(sending, answer, now_utc_ns)
        if sending.intent.kind is OrderKind.CANCEL and isinstance(answer, Accepted):
            events.append(OrderCanceled(client_order_id=sending.intent.subject, ts_event_utc_ns=now_utc_ns))
        return events

    patch.setattr(shell, "_placed", done)


def first_fill_fills_the_order(patch: MonkeyPatch) -> None:
    def whole(order: Order, fill: Fill, ts_utc_ns: int = 0) -> Order:
        return replace(fill_order(order, fill, ts_utc_ns), state=OrderState.FILLED)

    patch.setattr(trading, "fill_order", whole)


def lock_not_taken(patch: MonkeyPatch) -> None:
    patch.setattr(lease, "fcntl", SimpleNamespace(flock=lambda *_: None, LOCK_EX=0, LOCK_NB=0))


def lease_not_seen_again(patch: MonkeyPatch) -> None:
    patch.setattr(FileLease, "check", lambda _: None)


def nan_passes(patch: MonkeyPatch) -> None:
    patch.setattr(sizing, "shrink", min)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A bug: what it does wrong, and the change that does it; `broker` where fake ones do not show it."""

    name: str
    breaks: str
    change: Callable[[MonkeyPatch], None]
    broker: str = ""


def _mutant(change: Callable[[MonkeyPatch], None], breaks: str, broker: str = "") -> Mutant:
    return Mutant(name=change.__name__, breaks=breaks, change=change, broker=broker)


MUTANTS: Final = {
    m.name: m
    for m in (
        _mutant(post_before_persist, "an order is sent before its intent is on disk"),
        _mutant(timeout_means_failed, "an order without an answer is taken for refused"),
        _mutant(server_error_means_refused, "a 5xx is taken for a refusal"),
        _mutant(repost_on_unknown, "an order without an answer is sent again"),
        _mutant(unresolved_market_traded, "new orders go out beside one without an answer"),
        _mutant(no_deadline, "a request waits for its answer for ever"),
        _mutant(absent_too_soon, "one list that does not show an order proves it absent"),
        _mutant(failed_look_means_absent, "a look that failed counts as one that did not show the order"),
        _mutant(unlisted_means_cancelled, "an order that is not on the list of open ones is taken for cancelled"),
        _mutant(cancel_taken_for_done, "a cancel that was taken is taken for done"),
        _mutant(exit_beside_the_stop, "an exit goes out while the stop of the position still works"),
        _mutant(parts_not_counted, "a part leaves that another order works to close already", "kalshi"),
        _mutant(fills_without_unique_id, "an execution that is told twice is booked twice"),
        _mutant(fills_after_a_cancel_dropped, "fills of an order that was to be cancelled are dropped"),
        _mutant(first_fill_fills_the_order, "the first of several fills ends the order"),
        _mutant(
            fills_read_on_from_the_last_marker,
            "after a crash fills are read on from where reading had come to, though they are not on disk",
        ),
        _mutant(marker_before_its_fills, "that fills were read is on disk before they are"),
        _mutant(fills_read_without_overlap, "fills are read on from the newest one, though older ones may show later"),
        _mutant(first_page_alone, "of a list in pages the first alone is read"),
        _mutant(halt_unread_at_the_socket, "the kill switch is read when a decision is made, and not again"),
        _mutant(halts_lifted_by_a_start, "a start lifts the halts that stand"),
        _mutant(stale_bars_decide, "old bars are decided on like new ones"),
        _mutant(deadlines_by_the_wall_clock, "deadlines go by a clock that can be set"),
        _mutant(slots_forgotten, "after a crash it is not known which bars were decided on"),
        _mutant(epoch_kept, "a start does not raise the epoch"),
        _mutant(last_facts_skipped, "a start leaves the last facts of the ledger out"),
        _mutant(lock_not_taken, "a daemon starts on an account that another one trades"),
        _mutant(lease_not_seen_again, "the lease is taken at the start, and not looked at again"),
        _mutant(nan_passes, "a sizer's NaN is compared like a number"),
        _mutant(alert_after_commit, "the alert is written after the commit of what it tells"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """How a mutant was found out: in which schedule, and by what the simulation said."""

    seed: int
    violations: tuple[str, ...]

    @property
    def caught_by(self) -> str:
        """What the first of it broke: invariants, or that the tail did not come to rest."""
        named = (_NAMED.search(text) for text in self.violations)
        return ", ".join([*dict.fromkeys(found[0] for found in named if found)][:NAMED_MAX])


def hunt(mutant: Mutant, seeds: Iterable[int], broker: str = "") -> Iterator[Catch]:
    """Run schedules of the mutant, at fake brokers or at a broker's sandbox, and give those that break something."""
    broker = broker or mutant.broker
    for seed in seeds:
        with MonkeyPatch.context() as patch:
            mutant.change(patch)
            violations = run(plan(seed, (broker,) if broker else tuple(SETS))).violations
        if violations:
            yield Catch(seed=seed, violations=tuple(violations))


def _hunted(name: str, schedules_max: int, times: int, broker: str) -> tuple[str, list[Catch]]:
    return name, list(itertools.islice(hunt(MUTANTS[name], range(1, schedules_max + 1), broker), times))


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a mutant was not caught."""
    asked = argparse.ArgumentParser(description="Put bugs in, one by one, until the simulation finds each.")
    asked.add_argument("names", nargs="*", choices=[[], *MUTANTS], metavar="NAME", help="which; all by default")
    asked.add_argument("--schedules", type=int, default=SCHEDULES_MAX, help="how many each may have")
    asked.add_argument("--broker", default="", help="at which broker's sandbox; by default at fake brokers")
    asked.add_argument("--jobs", type=int, default=1, help="how many processes")
    asked.add_argument("--times", type=int, default=1, help="how often each is to be found; above 1, by what seeds")
    asked.add_argument("--verbose", action="store_true", help="print what the simulation said, too")
    given = asked.parse_args(arguments)
    tell("| mutant | what it does wrong | schedules | caught by |\n|---|---|---:|---|")
    missed = 0
    seeds = {}
    with get_context("spawn").Pool(given.jobs) as pool:
        hunted = partial(_hunted, schedules_max=given.schedules, times=given.times, broker=given.broker)
        for name, catches in pool.imap(hunted, given.names or MUTANTS):
            missed += not catches
            found = f"{catches[0].seed} | {catches[0].caught_by}" if catches else f"over {given.schedules} | nothing"
            tell(f"| `{name}` | {MUTANTS[name].breaks} | {found} |")
            seeds[name] = tuple(catch.seed for catch in catches)
            if given.verbose:
                tell("".join(f"    {text}\n" for catch in catches for text in catch.violations))
    if given.times > 1:
        tell("".join(f'    "{name}": {found},\n' for name, found in seeds.items()))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
