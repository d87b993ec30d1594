"""The shell: feeds events to the engine one at a time, and carries its effects out in their order.

    T1  the facts of a step, its notices and ticks: one transaction, on disk
        the stop flag is read once more, and that this process alone holds the ledger
    T2  each order is sent once; what came of it is the next event

Live, on paper, in a replay and in the crash simulation this is the same code; only the ports differ.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar, final

import structlog

from gamma.book import Book, fold
from gamma.effects import Answer, Ask, Effect, Record, Send, Tell, Tick
from gamma.engine import step
from gamma.errors import MarkerUnknown, Transient
from gamma.events import (
    BalanceCompared,
    BarClosed,
    Event,
    FillsRead,
    Intent,
    OrderAccepted,
    OrderFilled,
    OrderKind,
    OrderLost,
    OrderRejected,
    OrderReplaced,
    Recorded,
)
from gamma.notices import Notice
from gamma.ports import Accepted, Broker, Inconclusive, Lookup, Lost, Placed, Preparing, Prompt, Rejected
from gamma.reconcile import believable, foreign_events, lookup_events, order_events, position_events, unlisted_events
from gamma.rules import Rules

T = TypeVar("T")

log = structlog.get_logger("gamma.shell")


class Store(Protocol):
    """Where facts are kept; the ledger is one."""

    def append(self, facts: Sequence[Recorded], notices: Sequence[Notice] = (), ticks: Sequence[Tick] = ()) -> None: ...
    def commit(self) -> None: ...
    def check_lease(self) -> None: ...
    def has_fill(self, execution_id: str) -> bool: ...
    def last_tick(self, strategy: str) -> int | None: ...


class Observer(Protocol):
    """Looks on: the log, the live table. It cannot change anything."""

    def recorded(self, fact: Recorded, book: Book) -> None: ...
    def answered(self, answer: Answer) -> None: ...


@final
class Shell:
    """One account at one broker: the book, the way into the engine, and the way out of it.

    `now` gives event time [ns]; `stopped` tells whether a person stopped all submits. `elapsed_s` tells how long this
    life of the process has lasted [s], by a clock that nobody sets; None where event time is all the time there is.
    """

    def __init__(
        self,
        book: Book,
        rules: Rules,
        *,
        store: Store,
        broker: Broker,
        now: Callable[[], int],
        stopped: Callable[[], bool] = lambda: False,
        elapsed_s: Callable[[], float] | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.book = book
        self.rules = rules
        self.store = store
        self.broker = broker
        self.now = now
        self.stopped = stopped
        # Whether the dead-man has the account in its hands: then nothing is sent at all.
        self.taken: Callable[[], bool] = lambda: False
        self.observers = tuple(observers)
        self._prompt = broker if isinstance(broker, Prompt) else None
        self._elapsed_s = elapsed_s
        self._sent_s: dict[str, float] = {}
        self._account = ""
        self._marker = ""

    def read_on(self, account: str) -> None:
        """Read fills on from where an earlier life of this account came to.

        From the first, where that was at another broker or account, or fills of a market of today were passed over.
        """
        self._account = account
        read = self.book.control.fills_read
        if read is not None:
            self._marker = read.marker_for(account, self.rules.capabilities.name, self.book.setup.markets)

    async def feed(self, *events: Event) -> None:
        """Take events through the engine, and all that follows from them; the answer to an order comes first.

        Raises: what the store raises; then nothing of that step was sent, and the book is as before it.
        """
        queue = deque(events)
        while queue:
            book, effects = step(self.book, queue.popleft(), self.rules)
            if not effects:
                self.book = book
                continue
            sends = [e for e in effects if isinstance(e, Send | Ask)]
            self._keep(effects, durable=bool(sends))
            self.book = book
            self._observe(effects)
            answers = [event for send in sends for event in await self._carry_out(send)]
            queue.extendleft(reversed(answers))

    def see(self, event: BarClosed) -> None:
        """Fold market data in without a step: history, on which nothing is decided."""
        self.book = fold(self.book, event)

    def _keep(self, effects: Sequence[Effect], *, durable: bool) -> None:
        facts = [e.fact for e in effects if isinstance(e, Record)]
        notices = [e.notice for e in effects if isinstance(e, Tell)]
        self.store.append(facts, notices, [e for e in effects if isinstance(e, Tick)])
        if durable:
            self.store.commit()

    def _observe(self, effects: Sequence[Effect]) -> None:
        """Whoever looks on cannot stop an order that is on disk and about to be sent."""
        for observer in self.observers:
            try:
                for effect in effects:
                    if isinstance(effect, Record):
                        observer.recorded(effect.fact, self.book)
                    elif isinstance(effect, Answer):
                        observer.answered(effect)
            except Exception:
                log.exception("observer_failed", observer=type(observer).__name__)

    async def poll(self) -> None:
        """Ask for new fills, and where there were some, what became of the orders around them."""
        if not self.quiet and await self._take_fills():
            await self._ask_live()

    async def look(self) -> bool:
        """Ask for new fills and for every order that works; whether anything had happened.

        Raises: Transient when a read failed; nothing is concluded from half an answer.
        """
        before = self.book
        await self._take_fills()
        await self._ask_live()
        return (self.book.orders, self.book.executions) != (before.orders, before.executions)

    @property
    def quiet(self) -> bool:
        """Whether the broker can tell at once that there is no new fill."""
        return self._prompt is not None and self._prompt.quiet_since(self._marker)

    async def reconcile(self) -> None:
        """Ask the broker for everything, and take the differences through the engine.

        Raises: Transient when a read failed; nothing is concluded from half an answer.
        """
        unresolved = [cid for cid, o in self.book.orders.items() if o.unresolved]
        lookups: dict[str, Lookup] = {cid: await self._find(cid) for cid in unresolved}
        positions = await self._hear(self.broker.positions()) if lookups else {}
        await self._take_fills()
        seen = believable(self.book, lookups, positions)
        await self.feed(*lookup_events(self.book, seen, self.now(), self._recent()))
        await self._ask_live()
        open_orders = await self._hear(self.broker.open_orders())
        await self.feed(*order_events(self.book, open_orders, self.now()))
        await self.feed(*foreign_events(self.book, open_orders, self.book.client_id_prefix, self.now()))
        positions = await self._hear(self.broker.positions())
        if not await self._take_fills():
            await self.feed(*position_events(self.book, positions, self.now()))
        self.store.commit()

    async def reconcile_all(self) -> None:
        """Reconcile after a look at every execution there ever was: one that showed later than any overlap is found so.

        A broker that does not give so many at once holds nothing up. Raises: Transient, as `reconcile`.
        """
        try:
            await self._take_fills()  # what is read from the first may go on from what was read before
            await self._take_from("")
        except Transient as error:
            log.warning("fills_not_read_again", cause=str(error))
        await self.reconcile()

    async def compare_balance(self) -> None:
        """Hold the broker's balance against start plus P&L, fees and transfers; only a flat account can be compared.

        Raises: Transient when the broker gave no answer.
        """
        if any(p.lots for p in self.book.positions.values()):
            return
        account = await self.broker.account()
        gap = account.balance_microusd - self.book.balance_microusd
        await self.feed(BalanceCompared(gap_microusd=gap, ts_event_utc_ns=self.now()))

    async def _find(self, client_order_id: str) -> Lookup:
        try:
            return await self._hear(self.broker.find(client_order_id))
        except Transient as error:
            return Inconclusive(text=str(error))

    async def _hear(self, answer: Awaitable[T]) -> T:
        """One read under one deadline.

        Raises: Transient, whatever went wrong in the adapter: nothing was heard, and nothing is concluded.
        """
        try:
            async with asyncio.timeout(self.rules.capabilities.place_timeout_s):
                return await answer
        except Transient:
            raise
        except Exception as error:
            raise Transient(f"{type(error).__name__}: {error}") from error

    async def _take_fills(self) -> bool:
        """Whether there was anything new; where the broker does not know where we were, all is read again."""
        try:
            return await self._take_from(self._marker)
        except MarkerUnknown as error:
            if not self._marker:
                raise
            log.warning("fills_read_again", cause=str(error))
            await self._take_from("")
            return True

    async def _take_from(self, marker: str) -> bool:
        """Page through what is new; a fill that the ledger has is overlap, and left out.

        That a page was read is recorded after its fills, never before: what a crash takes back, it takes with it.
        """
        fresh = False
        while True:
            page = await self._hear(self.broker.fills_since(marker))
            for fill in page.fills:
                if not self.store.has_fill(fill.execution_id):
                    fresh = True
                    ts = max(self.now(), fill.ts_event_utc_ns)
                    await self.feed(OrderFilled(fill=fill, ts_event_utc_ns=ts))
            if not page.fills or page.marker == marker:
                return fresh
            marker = page.marker
            if marker != self._marker:
                await self.feed(self._read_to(marker))
                self._marker = marker

    def _read_to(self, marker: str) -> FillsRead:
        return FillsRead(
            account=self._account,
            broker=self.rules.capabilities.name,
            markets=tuple(sorted(self.book.setup.markets)),
            marker=marker,
            ts_event_utc_ns=self.now(),
        )

    async def _ask_live(self) -> None:
        live = {cid: o.broker_order_id for cid, o in self.book.orders.items() if o.live}
        if live:
            told = await self._hear(self.broker.orders(live))
            await self.feed(*order_events(self.book, told, self.now()))
            unlisted = live.keys() - {order.client_order_id for order in told}
            quiet_s = self.rules.capabilities.quiet_window_s
            await self.feed(*unlisted_events(self.book, unlisted, self.now(), quiet_s, self._recent()))

    def _recent(self) -> set[str]:
        """The orders whose quiet window may not have passed; one of an earlier life may have left at its very end.

        Event time alone cannot tell: it leaps, where a clock that was behind is found out.
        """
        if self._elapsed_s is None:
            return set()
        sent_s, latest_s = self._sent_s, self._elapsed_s() - self.rules.capabilities.quiet_window_s
        self._sent_s = {cid: at for cid, at in sent_s.items() if cid in self.book.orders}
        return {cid for cid in self.book.orders if self._sent_s.get(cid, 0.0) > latest_s}

    async def _carry_out(self, sending: Send | Ask) -> list[Event]:
        intent = sending.intent
        unready = await self._prepare(sending)
        if unready is not None:
            placed: Placed = unready
        elif intent.kind is OrderKind.ENTRY and (self.stopped() or self.book.standing(intent.strategy, intent.market)):
            placed = Rejected(code="stopped", text="stopped between the decision and the first byte")
        elif self.taken():
            placed = Rejected(code="taken", text="the dead-man has the account in its hands; nothing is sent")
        else:
            self.store.check_lease()
            placed = await self._call(sending)
        events = _placed(sending, placed, self.now())
        if isinstance(sending, Ask) and not isinstance(placed, Lost):
            events.extend(await self._subject(intent))
        return events

    async def _prepare(self, sending: Send | Ask) -> Rejected | None:
        """What the broker has to know before it can send an order; why it is not sent, where that is not to be had."""
        if not (isinstance(sending, Send) and isinstance(self.broker, Preparing)):
            return None
        try:
            await self._hear(self.broker.prepare(sending.intent))
        except Transient as error:
            return Rejected(code="not_sent", text=str(error))
        return None

    async def _subject(self, intent: Intent) -> list[Event]:
        """After a cancel or replace the order itself is asked; its fills come with the next poll, first."""
        order = self.book.orders.get(intent.subject)
        known_as = order.broker_order_id if order is not None else ""
        try:
            told = await self._hear(self.broker.orders({intent.subject: known_as}))
        except Transient:  # the poll asks again
            return []
        return order_events(self.book, told, self.now())

    async def _call(self, sending: Send | Ask) -> Placed:
        """One attempt, under one deadline. Whatever goes wrong in it, the order may have arrived."""
        if self._elapsed_s is not None:
            self._sent_s.update(dict.fromkeys(_ids(sending), self._elapsed_s()))
        try:
            async with asyncio.timeout(self.rules.capabilities.place_timeout_s):
                placed = await self._request(sending)
        except Exception as error:  # an adapter's fault is a lost answer, never a refusal
            return Lost(text=f"{type(error).__name__}: {error}")
        if not isinstance(placed, Accepted | Rejected | Lost):
            return Lost(text=f"the adapter answered {placed!r}")
        return placed

    async def _request(self, sending: Send | Ask) -> Placed:
        intent = sending.intent
        if isinstance(sending, Send):
            return await self.broker.place(sending.approved, intent, sending.bracket)
        if intent.kind is OrderKind.CANCEL:
            return await self.broker.cancel(intent.subject)
        return await self.broker.replace(intent.subject, intent.price_ticks)


def _ids(sending: Send | Ask) -> tuple[str, ...]:
    """The client ids of all orders that go out in one request."""
    bracket = sending.bracket if isinstance(sending, Send) else ()
    return (sending.intent.client_order_id, *(c.client_order_id for c in bracket))


def _placed(sending: Send | Ask, placed: Placed, now_utc_ns: int) -> list[Event]:
    """The broker's answer, or the lack of one, as events."""
    intent = sending.intent
    cid = intent.client_order_id
    if isinstance(placed, Rejected):
        return [OrderRejected(client_order_id=cid, code=placed.code, text=placed.text, ts_event_utc_ns=now_utc_ns)]
    if isinstance(placed, Lost):
        return [OrderLost(client_order_id=cid, text=placed.text, ts_event_utc_ns=now_utc_ns)]
    events: list[Event] = [
        OrderAccepted(
            client_order_id=one, broker_order_id=placed.broker_order_ids.get(one, ""), ts_event_utc_ns=now_utc_ns
        )
        for one in _ids(sending)
    ]
    if intent.kind is OrderKind.REPLACE:
        events.append(
            OrderReplaced(client_order_id=intent.subject, price_ticks=intent.price_ticks, ts_event_utc_ns=now_utc_ns)
        )
    return events
