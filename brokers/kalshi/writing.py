"""What is sent to Kalshi, and what became of it. Only a refusal that is plainly one is `Rejected`."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from brokers.kalshi.requests import code_of, said, text_of
from gamma.events import Intent, OrderType
from gamma.markets import Market
from gamma.ports import Accepted, Lost, Placed, Rejected
from gamma.wire import NotSent, Reply, Unsure, Written

CLIENT_ID: Final = re.compile(r"[\w:+=/-]{1,64}", re.ASCII)
PRICE_MIN_CENTS: Final = 1
PRICE_MAX_CENTS: Final = 99
INACTIVE: Final = "MARKET_INACTIVE"
_REFUSALS: Final = (400, 401, 403, 404, 409, 410)
# Refusals that do not say that there is no order.
_DOUBTFUL: Final = frozenset({"exchange_unavailable", "order_already_exists"})


def unfit(intent: Intent, bracket: Sequence[Intent], market: Market | None) -> Rejected | None:
    """Why an order cannot be Kalshi's; None where it can. Nothing is sent of one that cannot."""
    if market is None:
        return Rejected(code="unknown_market", text=f"{intent.market!r} is not traded in this account")
    if bracket:
        return Rejected(code="not_supported", text="Kalshi holds no stop and no target; trade by a strategy without")
    if intent.legs:
        return Rejected(code="not_supported", text="an event contract has no legs")
    if not CLIENT_ID.fullmatch(intent.client_order_id):
        return Rejected(code="bad_client_id", text=f"{intent.client_order_id!r}: letters, digits and -_:+=/ alone")
    return _unfit_price(intent)


def _unfit_price(intent: Intent) -> Rejected | None:
    if intent.order_type is OrderType.LIMIT and not PRICE_MIN_CENTS <= intent.price_ticks <= PRICE_MAX_CENTS:
        text = f"{intent.price_ticks} cents: an event contract trades at {PRICE_MIN_CENTS} to {PRICE_MAX_CENTS}"
        return Rejected(code="bad_price", text=text)
    if intent.order_type is not OrderType.LIMIT and not (intent.order_type is OrderType.MARKET and intent.reduces):
        text = f"an entry is by limit and an exit by limit or at market, not {intent.order_type}: Kalshi has no others"
        return Rejected(code="not_supported", text=text)
    return None


def body_of(intent: Intent, ticker: str) -> dict[str, Any]:
    """The order: a bid for YES, or an ask, which is the same as a bid for NO; its price is that of YES.

    An exit at market is by the worst price there is: it takes what it gets at once, and the rest ends. A resting order
    of the account in the way of an order is cancelled, so that an exit is not held up.
    """
    at_market = intent.order_type is OrderType.MARKET
    worst_cents = PRICE_MAX_CENTS if intent.side > 0 else PRICE_MIN_CENTS
    price_cents = worst_cents if at_market else intent.price_ticks
    body: dict[str, Any] = {
        "ticker": ticker,
        "side": "bid" if intent.side > 0 else "ask",
        "count": str(intent.lots),
        "price": f"0.{price_cents:02d}00",
        "time_in_force": "immediate_or_cancel" if at_market else "good_till_canceled",
        "self_trade_prevention_type": "maker",
        "client_order_id": intent.client_order_id,
    }
    # Of orders that rest it is not documented to hold.
    return body | ({"reduce_only": True} if intent.reduce_only and at_market else {})


def placed_of(intent: Intent, got: Written) -> Placed:
    """What became of an order that was placed: the engine has it, a refusal, or nobody knows."""
    if not isinstance(got, Reply) or not 200 <= got.status < 300:
        return _refused(got)
    told = got.json if isinstance(got.json, Mapping) else {}
    order_id, named = told.get("order_id"), told.get("client_order_id", intent.client_order_id)
    if not isinstance(order_id, str) or not order_id or named != intent.client_order_id:
        return Lost(text=f"HTTP {got.status} names no order of ours {text_of(told)}".rstrip())
    filled, left = _count(told.get("fill_count")), _count(told.get("remaining_count"))
    if filled is None or left is None or filled + left > intent.lots:
        return Lost(text=f"HTTP {got.status} does not tell what became of order {order_id}")
    return Accepted(broker_order_ids={intent.client_order_id: order_id})


def canceled_of(order_id: str, got: Written) -> Placed:
    """What became of a cancel; one that came too late is refused, and the order itself is to be read."""
    if not isinstance(got, Reply) or not 200 <= got.status < 300:
        refused = _refused(got)
        late = isinstance(refused, Rejected) and isinstance(got, Reply) and got.status == 404
        return Rejected(code="too_late", text=f"order {order_id} works no more") if late else refused
    if isinstance(got.json, Mapping) and got.json.get("order_id") == order_id:
        return Accepted(broker_order_ids={})
    return Lost(text=f"HTTP {got.status} is not about order {order_id}")


def _refused(got: Written) -> Placed:
    if isinstance(got, NotSent):
        return Rejected(code="not_sent", text=got.text)
    if isinstance(got, Reply) and got.status == 429:
        return Rejected(code="rate_limited", text="too many orders a second")
    if isinstance(got, Reply) and got.status in _REFUSALS and said(got.json):
        code = code_of(got.json)
        if code.lower() not in _DOUBTFUL:
            return Rejected(code=code, text=text_of(got.json))
        return Lost(text=text_of(got.json))
    return Lost(text=got.text if isinstance(got, Unsure) else f"HTTP {got.status}")


def _count(value: Any) -> Decimal | None:
    """A number of contracts; None where it is none."""
    try:
        found = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() and found >= 0 else None
