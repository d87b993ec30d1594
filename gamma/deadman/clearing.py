"""Clearing: cancel what works and close what is held, one look at a time, until a market is flat.

In each look first the orders are read and then the positions, so that what no longer works has traded before. What
opens is cancelled first; a stop stays until nothing else works, and is cancelled before the exit: no broker may fill
both. An order is sent once, under an id that is on disk; nothing more is sent in its market until the broker has told
what became of it, or its absence is proved as the daemon proves it. Positions are believed once they are what the
fills that are known of make of them, or the broker's quiet window has passed.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar, final

import structlog

from gamma.book import Book
from gamma.deadman.exits import approved_of, exits_of
from gamma.deadman.journal import Exit, Journal
from gamma.errors import Transient
from gamma.events import Intent, OrderKind, OrderState, OrderType
from gamma.markets import Market
from gamma.ports import Accepted, Broker, BrokerOrder, Found, Lost, NotListed, Placed, Preparing, Rejected

CALM_S: Final = 1.5
WATCHED_S: Final = 3.0
RETRY_S: Final = 5.0
EXIT_WORKS_MAX_S: Final = 20.0
REASON: Final = "dead_man"
T = TypeVar("T")

log = structlog.get_logger("gamma.deadman")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What one look left: lots by market, orders of ours that work, orders of strangers, and what is waited for."""

    lots: Mapping[str, int]
    working: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()

    @property
    def flat(self) -> bool:
        """Whether nothing is held, nothing of ours works, and nothing is waited for."""
        return not (self.lots or self.working or self.waits)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    """A position that is to come to `lots`, by what is known to have filled; believed as it is from `until_s` on."""

    lots: int
    until_s: float


@final
class Clearing:
    """Clears markets of one account; `mine` are how ids of our orders begin, and `may` says that it may still act."""

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        markets: Mapping[str, Market],
        *,
        mine: tuple[str, ...],
        now_s: Callable[[], float],
        now_utc_ns: Callable[[], int],
        may: Callable[[], bool],
    ) -> None:
        self._broker = broker
        self._journal = journal
        self._markets = markets
        self._mine = mine
        self._now_s = now_s
        self._now_utc_ns = now_utc_ns
        self._may = may
        self._began_s = now_s()
        self._sent_s: dict[str, float] = {}
        self._asked_s: dict[str, float] = {}
        self._misses: dict[str, tuple[int, float, int]] = {}
        self._worked: dict[str, BrokerOrder] = {}
        self._read: dict[str, int] = {}
        self._waits: dict[str, _Wait] = {}
        self._calm: dict[str, tuple[int, float]] = {}
        self._first_s: dict[str, float] = {}
        self._squared: set[str] = set()
        self._texts: list[str] = []

    async def look(self, markets: Collection[str], book: Book | None, shut: Collection[str] = ()) -> Left:
        """Look at these markets, and do what is next in each of them that is not shut.

        Raises: Transient when the broker gave no answer to a question; OSError when the journal takes nothing.
        """
        self._texts = []
        listed = [o for o in await self._hear(self._broker.open_orders()) if o.market in markets]
        told = {order.client_order_id: await self._told(order) for order in self._unended(markets)}
        gone = await self._gone({o.client_order_id for o in listed})
        moved = {market: await self._moved(market, book) for market in set(markets) - self._squared}
        held = await self._hear(self._broker.positions())
        for market in sorted(markets):
            lots = held.get(market, 0)
            self._account_for(market, gone)
            working = [o for o in listed if o.market == market and o.client_order_id.startswith(self._mine)]
            self._note_told(market, told, lots)
            self._first_s.setdefault(market, self._now_s())
            if market in moved and book is not None:
                self._square(market, lots, book.lots(market) + moved[market] + self._closed(market))
            if market not in shut:
                await self._clear(market, lots, working, book)
            elif lots:
                self._texts.append(f"{lots:+d} {market}: the market is shut")
            self._read[market] = lots
        self._worked = {o.client_order_id: o for o in listed if o.client_order_id.startswith(self._mine)}
        return Left(
            lots={market: held[market] for market in sorted(markets) if held.get(market, 0)},
            working=tuple(self._worked),
            strangers=tuple(
                o.client_order_id or o.broker_order_id for o in listed if not o.client_order_id.startswith(self._mine)
            ),
            waits=tuple(self._texts),
        )

    # What became of orders.

    def _unended(self, markets: Collection[str]) -> list[Exit]:
        return [e for e in self._exits() if e.market in markets and not e.ended]

    def _exits(self) -> list[Exit]:
        incident = self._journal.incident
        return list(incident.exits.values()) if incident is not None else []

    async def _told(self, order: Exit) -> BrokerOrder | NotListed | None:
        """What the broker knows of an order of ours; None where it cannot be told now."""
        try:
            lookup = await self._hear(self._broker.find(order.client_order_id))
        except Transient:
            return None
        if isinstance(lookup, Found):
            return lookup.order
        return lookup if isinstance(lookup, NotListed) else None

    def _note_told(self, market: str, told: Mapping[str, BrokerOrder | NotListed | None], lots: int) -> None:
        for order in self._exits():
            heard = told.get(order.client_order_id)
            if order.market != market or heard is None:
                continue
            if isinstance(heard, NotListed):
                if self._absent(order, heard, lots):
                    self._journal.told(order.client_order_id, OrderState.ABSENT, order.filled_lots)
            elif (heard.state, heard.filled_lots) != (order.state, order.filled_lots):
                self._journal.told(order.client_order_id, heard.state, heard.filled_lots)
                if heard.ended and heard.filled_lots:
                    self._await(market, order.held_lots + order.side * heard.filled_lots)

    def _absent(self, order: Exit, heard: NotListed, lots: int) -> bool:
        """Absence is proved by one final look, or by enough of them, spaced, in which the position stood still."""
        can, now_s, cid = self._broker.capabilities, self._now_s(), order.client_order_id
        count, last_s, seen = self._misses.get(cid, (0, -math.inf, lots))
        if seen != lots:
            count, last_s = 0, -math.inf
        if now_s - last_s >= can.absence_spacing_s:
            count, last_s = count + 1, now_s
        self._misses[cid] = (count, last_s, lots)
        waited_s = now_s - self._sent_s.get(cid, self._began_s)
        return heard.final or (count >= can.absence_listings and waited_s >= can.quiet_window_s)

    async def _gone(self, listed: Collection[str]) -> dict[str, BrokerOrder | None]:
        """Orders that worked at the last look and do not any more, as they ended."""
        gone = {cid: o for cid, o in self._worked.items() if cid not in listed and not self._is_exit(cid)}
        if not gone:
            return {}
        told = await self._hear(self._broker.orders({cid: o.broker_order_id for cid, o in gone.items()}))
        ended = {order.client_order_id: order for order in told}
        return {cid: ended.get(cid) for cid in gone}

    async def _moved(self, market: str, book: Book | None) -> int:
        """What has filled of the daemon's orders since its ledger last heard of them [signed lots]."""
        orders = {} if book is None else book.orders
        asked = {
            cid: o.broker_order_id
            for cid, o in orders.items()
            if o.intent.market == market and o.moves_position and not o.ended
        }
        told = await self._hear(self._broker.orders(asked)) if asked else ()
        return sum(o.side * (o.filled_lots - orders[o.client_order_id].filled_lots) for o in told)

    def _square(self, market: str, lots: int, known_lots: int) -> None:
        """A position is first believed when it is what the ledger and its orders make of it, or after a while."""
        until_s = self._first_s[market] + self._broker.capabilities.quiet_window_s
        if lots == known_lots or self._now_s() >= until_s:
            self._squared.add(market)
        else:
            self._waits[market] = _Wait(lots=known_lots, until_s=until_s)

    def _closed(self, market: str) -> int:
        """What our own orders of this incident have closed [signed lots]."""
        return sum(order.side * order.filled_lots for order in self._exits() if order.market == market)

    def _is_exit(self, client_order_id: str) -> bool:
        return any(order.client_order_id == client_order_id for order in self._exits())

    def _account_for(self, market: str, gone: Mapping[str, BrokerOrder | None]) -> None:
        """What filled of an order at its end must show in the position before that is believed."""
        moved = 0
        for cid, ended in gone.items():
            before = self._worked[cid]
            if before.market == market and ended is not None:
                moved += ended.side * (ended.filled_lots - before.filled_lots)
        if moved and market in self._read:
            self._await(market, self._read[market] + moved)

    def _await(self, market: str, lots: int) -> None:
        until_s = self._now_s() + self._broker.capabilities.quiet_window_s
        self._waits[market] = _Wait(lots=lots, until_s=until_s)

    # What is next.

    async def _clear(self, market: str, lots: int, working: Sequence[BrokerOrder], book: Book | None) -> None:
        wait = self._waits.get(market)
        if wait is not None and (lots == wait.lots or self._now_s() >= wait.until_s):
            del self._waits[market]
        mine = {e.client_order_id: e for e in self._exits() if e.market == market and not e.ended}
        others = [o for o in working if o.client_order_id not in mine]
        self._texts += [f"{o.client_order_id} works" for o in others]
        if not lots:
            await self._cancel_all(working)
            self._texts += [f"{cid}: nobody knows yet what became of it" for cid in mine]
            return
        opening = [o for o in others if not _protects(o)]
        await self._cancel_all(opening)
        if mine:
            await self._cancel_all([o for o in working if o.client_order_id in mine and self._too_long(o)])
            self._texts += [f"{cid} is {order.state}" for cid, order in mine.items()]
        elif market in self._waits:
            self._texts.append(f"{market}: the position does not show yet what has filled")
        elif opening or not self._rested(market):
            pass
        elif others:  # the stop stays until all else is settled
            await self._cancel_all(others)
        elif self._is_calm(market, lots):
            await self._leave(market, lots, book)
        if others:
            self._calm.pop(market, None)

    def _is_calm(self, market: str, lots: int) -> bool:
        """Whether the position has stood still for a moment, with nothing at work."""
        now_s = self._now_s()
        seen, since_s = self._calm.setdefault(market, (lots, now_s))
        if seen != lots:
            self._calm[market] = (lots, now_s)
            return False
        return now_s - since_s >= CALM_S

    def _rested(self, market: str) -> bool:
        """Whether it was looked at for a moment, and what was refused moments ago is not tried again at once."""
        sent = [self._sent_s.get(e.client_order_id, -math.inf) for e in self._exits() if e.market == market]
        watched_s = self._now_s() - self._first_s[market]
        return watched_s >= WATCHED_S and self._now_s() - max(sent, default=-math.inf) >= RETRY_S

    def _too_long(self, order: BrokerOrder) -> bool:
        return self._now_s() - self._sent_s.get(order.client_order_id, self._began_s) > EXIT_WORKS_MAX_S

    async def _cancel_all(self, orders: Sequence[BrokerOrder]) -> None:
        for order in orders:
            cid = order.client_order_id
            if self._now_s() - self._asked_s.get(cid, -math.inf) < RETRY_S or not self._may():
                continue
            self._asked_s[cid] = self._now_s()
            self._journal.cancels(cid, order.market)
            answer = await self._attempt(self._broker.cancel(cid))
            log.info("dead_man_cancels", order=cid, market=order.market, answer=type(answer).__name__)

    async def _leave(self, market: str, lots: int, book: Book | None) -> None:
        known = self._markets.get(market)
        for exit_ in [] if known is None else exits_of(known, lots, book, self._exits()):
            await self._send(replace(exit_, client_order_id=self._journal.next_id()))
            return
        why = "it is no market of gamma's" if known is None else "the ledger does not tell of what legs it is"
        self._texts.append(f"{lots:+d} {market}: {why}; close it by hand")

    async def _send(self, exit_: Exit) -> None:
        """One attempt, whatever comes of it."""
        intent = Intent(
            client_order_id=exit_.client_order_id,
            decision_id=f"{REASON}:{exit_.client_order_id}",
            strategy="",
            market=exit_.market,
            kind=OrderKind.EXIT,
            order_type=OrderType.MARKET,
            side=exit_.side,
            lots=exit_.lots,
            reduces=True,
            reduce_only=self._broker.capabilities.reduce_only,
            reason=REASON,
            legs=exit_.legs,
            ts_event_utc_ns=self._now_utc_ns(),
        )
        approved = approved_of(intent, exit_.held_lots, self._markets[exit_.market])
        if isinstance(self._broker, Preparing):
            await self._hear(self._broker.prepare(intent))
        self._journal.intend(exit_)
        self._sent_s[exit_.client_order_id] = self._now_s()
        if not self._may():
            self._journal.told(exit_.client_order_id, OrderState.REJECTED, 0, "a person took the account back")
            return
        placed = await self._attempt(self._broker.place(approved, intent, ()))
        text = "" if isinstance(placed, Accepted) else placed.text
        state = OrderState.UNKNOWN
        if isinstance(placed, Accepted | Rejected):
            state = OrderState.ACKED if isinstance(placed, Accepted) else OrderState.REJECTED
        self._journal.told(exit_.client_order_id, state, 0, text)
        self._texts.append(f"{exit_.client_order_id} is {state}" + (f": {text}" if text else ""))
        log.info("dead_man_sends", order=exit_.client_order_id, market=exit_.market, side=exit_.side, lots=exit_.lots)

    async def _attempt(self, asked: Awaitable[Placed]) -> Placed:
        """Whatever goes wrong in it, it may have arrived."""
        try:
            async with asyncio.timeout(self._broker.capabilities.place_timeout_s):
                placed = await asked
        except Exception as error:  # an adapter's fault is a lost answer, never a refusal
            return Lost(text=f"{type(error).__name__}: {error}")
        if not isinstance(placed, Accepted | Rejected | Lost):
            return Lost(text=f"the adapter answered {placed!r}")
        return placed

    async def _hear(self, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._broker.capabilities.place_timeout_s):
                return await answer
        except Transient:
            raise
        except Exception as error:
            raise Transient(f"{type(error).__name__}: {error}") from error


def _protects(order: BrokerOrder) -> bool:
    """The stop of a bracket, by the form of its id."""
    return order.client_order_id.endswith("s")
