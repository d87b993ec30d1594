"""What the broker says became of our orders: each answer is recorded once, and acted on. Pure."""

from dataclasses import replace
from typing import TypedDict

from gamma import notices
from gamma.absence import looks_of, unlisted
from gamma.book import Book, owner
from gamma.events import (
    BalanceCompared,
    Fill,
    FillsRead,
    ForeignOrderSeen,
    Halt,
    Intent,
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
from gamma.upkeep import tend
from gamma.vigil import watch


class _Named(TypedDict):
    """An order as notices name it; `lots` signed."""

    client_order_id: str
    market: str
    lots: int


def _named(intent: Intent) -> _Named:
    return {
        "client_order_id": intent.client_order_id,
        "market": intent.market,
        "lots": intent.side * intent.lots,
    }


def on_accepted(turn: Turn, event: OrderAccepted) -> None:
    """The broker has the order, tells its name or shows it again; one that was taken for absent is adopted."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or (order.ended and order.state is not OrderState.ABSENT):
        return
    named = order.broker_order_id or not event.broker_order_id
    if order.live and named and not order.misses_utc_ns:
        return
    turn.record(event)
    _adopt(turn, order)
    tend(turn)


def _adopt(turn: Turn, before: Order) -> None:
    """An order that was taken for absent works or traded after all: say so, and close what its entry did.

    What reduces is left to upkeep: it may be the stop of a position that cannot leave now.
    """
    intent = before.intent
    if not turn.book.orders.get(intent.client_order_id, before).late:
        return
    if not before.late:
        turn.tell(notices.order_late(turn.now, **_named(intent)))
    if intent.kind is OrderKind.ENTRY:
        turn.want_exit(turn.book.position(intent.strategy, intent.market), "late")


def on_rejected(turn: Turn, event: OrderRejected) -> None:
    """The broker refused, definitely; some take an order first, and refuse it then."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.ended:
        return
    if order.state is OrderState.PARTIAL:
        turn.record(OrderCanceled(client_order_id=event.client_order_id, ts_event_utc_ns=turn.now))
    else:
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
    tend(turn)


def on_lost(turn: Turn, event: OrderLost) -> None:
    """No answer: the order is UNKNOWN, and its market waits."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.state is not OrderState.PENDING:
        return
    turn.record(event)
    if order.moves_position:
        turn.tell(notices.order_unknown(turn.now, **_named(order.intent), cause=event.text))


def on_missed(turn: Turn, event: OrderMissed) -> None:
    """Absence needs proof: one final look, or enough complete looks, far enough apart, after the quiet window."""
    order = turn.book.orders.get(event.client_order_id)
    if order is not None and order.live and not event.final:
        _unlisted(turn, event)
    if order is None or order.state not in (OrderState.UNKNOWN, OrderState.QUARANTINED):
        return
    turn.record(event)
    can = turn.rules.capabilities
    looks = looks_of(turn.book.orders[event.client_order_id], can)
    waited_s = (turn.now - order.intent.ts_event_utc_ns) / 1e9
    waited = waited_s >= can.quiet_window_s and not event.early
    if event.final or (looks >= can.absence_listings and waited):
        turn.record(OrderAbsent(client_order_id=event.client_order_id, actor="reconcile", ts_event_utc_ns=turn.now))
        tend(turn)


def _unlisted(turn: Turn, event: OrderMissed) -> None:
    """An order that works is shown no more: after some such looks a person is told, once, and it stays as it is."""
    can = turn.rules.capabilities
    if unlisted(turn.book.orders[event.client_order_id], can):
        return
    turn.record(event)
    order = turn.book.orders[event.client_order_id]
    if unlisted(order, can):
        turn.tell(notices.order_unlisted(turn.now, **_named(order.intent)))
    tend(turn)


def quarantine(turn: Turn, order: Order) -> None:
    """Time is up and nothing is proved: the account is frozen until a person resolves the order."""
    intent = order.intent
    if order.state is OrderState.PENDING:
        lost = OrderLost(
            client_order_id=intent.client_order_id, text="no answer by the deadline", ts_event_utc_ns=turn.now
        )
        turn.record(lost)
        if not order.moves_position:
            return
    turn.record(OrderQuarantined(client_order_id=intent.client_order_id, ts_event_utc_ns=turn.now))
    notice = notices.order_quarantined(turn.now, **_named(intent))
    if not turn.halt(_account_halt(turn, Level.HALTED, Reason.UNRESOLVED, intent.client_order_id), notice):
        turn.tell(notice)


def _account_halt(turn: Turn, level: Level, reason: Reason, client_order_id: str) -> Halt:
    return Halt(
        halt_id="",
        scope="account",
        target="",
        level=level,
        reason=reason,
        actor="reconcile",
        evidence={"client_order_id": client_order_id},
        ts_event_utc_ns=turn.now,
    )


def on_filled(turn: Turn, event: OrderFilled) -> None:
    """An execution: booked once, whatever state its order is in."""
    fill = event.fill
    if fill.execution_id in turn.book.executions:
        return
    if fill.settled:
        _settle(turn, fill)
        return
    order = turn.book.orders.get(fill.client_order_id)
    if fill.market in turn.book.setup.markets:
        for part in [fill] if order is not None else _parts(turn.book, fill):
            _book_fill(turn, replace(event, fill=part), order)
    if order is None:
        _stranger(turn, fill)
    else:
        _adopt(turn, order)
    watch(turn)
    tend(turn)


def _settle(turn: Turn, fill: Fill) -> None:
    """What is held ended by itself: each strategy that holds some of it has its share booked, and nobody traded.

    What nobody here holds is a stranger's. Of a market that is not traded here it is none of ours.
    """
    if fill.market not in turn.book.setup.markets:
        return
    shares = _shares(turn.book, fill)
    for share in shares:
        _book_fill(turn, OrderFilled(fill=share, ts_event_utc_ns=turn.now), None)
    left = fill.lots - sum(share.lots for share in shares)
    if left:
        _stranger(turn, replace(fill, lots=left))
    watch(turn)
    tend(turn)


def _shares(book: Book, fill: Fill) -> list[Fill]:
    """A settlement by strategy: first that of the order that opened it; the first share bears the fee."""
    opener = book.orders.get(fill.opened_by)
    first = opener.intent.strategy if opener is not None else None
    held = {
        s: abs(p.lots) for (s, market), p in book.positions.items() if market == fill.market and p.side == -fill.side
    }
    shares: list[Fill] = []
    left = fill.lots
    for strategy in sorted(held, key=lambda name: name != first):
        lots = min(left, held[strategy])
        if lots:
            share = replace(fill, lots=lots, opened_by=fill.opened_by if strategy == first else "")
            if shares:
                share = replace(share, execution_id=f"{fill.execution_id}+{len(shares)}", fee_microusd=0)
            shares.append(share)
        left -= lots
    return shares


def _parts(book: Book, fill: Fill) -> list[Fill]:
    """A stranger's fill by whom it closes: what strategies hold together may be closed in one.

    Where it is of more than they hold it is nobody's. The first part keeps the execution's id, and bears the fee.
    """
    held = [
        abs(p.lots) for (s, market), p in book.positions.items() if s and market == fill.market and p.side == -fill.side
    ]
    if owner(book, fill) or sum(held) < fill.lots:
        return [fill]
    parts: list[Fill] = []
    left = fill.lots
    for most in held:
        part = replace(fill, lots=min(most, left))
        if parts:
            part = replace(part, execution_id=f"{fill.execution_id}+{len(parts)}", fee_microusd=0)
        if part.lots:
            parts.append(part)
        left -= part.lots
    return parts


def _book_fill(turn: Turn, event: OrderFilled, order: Order | None) -> None:
    fill = event.fill
    before = turn.book.position(owner(turn.book, fill), fill.market)
    turn.record(event)
    turn.tell(
        notices.filled(
            turn.now,
            execution_id=fill.execution_id,
            market=fill.market,
            lots=fill.side * fill.lots,
            price_points=turn.book.market(fill.market).points(fill.price_ticks),
            settled=fill.settled,
        )
    )
    after = turn.book.position(before.strategy, fill.market)
    if before.lots and after.side != before.side:
        by_dead_man = Reason.DEAD_MAN if _is_dead_mans(turn.book, fill.client_order_id) else ""
        _close_trade(turn, before, order, "settled" if fill.settled else by_dead_man)
        after = turn.book.position(before.strategy, fill.market)
    # What was to close a position and opened one instead is closed in its turn.
    if order is not None and order.intent.kind is not OrderKind.ENTRY and after.side == fill.side:
        turn.want_exit(after, "overshoot")


def _is_dead_mans(book: Book, client_order_id: str) -> bool:
    return client_order_id.startswith(book.dead_man_prefix)


def _stranger(turn: Turn, fill: Fill) -> None:
    """Somebody traded on this account: by hand, a second daemon or the dead-man. No new risk until a person looked."""
    seen = ForeignOrderSeen(
        client_order_id=fill.client_order_id or fill.execution_id,
        market=fill.market,
        ours=fill.client_order_id.startswith(turn.book.client_id_prefix),
        ts_event_utc_ns=turn.now,
    )
    if seen.client_order_id in turn.book.control.foreign_orders:
        return
    turn.record(seen)
    _tell_foreign(turn, seen, fill.side * fill.lots, Level.HALTED if seen.ours else Level.REDUCING)


def _close_trade(turn: Turn, before: Position, order: Order | None, ended: str) -> None:
    """The round trip is complete; what the same fill opened beyond flat is closed next. `ended` where none traded."""
    market = turn.book.market(before.market)
    position = turn.book.position(before.strategy, before.market)
    kind = order.intent.kind if order is not None else OrderKind.EXIT
    asked = ended or before.exit_reason or ((order.intent.reason or "exit") if order is not None else "by hand")
    count = turn.book.tracks[before.strategy].trades if before.strategy in turn.book.tracks else 0
    trade = Trade(
        trade_id=f"{before.strategy}#{count + 1}",
        strategy=before.strategy,
        market=before.market,
        side=before.side,
        lots_max=before.lots_max,
        ts_open_utc_ns=before.ts_open_utc_ns,
        ts_close_utc_ns=turn.now,
        entry_points=market.points(before.entry_ticks),
        exit_points=market.points(position.exit_ticks),
        pnl_microusd=position.pnl_microusd - position.fees_microusd,
        fees_microusd=position.fees_microusd,
        risk_microusd=before.risk_microusd_per_lot * before.lots_max,
        exit_reason=asked if kind is OrderKind.EXIT else str(kind),
    )
    turn.record(TradeClosed(trade=trade, ts_event_utc_ns=turn.now))
    turn.want_exit(turn.book.position(before.strategy, before.market), "overshoot")


def on_canceled(turn: Turn, event: OrderCanceled) -> None:
    """The order works no more."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.ended:
        return
    turn.record(event)
    tend(turn)


def on_replaced(turn: Turn, event: OrderReplaced) -> None:
    """The order works at a new price."""
    order = turn.book.orders.get(event.client_order_id)
    if order is None or order.ended or order.price_ticks == event.price_ticks:
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
    tend(turn)


def on_balance(turn: Turn, event: BalanceCompared) -> None:
    """The day's money against the broker's."""
    turn.record(event)
    if abs(event.gap_microusd) > MICRO // 100:
        book_usd = turn.book.balance_microusd / MICRO
        turn.tell(
            notices.balance_mismatch(turn.now, book_usd=book_usd, broker_usd=book_usd + event.gap_microusd / MICRO)
        )


def on_fills_read(turn: Turn, event: FillsRead) -> None:
    """What the broker executed up to here is recorded: in this transaction, or before it."""
    turn.record(event)


def on_foreign(turn: Turn, event: ForeignOrderSeen) -> None:
    """An id of our form that this ledger never issued: a second daemon, or a ledger older than the orders. Halt."""
    control, cid = turn.book.control, event.client_order_id
    known = cid in control.foreign_orders
    if known and (cid in control.strays or not (event.ours and event.works)):
        return
    turn.record(event)
    if not known:
        _tell_foreign(turn, event, 0, Level.HALTED if event.ours else None)
    if event.ours:
        tend(turn)


def _tell_foreign(turn: Turn, seen: ForeignOrderSeen, lots: int, level: Level | None) -> None:
    """Halt at this level; where that halt stands already, or none is due, the order is told of all the same."""
    order: _Named = {"client_order_id": seen.client_order_id, "market": seen.market, "lots": lots}
    dead_mans = _is_dead_mans(turn.book, seen.client_order_id)
    halting = notices.order_foreign(turn.now, **order, ours=seen.ours, dead_mans=dead_mans)
    halt = None
    if level is not None:
        reason = Reason.DEAD_MAN if dead_mans else Reason.POSITION_MISMATCH
        halt = _account_halt(turn, level, reason, seen.client_order_id)
    if halt is None or not turn.halt(halt, halting):
        again = halt is not None
        turn.tell(notices.order_foreign(turn.now, **order, ours=seen.ours, again=again, dead_mans=dead_mans))
