"""`Book`: all that the engine remembers, and `fold`, which makes it from facts. Pure.

The book after a restart is the fold of the ledger's facts. Marks, sessions and health are not facts:
they come again with the first bars.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from gamma import floor
from gamma.events import (
    Armed,
    BalanceCompared,
    BarClosed,
    BootStarted,
    DayStarted,
    EquityMarked,
    ExitWanted,
    ForeignOrderSeen,
    Halt,
    Halted,
    HealthSeen,
    Intent,
    Level,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderQuarantined,
    OrderRejected,
    OrderReplaced,
    OrderState,
    PeakRebased,
    PositionsCompared,
    QuoteSeen,
    Resumed,
    SessionOpened,
    TradeClosed,
)
from gamma.floor import FloorRule, FloorState
from gamma.markets import Market
from gamma.marks import Mark, mark_bar, mark_quote
from gamma.orders import Order, Position, advance, fill_order, fill_position
from gamma.views import PastIntent, PastTrade

TRADES_KEPT: Final = 100
PAST_TRADES_KEPT: Final = 24
INTENTS_KEPT: Final = 256
EXECUTIONS_KEPT: Final = 1024
ORDERS_KEPT_NS: Final = 7 * 86_400_000_000_000
DAY_NS: Final = 86_400_000_000_000

Key = tuple[str, str]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the book is of: the account, its capital, its floor rule and its markets."""

    account: str
    mode: str
    starting_capital_microusd: int
    markets: Mapping[str, Market]
    floor_rule: FloorRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A strategy's completed trades, newest last; at most 100 are kept, `trades` counts all."""

    trades: int = 0
    pnl_usd_per_lot: tuple[float, ...] = ()
    r_multiples: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The account's money, in whole micro-dollars; `peak` is the highest equity seen, open P&L included."""

    realised_microusd: int = 0
    fees_microusd: int = 0
    equity_microusd: int = 0
    peak_microusd: int = 0
    floor: FloorState | None = None
    floor_room_start_microusd: int = 0
    day: str = ""
    day_balance_microusd: int = 0
    day_equity_microusd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Who may trade, and what the last comparisons with the broker said."""

    armed_config_hash: str = ""
    armed_until_utc_ns: int = 0
    loss_max_microusd: int = 0
    mismatches: Mapping[str, int] = field(default_factory=dict)
    balance_gap_microusd: int | None = None
    foreign_orders: frozenset[str] = frozenset()
    health: HealthSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The engine's memory.

    `breaches` holds, by (strategy, guard), how often in a row the guard found something, and when last;
    `executions` the ids of the last fills, so that none is booked twice.
    """

    setup: Setup
    epoch: int = 0
    sequence: int = 0
    halt_count: int = 0
    ts_event_utc_ns: int = 0
    money: Money
    positions: Mapping[Key, Position] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    tracks: Mapping[str, Track] = field(default_factory=dict)
    halts: Mapping[str, Halt] = field(default_factory=dict)
    executions: tuple[str, ...] = ()
    control: Control = field(default_factory=Control)
    intents: tuple[PastIntent, ...] = ()
    trades: tuple[PastTrade, ...] = ()
    marks: Mapping[str, Mark] = field(default_factory=dict)
    sessions: Mapping[str, SessionOpened] = field(default_factory=dict)
    breaches: Mapping[Key, tuple[int, int]] = field(default_factory=dict)

    @property
    def balance_microusd(self) -> int:
        """Starting capital, plus realised P&L, less fees [micro-dollars]."""
        return self.setup.starting_capital_microusd + self.money.realised_microusd - self.money.fees_microusd

    @property
    def client_id_prefix(self) -> str:
        """How the client order ids of this account begin: they go on with epoch and sequence."""
        return f"g{hashlib.sha256(self.setup.account.encode()).hexdigest()[:2]}-"

    def at(self, ts_event_utc_ns: int) -> "Book":
        """The same book at this time."""
        return replace(self, ts_event_utc_ns=ts_event_utc_ns)

    def position(self, strategy: str, market: str) -> Position:
        """The strategy's position in the market; flat when there is none."""
        return self.positions.get((strategy, market)) or Position(strategy=strategy, market=market)

    @property
    def state(self) -> str:
        """ACTIVE, or the hardest level that stands on the whole account."""
        levels = {h.level for h in self.halts.values() if h.scope == "account"}
        return next(
            (str(level).upper() for level in (Level.HALTED, Level.REDUCING, Level.PAUSED) if level in levels), "ACTIVE"
        )

    def lots(self, market: str) -> int:
        """Net lots of the account in a market, over all strategies."""
        return sum(p.lots for (_, held), p in self.positions.items() if held == market)

    def standing(self, strategy: str, market: str) -> tuple[Halt, ...]:
        """The halts that stand against this strategy in this market."""
        return tuple(
            h
            for h in self.halts.values()
            if h.scope == "account"
            or (h.scope == "strategy" and h.target == strategy)
            or (h.scope == "market" and h.target == market)
        )

    def unresolved(self, market: str) -> bool:
        """Whether the fate of an order in this market is not known."""
        return any(o.unresolved and o.intent.market == market for o in self.orders.values())


def open_book(setup: Setup) -> Book:
    """The book of an account that has done nothing yet."""
    start = setup.starting_capital_microusd
    state = floor.start(setup.floor_rule, start) if setup.floor_rule else None
    room = start - state.floor_microusd if state else 0
    money = Money(
        equity_microusd=start,
        peak_microusd=start,
        floor=state,
        floor_room_start_microusd=room,
        day_balance_microusd=start,
        day_equity_microusd=start,
    )
    return Book(setup=setup, money=money)


def durable(book: Book) -> Book:
    """The part of a book that the ledger holds: what a fold of all facts must give back, to the last field."""
    control = replace(book.control, health=None)
    return replace(book, ts_event_utc_ns=0, control=control, marks={}, sessions={}, breaches={})


def fold(book: Book, event: object) -> Book:
    """The book after an event; events that leave no trace in it give it back as it is."""
    handler = _FOLDS.get(type(event))
    return book if handler is None else handler(book, event)


def _with(mapping: Mapping[K, V], key: K, value: V) -> dict[K, V]:
    return {**mapping, key: value}


def _without(mapping: Mapping[K, V], key: K) -> dict[K, V]:
    return {k: v for k, v in mapping.items() if k != key}


def _boot(book: Book, event: BootStarted) -> Book:
    """Every order that was about to be sent may have been: PENDING becomes UNKNOWN; cancels are asked anew."""
    orders = {
        key: advance(order, OrderState.UNKNOWN) if order.state is OrderState.PENDING else order
        for key, order in book.orders.items()
        if order.moves_position
    }
    return replace(book, epoch=event.epoch, sequence=0, orders=orders)


def _day(book: Book, event: DayStarted) -> Book:
    money, rule = book.money, book.setup.floor_rule
    state = money.floor
    if rule is not None and state is not None and money.day:
        state = floor.close_day(rule, state, event.balance_microusd)
    return replace(
        book,
        money=replace(
            money,
            floor=state,
            day=event.date,
            day_balance_microusd=event.balance_microusd,
            day_equity_microusd=event.equity_microusd,
        ),
        intents=tuple(i for i in book.intents if i.ts_event_utc_ns > event.ts_event_utc_ns - DAY_NS),
        orders={k: o for k, o in book.orders.items() if not _forgotten(book, o, event.ts_event_utc_ns)},
    )


def _forgotten(book: Book, order: Order, now_utc_ns: int) -> bool:
    if (order.intent.strategy, order.intent.market) in book.positions or not order.ended:
        return False
    return _done(order) or order.intent.ts_event_utc_ns < now_utc_ns - ORDERS_KEPT_NS


def _equity(book: Book, event: EquityMarked) -> Book:
    """The favourable extreme first, then the adverse one: within a bar the order is unknown."""
    money, rule = book.money, book.setup.floor_rule
    state = money.floor
    if rule is not None and state is not None:
        for equity in (event.high_microusd, event.low_microusd, event.close_microusd):
            state = floor.mark(rule, state, equity)
    peak = max(money.peak_microusd, event.high_microusd)
    market = book.setup.markets[event.market]
    high = event.high_points * market.ticks_per_point
    low = event.low_points * market.ticks_per_point
    return replace(
        book,
        money=replace(money, equity_microusd=event.close_microusd, peak_microusd=peak, floor=state),
        positions={k: _aged(p, high, low) if k[1] == event.market else p for k, p in book.positions.items()},
    )


def _aged(position: Position, high_ticks: float, low_ticks: float) -> Position:
    best = max(position.best_ticks, high_ticks) if position.lots > 0 else min(position.best_ticks, low_ticks)
    return replace(position, bars_held=position.bars_held + 1, best_ticks=best)


def _order_of(intent: Intent, deadline_utc_ns: int) -> Order:
    return Order(
        intent=intent, state=OrderState.PENDING, deadline_utc_ns=deadline_utc_ns, price_ticks=intent.price_ticks
    )


def _intended(book: Book, event: OrderIntended) -> Book:
    intent = event.intent
    orders = dict(book.orders)
    for one in (intent, *event.bracket):
        orders[one.client_order_id] = _order_of(one, event.deadline_utc_ns)
    if intent.subject in orders:
        subject = orders[intent.subject]
        ts_cancel = event.ts_event_utc_ns if intent.kind is OrderKind.CANCEL else subject.ts_cancel_utc_ns
        orders[intent.subject] = replace(subject, cancels=subject.cancels + 1, ts_cancel_utc_ns=ts_cancel)
    past = PastIntent(
        ts_event_utc_ns=intent.ts_event_utc_ns,
        strategy=intent.strategy,
        market=intent.market,
        side=intent.side,
        lots=intent.lots,
        signal_id=intent.signal_id,
        reduces=intent.reduces,
        cancels=orders[intent.subject].cancels if intent.subject in orders else 0,
    )
    return replace(book, orders=orders, sequence=book.sequence + 1, intents=(*book.intents, past)[-INTENTS_KEPT:])


def _move(book: Book, client_order_id: str, state: OrderState, broker_order_id: str = "") -> Book:
    order = book.orders.get(client_order_id)
    if order is None or (order.ended and order.state is state):
        return book
    moved = advance(order, state)
    if broker_order_id:
        moved = replace(moved, broker_order_id=broker_order_id)
    return replace(book, orders=_with(book.orders, client_order_id, moved))


def _accepted(book: Book, event: OrderAccepted) -> Book:
    order = book.orders.get(event.client_order_id)
    if order is None or order.live or (order.ended and order.state is not OrderState.ABSENT):
        return book
    if not order.moves_position:
        return replace(book, orders=_without(book.orders, event.client_order_id))
    return _move(book, event.client_order_id, OrderState.ACKED, event.broker_order_id)


def _rejected(book: Book, event: OrderRejected) -> Book:
    return _end(book, event.client_order_id, OrderState.REJECTED)


def _end(book: Book, client_order_id: str, state: OrderState) -> Book:
    """An order that never came to work takes its bracket with it."""
    order = book.orders.get(client_order_id)
    if order is None:
        return book
    if not order.moves_position:
        return replace(book, orders=_without(book.orders, client_order_id))
    book = _move(book, client_order_id, state)
    for key, child in book.orders.items():
        if child.intent.parent == client_order_id and not child.ended:
            book = _move(book, key, state)
    return book


def _lost(book: Book, event: OrderLost) -> Book:
    order = book.orders.get(event.client_order_id)
    if order is None or order.state is not OrderState.PENDING:
        return book
    if not order.moves_position:
        # What became of a lost cancel or replace is told by its subject, which the next poll shows.
        return replace(book, orders=_without(book.orders, event.client_order_id))
    book = _move(book, event.client_order_id, OrderState.UNKNOWN)
    for key, child in book.orders.items():
        if child.intent.parent == event.client_order_id and child.state is OrderState.PENDING:
            book = _move(book, key, OrderState.UNKNOWN)
    return book


def _missed(book: Book, event: OrderMissed) -> Book:
    order = book.orders.get(event.client_order_id)
    if order is None:
        return book
    seen = replace(order, misses_utc_ns=(*order.misses_utc_ns, event.ts_event_utc_ns))
    return replace(book, orders=_with(book.orders, event.client_order_id, seen))


def _absent(book: Book, event: OrderAbsent) -> Book:
    return _end(book, event.client_order_id, OrderState.ABSENT)


def _quarantined(book: Book, event: OrderQuarantined) -> Book:
    return _move(book, event.client_order_id, OrderState.QUARANTINED)


def _canceled(book: Book, event: OrderCanceled) -> Book:
    state = OrderState.EXPIRED if event.expired else OrderState.CANCELED
    order = book.orders.get(event.client_order_id)
    if order is None or order.ended:
        return book
    return _move(book, event.client_order_id, state)


def _replaced(book: Book, event: OrderReplaced) -> Book:
    order = book.orders.get(event.client_order_id)
    if order is None:
        return book
    moved = replace(order, price_ticks=event.price_ticks)
    return replace(book, orders=_with(book.orders, event.client_order_id, moved))


def _filled(book: Book, event: OrderFilled) -> Book:
    fill = event.fill
    if fill.execution_id in book.executions:
        return book
    order = book.orders.get(fill.client_order_id)
    strategy = order.intent.strategy if order else ""
    market = book.setup.markets[fill.market]
    position, realised = fill_position(book.position(strategy, fill.market), fill, market.tick_value_microusd)
    orders = book.orders
    if order is not None:
        orders = _with(orders, fill.client_order_id, fill_order(order, fill))
        if order.intent.kind is OrderKind.ENTRY:
            position = _opened(position, order, orders, market)
    money = replace(
        book.money,
        realised_microusd=book.money.realised_microusd + realised,
        fees_microusd=book.money.fees_microusd + fill.fee_microusd,
    )
    return replace(
        book,
        orders=orders,
        positions=_with(book.positions, (strategy, fill.market), position),
        money=money,
        executions=(*book.executions, fill.execution_id)[-EXECUTIONS_KEPT:],
    )


def _opened(position: Position, order: Order, orders: Mapping[str, Order], market: Market) -> Position:
    """The initial risk of the trade is the distance from the average entry to its stop."""
    entry_id = order.intent.client_order_id
    stops = [o for o in orders.values() if o.intent.parent == entry_id and o.intent.kind is OrderKind.STOP]
    distance = round(abs(position.entry_ticks - stops[0].price_ticks)) if stops else 0
    return replace(
        position,
        entry_id=entry_id,
        risk_ticks=distance,
        risk_microusd_per_lot=distance * market.tick_value_microusd,
    )


def _exit_wanted(book: Book, event: ExitWanted) -> Book:
    position = book.position(event.strategy, event.market)
    wanted = replace(position, exit_reason=event.reason)
    return replace(book, positions=_with(book.positions, (event.strategy, event.market), wanted))


def _trade(book: Book, event: TradeClosed) -> Book:
    """The round trip enters the record; the position starts anew with what a fill past flat left over."""
    trade = event.trade
    key = (trade.strategy, trade.market)
    position = book.position(*key)
    track = book.tracks.get(trade.strategy, Track())
    r_multiple = trade.pnl_microusd / trade.risk_microusd if trade.risk_microusd else float("nan")
    grown = Track(
        trades=track.trades + 1,
        pnl_usd_per_lot=(*track.pnl_usd_per_lot, trade.pnl_usd_per_lot)[-TRADES_KEPT:],
        r_multiples=(*track.r_multiples, r_multiple)[-TRADES_KEPT:],
    )
    past = PastTrade(
        ts_event_utc_ns=trade.ts_close_utc_ns,
        strategy=trade.strategy,
        market=trade.market,
        pnl_usd=trade.pnl_microusd / 1e6,
        stopped=trade.exit_reason == OrderKind.STOP,
    )
    positions = _without(book.positions, key)
    if position.lots:
        positions[key] = _left_over(position)
    orders = {k: o for k, o in book.orders.items() if not (_done(o) and (o.intent.strategy, o.intent.market) == key)}
    return replace(
        book,
        tracks=_with(book.tracks, trade.strategy, grown),
        trades=(*book.trades, past)[-PAST_TRADES_KEPT:],
        positions=positions,
        orders=orders,
    )


def _done(order: Order) -> bool:
    """Ended for good; what was proved absent may still turn up, and is kept to be known again."""
    return order.ended and order.state is not OrderState.ABSENT


def _left_over(position: Position) -> Position:
    lots, price = position.lots_open[0]
    return Position(
        strategy=position.strategy,
        market=position.market,
        lots=position.lots,
        lots_open=position.lots_open,
        lots_max=abs(position.lots),
        ts_open_utc_ns=position.ts_open_utc_ns,
        entry_ticks_lots=lots * price,
        entry_lots=lots,
        best_ticks=float(price),
    )


def _halted(book: Book, event: Halted) -> Book:
    halts = _with(book.halts, event.halt.halt_id, event.halt)
    return replace(book, halts=halts, halt_count=book.halt_count + 1)


def _resumed(book: Book, event: Resumed) -> Book:
    return replace(book, halts=_without(book.halts, event.halt_id), breaches={})


def _rebased(book: Book, event: PeakRebased) -> Book:
    return replace(book, money=replace(book.money, peak_microusd=event.equity_microusd))


def _compared(book: Book, event: PositionsCompared) -> Book:
    before = book.control.mismatches
    if event.book_lots == event.broker_lots:
        mismatches = _without(before, event.market)
    else:
        mismatches = _with(before, event.market, before.get(event.market, 0) + 1)
    return replace(book, control=replace(book.control, mismatches=mismatches))


def _balance(book: Book, event: BalanceCompared) -> Book:
    return replace(book, control=replace(book.control, balance_gap_microusd=event.gap_microusd))


def _foreign(book: Book, event: ForeignOrderSeen) -> Book:
    seen = book.control.foreign_orders | {event.client_order_id}
    return replace(book, control=replace(book.control, foreign_orders=seen))


def _armed(book: Book, event: Armed) -> Book:
    control = replace(
        book.control,
        armed_config_hash=event.config_hash,
        armed_until_utc_ns=event.until_utc_ns,
        loss_max_microusd=event.loss_max_microusd,
    )
    return replace(book, control=control)


def _bar(book: Book, event: BarClosed) -> Book:
    symbol = event.bar.market
    mark = mark_bar(book.marks.get(symbol, Mark()), event.bar)
    return replace(book, marks=_with(book.marks, symbol, mark))


def _quote(book: Book, event: QuoteSeen) -> Book:
    mark = mark_quote(
        book.marks.get(event.market, Mark()),
        event.bid_points,
        event.ask_points,
        event.depth_top5_lots,
        event.ts_event_utc_ns,
    )
    return replace(book, marks=_with(book.marks, event.market, mark))


def _session(book: Book, event: SessionOpened) -> Book:
    return replace(book, sessions=_with(book.sessions, event.session.market, event))


def _health(book: Book, event: HealthSeen) -> Book:
    return replace(book, control=replace(book.control, health=event))


_FOLDS: Final[dict[type, Callable[[Book, Any], Book]]] = {
    BootStarted: _boot,
    DayStarted: _day,
    EquityMarked: _equity,
    OrderIntended: _intended,
    OrderAccepted: _accepted,
    OrderRejected: _rejected,
    OrderLost: _lost,
    OrderMissed: _missed,
    OrderAbsent: _absent,
    OrderQuarantined: _quarantined,
    OrderCanceled: _canceled,
    OrderReplaced: _replaced,
    OrderFilled: _filled,
    ExitWanted: _exit_wanted,
    TradeClosed: _trade,
    Halted: _halted,
    Resumed: _resumed,
    PeakRebased: _rebased,
    PositionsCompared: _compared,
    BalanceCompared: _balance,
    ForeignOrderSeen: _foreign,
    Armed: _armed,
    BarClosed: _bar,
    QuoteSeen: _quote,
    SessionOpened: _session,
    HealthSeen: _health,
}
