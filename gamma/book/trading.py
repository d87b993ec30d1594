"""Folds of what becomes of orders: intents, the broker's answers, executions, round trips. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from gamma.book.pages import HOUR_NS, Book, Key, Track, with_item, without
from gamma.errors import InvariantBroken
from gamma.events import (
    DecisionMade,
    ExitWanted,
    Fill,
    Intent,
    Manage,
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
    PositionManaged,
    TradeClosed,
)
from gamma.markets import Market
from gamma.orders import GRAPH, Order, Position, advance, fill_order, fill_position
from gamma.reasons import Reason
from gamma.views import PastIntent, PastTrade

TRADES_KEPT: Final = 100
PAST_TRADES_KEPT: Final = 24
INTENTS_KEPT: Final = 256
EXECUTIONS_KEPT: Final = 1024
ORDERS_LOOKED_THROUGH: Final = 512
# What is over may still be told of, by a late fill or a late answer; what was proved absent may even turn up.
ENDED_KEPT_NS: Final = HOUR_NS
ABSENT_KEPT_NS: Final = 7 * 24 * HOUR_NS
# Orders are let go of as trades close and days begin; where many end unfilled, before that.
ORDERS_MANY: Final = 1_000


def owner(book: Book, fill: Fill) -> str:
    """The strategy whose fill this is; "" for a stranger's.

    A fill of an order that is not ours, and closes what one strategy holds, is that strategy's: a person
    who closes a position at the broker has closed it. A settlement is that of the strategy whose order opened it,
    while it holds so much, and else of the first that does.
    """
    order = book.orders.get(fill.client_order_id)
    if order is not None:
        return order.intent.strategy
    holders = [
        strategy
        for (strategy, market), position in book.positions.items()
        if market == fill.market and position.side == -fill.side and abs(position.lots) >= fill.lots
    ]
    opener = book.orders.get(fill.opened_by)
    if opener is not None and opener.intent.strategy in holders:
        return opener.intent.strategy
    return next((strategy for strategy in holders if strategy), "")


def kept_orders(book: Book, positions: Mapping[Key, Position], now_utc_ns: int) -> dict[str, Order]:
    """The orders that could still matter: not over, or over not long ago, or of what filled of an open position."""
    return {
        key: order
        for key, order in book.orders.items()
        if not order.ended or _recent(order, now_utc_ns) or _belongs(order, positions)
    }


def _belongs(order: Order, positions: Mapping[Key, Position]) -> bool:
    """Whether it made a position, closed some of it, or was to protect it."""
    took_part = order.filled_lots > 0 or bool(order.intent.parent)
    return took_part and (order.intent.strategy, order.intent.market) in positions


def _recent(order: Order, now_utc_ns: int) -> bool:
    kept_ns = ABSENT_KEPT_NS if order.state is OrderState.ABSENT else ENDED_KEPT_NS
    return now_utc_ns - order.ts_end_utc_ns < kept_ns


def _decided(book: Book, event: DecisionMade) -> Book:
    return replace(book, slots=with_item(book.slots, event.strategy, event.slot_utc_ns))


def _managed(book: Book, event: PositionManaged) -> Book:
    """What a policy wants of a position stays with it; the slot is used up in any case."""
    key = (event.strategy, event.market)
    book = replace(book, slots=with_item(book.slots, event.strategy, event.slot_utc_ns))
    position = book.positions.get(key)
    if position is None or event.reason != Reason.OK:
        return book
    if event.manage is Manage.BREAK_EVEN:
        position = replace(position, at_break_even=True)
    elif event.manage in (Manage.TRAIL_ON, Manage.TRAIL_OFF):
        position = replace(position, trail_atr=event.trail_atr if event.manage is Manage.TRAIL_ON else 0.0)
    return replace(book, positions=with_item(book.positions, key, position))


def _intended(book: Book, event: OrderIntended) -> Book:
    intent = event.intent
    orders = dict(book.orders)
    for one in (intent, *event.bracket):
        if one.client_order_id in orders:
            raise InvariantBroken(f"I1: client order id {one.client_order_id} was used before")
        orders[one.client_order_id] = Order(
            intent=one,
            state=OrderState.PENDING,
            deadline_utc_ns=event.deadline_utc_ns,
            price_ticks=one.price_ticks,
        )
    cancels, past = 0, book.intents
    if intent.subject in orders:
        subject = orders[intent.subject]
        cancels = subject.cancels + (intent.kind is OrderKind.CANCEL)
        ts_cancel = event.ts_event_utc_ns if intent.kind is OrderKind.CANCEL else subject.ts_cancel_utc_ns
        orders[intent.subject] = replace(subject, asked=subject.asked + 1, cancels=cancels, ts_cancel_utc_ns=ts_cancel)
    if len(orders) > ORDERS_MANY:
        orders = kept_orders(replace(book, orders=orders), book.positions, event.ts_event_utc_ns)
    # A stop that an exit rule moves along is replaced once a bar at most: that is no churning.
    counts = intent.kind is not OrderKind.REPLACE
    if counts:
        past = (*past, _past(intent, cancels))[-INTENTS_KEPT:]
    grown = replace(
        book, orders=orders, sequence=book.sequence + 1, intents=past, orders_today=book.orders_today + counts
    )
    # A strategy that orders at every look and closes no trade for hours must not slow each of its looks down.
    if len(orders) % ORDERS_LOOKED_THROUGH:
        return grown
    return replace(grown, orders=kept_orders(grown, grown.positions, event.ts_event_utc_ns))


def _past(intent: Intent, cancels: int) -> PastIntent:
    return PastIntent(
        ts_event_utc_ns=intent.ts_event_utc_ns,
        strategy=intent.strategy,
        market=intent.market,
        side=intent.side,
        lots=intent.lots,
        signal_id=intent.signal_id,
        reduces=intent.reduces,
        cancels=cancels,
    )


def _move(book: Book, order: Order, state: OrderState, ts_utc_ns: int) -> Book:
    moved = advance(order, state, ts_utc_ns)
    return replace(book, orders=with_item(book.orders, order.intent.client_order_id, moved))


def _with_bracket(book: Book, client_order_id: str, state: OrderState, ts_utc_ns: int) -> Book:
    """Move an order, and with it those of its bracket whose fate is as little known as its own.

    A cancel or replace is over with its first answer, or the lack of one: what became of it is told by
    the order that it was about.
    """
    order = book.orders.get(client_order_id)
    if order is None:
        return book
    if not order.moves_position:
        return replace(book, orders=without(book.orders, client_order_id))
    book = _move(book, order, state, ts_utc_ns)
    for child in list(book.orders.values()):
        if child.intent.parent == client_order_id and child.unresolved and state in GRAPH[child.state]:
            book = _move(book, child, state, ts_utc_ns)
    return book


def _accepted(book: Book, event: OrderAccepted) -> Book:
    order = book.orders.get(event.client_order_id)
    if order is None:
        return book
    if not order.moves_position:
        return replace(book, orders=without(book.orders, event.client_order_id))
    # Of an order that works it is the broker's name for it that is news.
    named = replace(order, broker_order_id=event.broker_order_id or order.broker_order_id, misses_utc_ns=())
    state = order.state if order.live else OrderState.ACKED
    return _move(book, named, state, event.ts_event_utc_ns)


def _rejected(book: Book, event: OrderRejected) -> Book:
    return _with_bracket(book, event.client_order_id, OrderState.REJECTED, event.ts_event_utc_ns)


def _lost(book: Book, event: OrderLost) -> Book:
    return _with_bracket(book, event.client_order_id, OrderState.UNKNOWN, event.ts_event_utc_ns)


def _missed(book: Book, event: OrderMissed) -> Book:
    order = book.orders.get(event.client_order_id)
    if order is None:
        return book
    missed = replace(order, misses_utc_ns=(*order.misses_utc_ns, event.ts_event_utc_ns))
    return replace(book, orders=with_item(book.orders, event.client_order_id, missed))


def _absent(book: Book, event: OrderAbsent) -> Book:
    return _with_bracket(book, event.client_order_id, OrderState.ABSENT, event.ts_event_utc_ns)


def _quarantined(book: Book, event: OrderQuarantined) -> Book:
    return _with_bracket(book, event.client_order_id, OrderState.QUARANTINED, event.ts_event_utc_ns)


def _canceled(book: Book, event: OrderCanceled) -> Book:
    order = book.orders.get(event.client_order_id)
    state = OrderState.EXPIRED if event.expired else OrderState.CANCELED
    return book if order is None else _move(book, order, state, event.ts_event_utc_ns)


def _replaced(book: Book, event: OrderReplaced) -> Book:
    order = book.orders.get(event.client_order_id)
    if order is None:
        return book
    moved = replace(order, price_ticks=event.price_ticks)
    return replace(book, orders=with_item(book.orders, event.client_order_id, moved))


def _filled(book: Book, event: OrderFilled) -> Book:
    fill = event.fill
    if fill.execution_id in book.executions:
        return book
    strategy, order = owner(book, fill), book.orders.get(fill.client_order_id)
    market = book.market(fill.market)
    before = book.position(strategy, fill.market)
    position, realised = fill_position(before, fill, market.tick_value_microusd)
    if abs(position.lots) > abs(before.lots) or position.side == -before.side:
        position = replace(position, ts_grown_utc_ns=event.ts_event_utc_ns)
    orders = book.orders
    if order is not None:
        orders = with_item(orders, fill.client_order_id, fill_order(order, fill, event.ts_event_utc_ns))
        if order.intent.kind is OrderKind.ENTRY:
            position = _opened(position, order, orders, market)
    money = replace(
        book.money,
        realised_microusd=book.money.realised_microusd + realised,
        fees_microusd=book.money.fees_microusd + fill.fee_microusd,
    )
    tracks = book.tracks
    if order is not None and order.intent.kind is OrderKind.STOP:
        tracks = with_item(tracks, strategy, _slipped(tracks.get(strategy, Track()), order, fill))
    control = book.control
    if fill.market in control.broker_lots:
        moved = control.broker_lots[fill.market] + fill.side * fill.lots
        control = replace(control, broker_lots=with_item(control.broker_lots, fill.market, moved))
    return replace(
        book,
        orders=orders,
        positions=with_item(book.positions, (strategy, fill.market), position),
        money=money,
        tracks=tracks,
        control=control,
        executions=(*book.executions, fill.execution_id)[-EXECUTIONS_KEPT:],
    )


def _slipped(track: Track, order: Order, fill: Fill) -> Track:
    ticks = fill.side * (fill.price_ticks - order.price_ticks)
    return replace(track, slippage_ticks=(*track.slippage_ticks, ticks)[-TRADES_KEPT:])


def _opened(position: Position, order: Order, orders: Mapping[str, Order], market: Market) -> Position:
    """The initial risk of the trade is the distance from the average entry to the stop as it was first set.

    Where there is no stop it is what the intent says.
    """
    entry_id = order.intent.client_order_id
    stops = [o for o in orders.values() if o.intent.parent == entry_id and o.intent.kind is OrderKind.STOP]
    distance = round(abs(position.entry_ticks - stops[0].intent.price_ticks)) if stops else 0
    risk = distance * market.tick_value_microusd if stops else order.intent.risk_microusd_per_lot
    known = entry_id in position.entry_ids
    return replace(
        position,
        entry_ids=position.entry_ids if known else (*position.entry_ids, entry_id),
        risk_ticks=distance,
        risk_microusd_per_lot=risk,
    )


def _exit_wanted(book: Book, event: ExitWanted) -> Book:
    position = book.position(event.strategy, event.market)
    wanted = replace(position, exit_reason=event.reason)
    return replace(book, positions=with_item(book.positions, (event.strategy, event.market), wanted))


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
        slippage_ticks=track.slippage_ticks,
    )
    past = PastTrade(
        ts_event_utc_ns=trade.ts_close_utc_ns,
        strategy=trade.strategy,
        market=trade.market,
        pnl_usd=trade.pnl_microusd / 1e6,
        stopped=trade.exit_reason == OrderKind.STOP,
    )
    positions = without(book.positions, key)
    if position.lots:
        positions[key] = _left_over(position, trade.ts_close_utc_ns)
    return replace(
        book,
        tracks=with_item(book.tracks, trade.strategy, grown),
        trades=(*book.trades, past)[-PAST_TRADES_KEPT:],
        positions=positions,
        orders=kept_orders(book, positions, event.ts_event_utc_ns),
    )


def _left_over(position: Position, ts_open_utc_ns: int) -> Position:
    """What one fill opened beyond flat, so that a single price is in it."""
    [(lots, price)] = position.lots_open
    return Position(
        strategy=position.strategy,
        market=position.market,
        lots=position.lots,
        lots_open=position.lots_open,
        lots_max=lots,
        ts_open_utc_ns=ts_open_utc_ns,
        entry_ticks_lots=lots * price,
        entry_lots=lots,
        best_ticks=float(price),
    )


TRADING_FOLDS: Final[dict[type, Callable[[Book, Any], Book]]] = {
    DecisionMade: _decided,
    PositionManaged: _managed,
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
}
