"""The desk: what happens on a closed bar, in its order. One pipeline for the daemon and for replay.

the bar trades through the broker, where the broker lives on bars; and so does the option chain that is known by then
the broker is asked: fills come in, and what became of an order that was lost
a new session is opened
the bar closes: marks, exits, guards
each size picker of the market sees the bar
each strategy of the market looks, once for this slot; a signal becomes a decision, with what its picker says of it
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol, final

from gamma.bars import Bar, Session
from gamma.clock import NS
from gamma.effects import Tick
from gamma.entries import Leave
from gamma.events import BARRED, BarClosed, ManageWanted, ModelFailed, SessionOpened, SignalMade
from gamma.orders import any_unresolved
from gamma.outlook import look
from gamma.picking import Picking
from gamma.ports import (
    AskingSource,
    BarDriven,
    ChainDriven,
    Explaining,
    Hours,
    KnownChains,
    ManagingSource,
    SignalSource,
)
from gamma.shell import Shell
from gamma.situation import situation_of

Found = SignalMade | ManageWanted | ModelFailed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One strategy at the desk: its name and its eyes."""

    strategy: str
    source: SignalSource | ManagingSource | AskingSource
    managing: ManagingSource | None = field(init=False)
    asking: AskingSource | None = field(init=False)
    explaining: Explaining | None = field(init=False)

    def __post_init__(self) -> None:
        # Asked once: to look whether an object has all that a port asks for takes as long as a bar.
        managing = self.source if isinstance(self.source, ManagingSource) else None
        object.__setattr__(self, "managing", managing)
        asking = self.source if isinstance(self.source, AskingSource) else None
        object.__setattr__(self, "asking", asking)
        explaining = self.source if isinstance(self.source, Explaining) else None
        object.__setattr__(self, "explaining", explaining)


class Timer(Protocol):
    """Hears how long things took: the `model` of a strategy, and a `decision`, from its bar to the order that went."""

    def began_s(self) -> float: ...
    def ended(self, what: str, strategy: str, began_s: float) -> None: ...


@final
class _Untimed:
    """Nobody asks how long things take."""

    def began_s(self) -> float:
        return 0.0

    def ended(self, what: str, strategy: str, began_s: float) -> None: ...


@final
class Desk:
    """Takes closed bars and works them off, one after the other.

    On a bar that closed more than `late_max_s` ago nothing is decided: its price is not to be had any more.
    `pickings` are the size pickers by strategy, `chains` the option chains as they are known.
    """

    def __init__(
        self,
        shell: Shell,
        seats: Mapping[str, Sequence[Seat]],
        hours: Hours,
        *,
        pickings: Mapping[str, Picking] = MappingProxyType({}),
        chains: KnownChains | None = None,
        late_max_s: float | None = None,
    ) -> None:
        self.shell = shell
        self.seats = seats
        self.hours = hours
        self.pickings = pickings
        self.bars = 0
        self.timer: Timer = _Untimed()
        self._late_max_ns = math.inf if late_max_s is None else late_max_s * NS
        self._driven = shell.broker if isinstance(shell.broker, BarDriven) else None
        self._chains = chains
        self._priced = shell.broker if isinstance(shell.broker, ChainDriven) else None
        self._day_market = shell.rules.day_market
        self._sessions: dict[str, Session] = {}
        self._worked: dict[str, int] = {}
        self._cuts: dict[str, Counter[str]] = {}
        self._decided = {
            s.strategy: shell.store.last_tick(s.strategy) or 0 for all_of in seats.values() for s in all_of
        }

    def warm_up(self, market: str, bars: Sequence[Bar], until_utc_ns: int) -> None:
        """Show history to the market's strategies and to the book; nothing is decided on bars up to then."""
        self._worked[market] = until_utc_ns
        for seat in self.seats.get(market, ()):
            seat.source.warm_up(bars)
        for picking in self.pickings.values():
            picking.warm_up(bars)
        for bar in bars:
            self.shell.see(BarClosed(bar=bar, ts_event_utc_ns=bar.ts_close_utc_ns))

    async def bar(self, bar: Bar) -> None:
        """Work off one closed bar; one that was worked off before is passed over.

        Raises: Transient when the broker could not be asked; nothing was decided then, and the bar may be given again.
        """
        if bar.ts_close_utc_ns <= self._worked.get(bar.market, 0):
            return
        if self._driven is not None:
            self._driven.trade_through(bar)
        self._show_chain(bar)
        await self._catch_up()
        self.bars += 1
        self._worked[bar.market] = bar.ts_close_utc_ns
        # The account's day begins before a guard looks at the first bar of any market: it would judge by yesterday's.
        for market in (self._day_market, bar.market):
            current = self._sessions.get(market)
            if current is None or bar.ts_close_utc_ns > current.ts_close_utc_ns:
                await self._open_session(market, bar.ts_close_utc_ns, current)
        await self.shell.feed(BarClosed(bar=bar, ts_event_utc_ns=bar.ts_close_utc_ns))
        for picking in self.pickings.values():
            picking.see(bar)
        for seat in self.seats.get(bar.market, ()):
            await self._look(seat, bar)

    def _show_chain(self, bar: Bar) -> None:
        """Let the broker trade on the chain of the bar's market, where it lives on chains and there is one."""
        if self._chains is None or self._priced is None:
            return
        chain = self._chains.known(bar.market, bar.ts_close_utc_ns)
        if chain is not None:
            self._priced.trade_on(chain)

    async def hear(self, signal: SignalMade) -> None:
        """Take a signal up, with what its strategy's picker says of its sizes at the equity and price of now."""
        picking = self.pickings.get(signal.strategy)
        if picking is not None:
            book, rules = self.shell.book.at(signal.ts_event_utc_ns), self.shell.rules
            view = look(book, rules, rules.strategies[signal.strategy], signal)
            signal = replace(signal, curve=picking.curve(view))
        await self.shell.feed(signal)

    async def _open_session(self, market: str, ts_utc_ns: int, current: Session | None) -> None:
        session = self.hours.session(market, ts_utc_ns - 1)
        if session is not None and session != current:
            self._sessions[market] = session
            agrees = self.hours.agrees(market, session.date)
            await self.shell.feed(SessionOpened(session=session, agrees=agrees, ts_event_utc_ns=ts_utc_ns))
            if market == self._day_market:
                await self.shell.compare_balance()

    async def _catch_up(self) -> None:
        """Hear what the broker did; while an order's fate is unknown, ask for everything."""
        if any_unresolved(self.shell.book.orders.values()):
            await self.shell.reconcile()
        else:
            await self.shell.poll()

    async def _look(self, seat: Seat, bar: Bar) -> None:
        """A slot that the ledger has a decision on is seen, and not decided on again."""
        began_s = self.timer.began_s()
        found, managing = self._ask(seat, bar), seat.managing
        self.timer.ended("model", seat.strategy, began_s)
        if bar.ts_close_utc_ns <= self._decided[seat.strategy]:
            return
        self._decided[seat.strategy] = bar.ts_close_utc_ns
        outcome = "warming_up" if managing is not None and not managing.warm else _why_none(seat)
        if isinstance(found, ModelFailed):
            await self.shell.feed(found)
            outcome = "fault"
        elif found is not None:
            now = self.shell.now()
            if now - bar.ts_close_utc_ns <= self._late_max_ns:
                # The guards reckon ages from now, not from the close of the bar: it may have waited for the broker.
                ts_utc_ns = max(found.ts_event_utc_ns, now)
                if isinstance(found, SignalMade):
                    await self.hear(replace(found, ts_event_utc_ns=ts_utc_ns))
                else:
                    await self.shell.feed(replace(found, ts_event_utc_ns=ts_utc_ns))
                self.timer.ended("decision", seat.strategy, began_s)
                return
            outcome = "late"
        session = self._sessions.get(bar.market)
        tick = Tick(
            strategy=seat.strategy,
            slot_utc_ns=bar.ts_close_utc_ns,
            session=session.date if session else "",
            outcome=outcome,
        )
        self.shell.store.append([], [], [tick])

    def _ask(self, seat: Seat, bar: Bar) -> Found:
        """The strategy's answer on a bar; one that raises is switched off, and the others trade on."""
        book, found = self.shell.book, None
        try:
            if seat.asking is not None:
                leaves = Leave(book, self.shell.rules, seat.strategy)
                found = seat.asking.choose(bar, situation_of(book, seat.strategy, bar.market), leaves)
                found = self._noted(seat.strategy, found, leaves)
            elif seat.managing is not None:
                found = seat.managing.decide(bar, situation_of(book, seat.strategy, bar.market))
            else:
                found = seat.source.on_bar(bar)  # type: ignore[union-attr]  # the one kind or the other
        except Exception as error:  # a strategy's fault must not take the daemon down
            text = f"{type(error).__name__}: {error}"
        else:
            market = bar.market if found is None or isinstance(found, ModelFailed) else found.market
            if found is None or (found.strategy, market) == (seat.strategy, bar.market):
                return found
            text = f"it signals for {found.strategy} in {market}"
        return ModelFailed(strategy=seat.strategy, text=text, ts_event_utc_ns=bar.ts_close_utc_ns)

    def _noted(self, strategy: str, found: Found, leaves: Leave) -> Found:
        """The answer with how often each step has barred a size since the order before: no decision tells of those."""
        cuts = self._cuts.setdefault(strategy, Counter())
        cuts.update(leaves.cuts)
        if not isinstance(found, SignalMade | ManageWanted):
            return found
        del self._cuts[strategy]
        return replace(found, notes={**found.notes, **{f"{BARRED}{name}": times for name, times in cuts.items()}})


def _why_none(seat: Seat) -> str:
    return (seat.explaining.why_none if seat.explaining is not None else "") or "no_signal"
