"""What is sent to OANDA, and what became of it. Only a refusal that is plainly one is `Rejected`."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from brokers.oanda.journal import transaction
from brokers.oanda.reading import Row, client_id, positive
from gamma.events import Intent, OrderKind, OrderType
from gamma.markets import Market
from gamma.ports import Accepted, Lost, Placed, Rejected
from gamma.wire import NotSent, Reply, Unsure, Written

CLIENT_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
GONE: Final = frozenset({"ORDER_DOESNT_EXIST", "NO_SUCH_ORDER"})
_TYPES: Final = {OrderType.MARKET: "MARKET", OrderType.LIMIT: "LIMIT", OrderType.STOP: "STOP"}
_ON_FILL: Final = {OrderKind.STOP: "stopLossOnFill", OrderKind.TARGET: "takeProfitOnFill"}
_ALWAYS_KEPT: Final = ("type", "timeInForce", "gtdTime", "clientExtensions")
_KEPT: Final = {
    **dict.fromkeys(("STOP_LOSS", "TAKE_PROFIT"), (*_ALWAYS_KEPT, "tradeID")),
    **dict.fromkeys(("LIMIT", "STOP"), (*_ALWAYS_KEPT, "instrument", "units", "positionFill", *_ON_FILL.values())),
}
_REFUSALS: Final = (400, 401, 403, 404)


def unfit(intent: Intent, bracket: Sequence[Intent], market: Market | None) -> Rejected | None:
    """Why an order cannot be OANDA's; None where it can. Nothing is sent of one that cannot."""
    if market is None:
        return Rejected(code="unknown_market", text=f"{intent.market!r} is not traded in this account")
    if intent.legs:
        return Rejected(code="not_supported", text="an order of several legs cannot be placed at OANDA")
    if intent.order_type not in _TYPES or (intent.order_type is not OrderType.MARKET and intent.price_ticks <= 0):
        return Rejected(code="bad_price", text=f"{intent.order_type} at {intent.price_ticks} ticks")
    for one in (intent, *bracket):
        if not CLIENT_ID.fullmatch(one.client_order_id):
            return Rejected(code="bad_client_id", text=f"{one.client_order_id!r}: letters, digits and - alone")
    return _unfit_bracket(intent, bracket)


def _unfit_bracket(intent: Intent, bracket: Sequence[Intent]) -> Rejected | None:
    kinds = [child.kind for child in bracket]
    if len(set(kinds)) < len(kinds) or not set(kinds) <= set(_ON_FILL):
        return Rejected(code="not_supported", text=f"a bracket is one stop and one target, not {', '.join(kinds)}")
    if any((child.lots, child.side) != (intent.lots, -intent.side) or child.price_ticks <= 0 for child in bracket):
        return Rejected(code="not_supported", text="stop and target close all of what their entry opens")
    return None


def order_of(intent: Intent, bracket: Sequence[Intent], market: Market) -> dict[str, Any]:
    """The order as it is sent: an entry that waits is good for the day, its stop and target until cancelled."""
    at_market = intent.order_type is OrderType.MARKET
    order: dict[str, Any] = {
        "type": _TYPES[intent.order_type],
        "instrument": intent.market,
        "units": format(intent.side * intent.lots * Decimal(market.lot_units), "f"),
        "timeInForce": "FOK" if at_market else "GFD",
        "positionFill": "REDUCE_ONLY" if intent.reduce_only else "DEFAULT",
        "clientExtensions": {"id": intent.client_order_id},
    }
    if not at_market:
        order["price"] = price_of(market, intent.price_ticks)
    for child in bracket:
        order[_ON_FILL[child.kind]] = {
            "price": price_of(market, child.price_ticks),
            "timeInForce": "GTC",
            "clientExtensions": {"id": child.client_order_id},
        }
    return order


def price_of(market: Market, ticks: int) -> str:
    """A price as text."""
    return format(ticks * market.tick_points, "f")


def moved(row: Row, market: Market, price_ticks: int) -> dict[str, Any]:
    """The order that takes the place of one that works, at another price; all else stays as it is.

    Raises: KeyError or ValueError where the order is not of a kind that has a price.
    """
    kept = _KEPT.get(row["type"])
    if kept is None:
        raise ValueError(f"a {row['type']} order has no price to be changed")
    return {name: row[name] for name in kept if name in row} | {"price": price_of(market, price_ticks)}


def placed_of(client_order_id: str, got: Written) -> Placed:
    """What became of an order that was placed: it works, it was filled, it was refused, or nobody knows.

    A 201 holds a refusal where it holds a cancellation and no execution.
    """
    if not isinstance(got, Reply) or not 200 <= got.status < 300:
        return _refused(got)
    created = transaction(got.json, "orderCreateTransaction")
    if created is None or got.status != 201:
        return Lost(text=f"HTTP {got.status} is about no order")
    try:
        order_id, ours = str(positive(created.get("id"))), client_id(created)
    except (ValueError, TypeError):
        return Lost(text="the answer names no order")
    if ours != client_order_id:
        return Lost(text=f"the answer is about {ours!r}, not {client_order_id}")
    return _ended_at_once(order_id, got.json) or Accepted(broker_order_ids={client_order_id: order_id})


def _ended_at_once(order_id: str, told: Any) -> Rejected | Lost | None:
    """The refusal in a 201; a cancellation may also be that of the order that this one replaces."""
    names = ("orderCancelTransaction", "replacingOrderCancelTransaction")
    ended = [found for name in names if (found := transaction(told, name)) is not None]
    if transaction(told, "orderFillTransaction") is not None or not ended:
        return None
    of_this = [row for row in ended if row.get("orderID") == order_id]
    if not of_this:
        replaced = all(row.get("replacedByOrderID") == order_id for row in ended)
        return None if replaced else Lost(text="the answer holds a cancellation, and does not say of what")
    reason = of_this[0].get("reason")
    if not isinstance(reason, str) or not reason:
        return Lost(text="the answer holds a cancellation, and does not say why")
    return Rejected(code=reason.lower(), text=f"cancelled at once: {reason}")


def canceled_of(client_order_id: str, got: Written) -> Placed:
    """What became of a cancel; OANDA's answer is final."""
    if isinstance(got, Reply) and 200 <= got.status < 300:
        ended = transaction(got.json, "orderCancelTransaction")
        if got.status == 200 and ended is not None and ended.get("clientOrderID") == client_order_id:
            return Accepted(broker_order_ids={})
        return Lost(text=f"HTTP {got.status} is not about {client_order_id}")
    if isinstance(got, Reply) and got.status == 404 and error_code(got.json) in GONE:
        return Rejected(code="too_late", text=f"OANDA has no such order at work: {error_code(got.json)}")
    return _refused(got)


def error_code(told: Any) -> str:
    """The code of a refusal; "" where it has none."""
    found = told.get("errorCode") if isinstance(told, Mapping) else None
    return found if isinstance(found, str) else ""


def _refused(got: Written) -> Placed:
    if isinstance(got, NotSent):
        return Rejected(code="not_sent", text=got.text)
    if isinstance(got, Unsure):
        return Lost(text=got.text)
    if got.status == 429:
        return Rejected(code="rate_limited", text="too many requests a second")
    message = got.json.get("errorMessage") if isinstance(got.json, Mapping) else None
    created = transaction(got.json, "orderCreateTransaction") or transaction(got.json, "orderFillTransaction")
    if got.status in _REFUSALS and isinstance(message, str) and message and created is None:
        return Rejected(code=(error_code(got.json) or f"http_{got.status}").lower(), text=message)
    return Lost(text=f"HTTP {got.status}")
