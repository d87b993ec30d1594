"""What the broker says became of our orders: each answer is recorded once, and acted on. Pure."""

from gamma import notices
from gamma.events import (
    BalanceCompared,
    ForeignOrderSeen,
    Halt,
    Level,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderQuarantined,
    OrderRejected,
    OrderReplaced,
    OrderState,
    PositionsCompared,
    Trade,
    TradeClosed,
)
from gamma.markets import MICRO
from gamma.orders import Order, Position
from gamma.reasons import Reason
from gamma.turn import Turn
from gamma.vigil import watch


def on_accepted(turn: Turn, event: OrderAccepted) -> None:
    """The broker has the order; one that was taken for absent is adopted and cancelled."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.live or (order.ended and order.state is not OrderState.ABSENT):
        return
    late = order.state is OrderState.ABSENT
    turn.record(event)
    if late:
        _adopt_late(turn, order)
    turn.tend()


def _adopt_late(turn: Turn, order: Order) -> None:
    """An order that was taken for absent works or traded after all: cancel it, close what it did, say so."""
    intent = order.intent
    turn.tell(
        notices.order_late(
            turn.now,
            client_order_id=intent.client_order_id,
            market=intent.market,
            lots=intent.side * intent.lots,
        )
    )
    turn.cancel(turn.book.orders[intent.client_order_id], "late")
    turn.want_exit(turn.book.position(intent.strategy, intent.market), "late")


def on_rejected(turn: Turn, event: OrderRejected) -> None:
    """The broker refused, definitely."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or not order.unresolved:
        return
    turn.record(event)
    if order.moves_position:
        turn.tell(
            notices.order_rejected(
                turn.now,
                client_order_id=event.client_order_id,
                market=order.intent.market,
                code=event.code,
                cause=event.text,
            )
        )
    turn.tend()


def on_lost(turn: Turn, event: OrderLost) -> None:
    """No answer: the order is UNKNOWN, and its market waits."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.state is not OrderState.PENDING:
        return
    turn.record(event)
    if order.moves_position:
        intent = order.intent
        turn.tell(
            notices.order_unknown(
                turn.now,
                client_order_id=intent.client_order_id,
                market=intent.market,
                lots=intent.side * intent.lots,
                cause=event.text,
            )
        )


def on_missed(turn: Turn, event: OrderMissed) -> None:
    """Absence needs proof: one final look, or enough complete looks, far enough apart, after the quiet window."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.state not in (OrderState.UNKNOWN, OrderState.QUARANTINED):
        return
    turn.record(event)
    can = turn.rules.capabilities
    looks = _spaced(turn.book.orders[event.client_order_id].misses_utc_ns, round(can.absence_spacing_s * 1e9))
    waited_s = (turn.now - order.intent.ts_event_utc_ns) / 1e9
    if event.final or (looks >= can.absence_listings and waited_s >= can.quiet_window_s):
        turn.record(OrderAbsent(client_order_id=event.client_order_id, actor="reconcile", ts_event_utc_ns=turn.now))
        turn.tend()


def _spaced(times_utc_ns: tuple[int, ...], spacing_ns: int) -> int:
    count, last = 0, -spacing_ns
    for ts in times_utc_ns:
        if ts - last >= spacing_ns:
            count, last = count + 1, ts
    return count


def quarantine(turn: Turn, order: Order) -> None:
    """Time is up and nothing is proved: the account is frozen until a person resolves the order."""
    intent = order.intent
    turn.record(OrderQuarantined(client_order_id=intent.client_order_id, ts_event_utc_ns=turn.now))
    notice = notices.order_quarantined(
        turn.now, client_order_id=intent.client_order_id, market=intent.market, lots=intent.side * intent.lots
    )
    halt = Halt(
        halt_id="",
        scope="account",
        target="",
        level=Level.HALTED,
        reason=Reason.UNRESOLVED,
        actor="reconcile",
        evidence={"client_order_id": intent.client_order_id},
        ts_event_utc_ns=turn.now,
    )
    if not turn.halt(halt, notice):
        turn.tell(notice)


def on_filled(turn: Turn, event: OrderFilled) -> None:
    """An execution: booked once, whatever state its order is in."""
    fill = event.fill
    order = turn.book.orders.get(fill.client_order_id)
    if fill.execution_id in turn.book.executions:
        return
    turn.record(event)
    market = turn.book.setup.markets[fill.market]
    turn.tell(
        notices.filled(
            turn.now,
            execution_id=fill.execution_id,
            market=fill.market,
            lots=fill.side * fill.lots,
            price_points=market.points(fill.price_ticks),
        )
    )
    strategy = order.intent.strategy if order else ""
    position = turn.book.position(strategy, fill.market)
    if position.exit_lots and (position.lots == 0 or position.side == fill.side):
        _close_trade(turn, position, order)
    if order is not None and order.state is OrderState.ABSENT:
        _adopt_late(turn, order)
    watch(turn)
    turn.tend()


def _close_trade(turn: Turn, position: Position, order: Order | None) -> None:
    market = turn.book.setup.markets[position.market]
    closed_side = -1 if order is not None and order.intent.side > 0 else 1
    kind = order.intent.kind if order is not None else OrderKind.EXIT
    trade = Trade(
        trade_id=f"{position.strategy}@{position.ts_open_utc_ns}@{turn.now}",
        strategy=position.strategy,
        market=position.market,
        side=closed_side,
        lots_max=position.lots_max,
        ts_open_utc_ns=position.ts_open_utc_ns,
        ts_close_utc_ns=turn.now,
        entry_points=market.points(position.entry_ticks),
        exit_points=market.points(position.exit_ticks),
        pnl_microusd=position.pnl_microusd - position.fees_microusd,
        fees_microusd=position.fees_microusd,
        risk_microusd=position.risk_microusd_per_lot * position.lots_max,
        exit_reason=str(kind) if kind is not OrderKind.EXIT else (position.exit_reason or "exit"),
    )
    turn.record(TradeClosed(trade=trade, ts_event_utc_ns=turn.now))
    left = turn.book.position(position.strategy, position.market)
    turn.want_exit(left, "overshoot")


def on_canceled(turn: Turn, event: OrderCanceled) -> None:
    """The order works no more."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.ended:
        return
    turn.record(event)
    turn.tend()


def on_replaced(turn: Turn, event: OrderReplaced) -> None:
    """The order works at a new price."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.price_ticks == event.price_ticks:
        return
    turn.record(event)


def on_positions(turn: Turn, event: PositionsCompared) -> None:
    """Agreement is only worth a row when there was none before."""
    standing = turn.book.control.mismatches.get(event.market, 0)
    if event.book_lots == event.broker_lots and not standing:
        return
    turn.record(event)
    if event.book_lots != event.broker_lots and standing < 2:
        turn.tell(
            notices.position_mismatch(
                turn.now,
                market=event.market,
                book_lots=event.book_lots,
                broker_lots=event.broker_lots,
                in_a_row=standing + 1,
            )
        )
    watch(turn)
    turn.tend()


def on_balance(turn: Turn, event: BalanceCompared) -> None:
    """The day's money against the broker's."""
    turn.record(event)
    if abs(event.gap_microusd) > MICRO // 100:
        book_usd = turn.book.balance_microusd / MICRO
        turn.tell(
            notices.balance_mismatch(turn.now, book_usd=book_usd, broker_usd=book_usd + event.gap_microusd / MICRO)
        )


def on_foreign(turn: Turn, event: ForeignOrderSeen) -> None:
    """An id of our form that this ledger never issued proves a second daemon: halt."""
    if event.client_order_id in turn.book.control.foreign_orders:
        return
    turn.record(event)
    notice = notices.order_foreign(turn.now, client_order_id=event.client_order_id, market=event.market, lots=0)
    if not event.ours:
        turn.tell(notice)
        return
    halt = Halt(
        halt_id="",
        scope="account",
        target="",
        level=Level.HALTED,
        reason=Reason.POSITION_MISMATCH,
        actor="reconcile",
        evidence={"client_order_id": event.client_order_id},
        ts_event_utc_ns=turn.now,
    )
    turn.halt(halt, notice)
