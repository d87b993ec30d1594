"""Which orders the paper exchange refuses, and why. A refusal is an answer, not an error."""

from collections.abc import Sequence

from brokers.paper.account import margin_microusd
from brokers.paper.exchange import Exchange
from brokers.paper.orders import PaperOrder, Tape
from gamma.events import Intent, OrderKind, OrderType
from gamma.markets import MICRO, Kind
from gamma.ports import Rejected

_PLACED = (OrderKind.ENTRY, OrderKind.EXIT)
_PRICED = (OrderType.LIMIT, OrderType.STOP)


def refuse(exchange: Exchange, intent: Intent, bracket: Sequence[Intent]) -> Rejected | None:
    """Why this order is refused; None where nothing is wrong with it."""
    tape = exchange.tape(intent.market)
    if tape is None:
        return Rejected(code="unknown_market", text=f"{intent.market!r} is not traded in this account")
    return (
        _odd(tape, intent)
        or _odd_bracket(exchange, tape, intent, bracket)
        or (_nothing_to_reduce(exchange, intent) if intent.reduce_only else _margin_lacks(exchange, tape, intent))
    )


def refuse_move(exchange: Exchange, order: PaperOrder, price_ticks: int) -> Rejected | None:
    """Why a working order may not go to another price; None where it may."""
    tape = exchange.tapes[order.intent.market]
    if order.intent.order_type not in _PRICED:
        return Rejected(code="no_price", text=f"{order.client_order_id} is at market: it has no price to change")
    return _off_limits(tape, order.intent, price_ticks) or _stop_is_wrong(tape, order.intent, price_ticks)


def _odd(tape: Tape, intent: Intent) -> Rejected | None:
    if intent.kind not in _PLACED:
        return Rejected(code="wrong_kind", text=f"a {intent.kind} is not placed by itself")
    if intent.side not in (1, -1) or intent.lots <= 0:
        return Rejected(
            code="off_limits", text=f"side {intent.side}, {intent.lots} lots: need +1 or -1, and lots above 0"
        )
    if intent.order_type is OrderType.MARKET:
        return None
    if intent.order_type not in _PRICED:
        return Rejected(code="off_limits", text=f"order type {intent.order_type}: need market, limit or stop")
    return _off_limits(tape, intent, intent.price_ticks) or _stop_is_wrong(tape, intent, intent.price_ticks)


def _off_limits(tape: Tape, intent: Intent, price_ticks: int) -> Rejected | None:
    most = 100 * tape.market.ticks_per_point - 1 if tape.market.kind is Kind.EVENT else 2**53
    if 0 < price_ticks <= most:
        return None
    return Rejected(
        code="off_limits", text=f"{intent.kind} at {price_ticks} ticks: {intent.market} trades at 1 to {most}"
    )


def _stop_is_wrong(tape: Tape, intent: Intent, price_ticks: int) -> Rejected | None:
    """A stop at or past the market would trade at once; where no price was seen there is nothing to compare."""
    if intent.order_type is not OrderType.STOP or not intent.side * (price_ticks - tape.price_ticks) <= 0:
        return None
    text = f"stop at {price_ticks} ticks is on the wrong side of the market at {tape.price_ticks:g}"
    return Rejected(code="wrong_side", text=text)


def _odd_bracket(exchange: Exchange, tape: Tape, intent: Intent, bracket: Sequence[Intent]) -> Rejected | None:
    ids = {intent.client_order_id, *(child.client_order_id for child in bracket)}
    if len(ids) <= len(bracket) or any(i in exchange.orders for i in ids):
        return Rejected(code="duplicate_id", text="each order of a bracket needs a client order id of its own")
    reference = intent.price_ticks or tape.price_ticks
    for child in bracket:
        wanted = OrderType.STOP if child.kind is OrderKind.STOP else OrderType.LIMIT
        fits = (
            child.kind in (OrderKind.STOP, OrderKind.TARGET)
            and child.order_type is wanted
            and child.reduces
            and (child.parent, child.market) == (intent.client_order_id, intent.market)
            and (child.side, child.lots) == (-intent.side, intent.lots)
        )
        if not fits:
            text = f"{child.client_order_id} does not close what {intent.client_order_id} opens"
            return Rejected(code="bad_bracket", text=text)
        refused = _off_limits(tape, child, child.price_ticks)
        if refused:
            return refused
        toward = intent.side if child.kind is OrderKind.TARGET else -intent.side
        if toward * (child.price_ticks - reference) <= 0:
            text = f"{child.kind} at {child.price_ticks} ticks is on the wrong side of the entry at {reference:g}"
            return Rejected(code="wrong_side", text=text)
    return None


def _nothing_to_reduce(exchange: Exchange, intent: Intent) -> Rejected | None:
    held = exchange.account.lots(intent.market)
    if -intent.side * held > 0:
        return None
    return Rejected(code="nothing_to_reduce", text=f"the position in {intent.market} is {held:+d} lots")


def _margin_lacks(exchange: Exchange, tape: Tape, intent: Intent) -> Rejected | None:
    """Margin of all that is held, works and is asked for, against equity; a price that is needed must be known."""
    market = tape.market
    price_ticks = intent.price_ticks or tape.price_ticks
    if price_ticks != price_ticks:
        if market.margin_microusd_per_lot or not (market.margin_frac or market.kind is Kind.EVENT):
            price_ticks = 0
        else:
            return Rejected(
                code="no_price", text=f"no price of {intent.market} was seen yet, so its margin is not known"
            )
    needed = (
        margin_used_microusd(exchange)
        + _added_margin(exchange, intent, intent.lots)
        + market.fee_microusd(intent.lots, round(price_ticks))
    )
    equity = exchange.equity_microusd()
    if needed <= equity:
        return None
    text = (
        f"{intent.side * intent.lots:+d} {intent.market} would need {needed / MICRO:,.2f} usd of {equity / MICRO:,.2f}"
    )
    return Rejected(code="insufficient_margin", text=text)


def margin_used_microusd(exchange: Exchange) -> int:
    """Margin of the positions and of the entries that work [micro-dollars]."""
    used = 0
    for symbol, lots in exchange.account.positions().items():
        tape = exchange.tapes[symbol]
        used += margin_microusd(tape.market, lots, tape.price_ticks)
    entries = (exchange.orders[i] for tape in exchange.tapes.values() for i in tape.working)
    return used + sum(_added_margin(exchange, o.intent, o.left_lots) for o in entries if not o.intent.reduces)


def _added_margin(exchange: Exchange, intent: Intent, lots: int) -> int:
    """Margin that an entry would add: of the lots that go beyond closing a position [micro-dollars]."""
    tape = exchange.tapes[intent.market]
    closes = max(0, -intent.side * exchange.account.lots(intent.market))
    opens = max(0, lots - closes)
    price_ticks = intent.price_ticks or tape.price_ticks
    return margin_microusd(tape.market, intent.side * opens, price_ticks) if opens else 0
