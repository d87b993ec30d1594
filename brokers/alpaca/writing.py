"""What is sent to Alpaca, and what became of it. Only a refusal that is plainly one is `Rejected`."""

import re
from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any, Final

from brokers.alpaca.reading import number_of
from brokers.legs import unfit_legs, unfit_price
from gamma.events import Intent, OrderType
from gamma.markets import Market
from gamma.ports import Accepted, Lost, Placed, Rejected
from gamma.wire import NotSent, Reply, Unsure, Written

UNDERLYINGS: Final = ("SPY", "QQQ", "IWM")
CLIENT_ID_MAX: Final = 48
LEGS_MAX: Final = 4
_CLIENT_ID: Final = re.compile(rf"[A-Za-z0-9._-]{{1,{CLIENT_ID_MAX}}}")
_REFUSALS: Final = (400, 401, 403, 422)


def unfit(intent: Intent, bracket: Sequence[Intent], market: Market | None) -> Rejected | None:
    """Why an order cannot be Alpaca's; None where it can. Nothing is sent of one that cannot."""
    if market is None:
        text = f"{intent.market!r} is not traded in this account; Alpaca has options on funds: {', '.join(UNDERLYINGS)}"
        return Rejected(code="unknown_market", text=text)
    if bracket:
        return Rejected(code="not_supported", text="no stop or target can hang on an order of several legs")
    if not _CLIENT_ID.fullmatch(intent.client_order_id):
        text = f"{intent.client_order_id!r}: at most {CLIENT_ID_MAX} letters, digits and . _ -"
        return Rejected(code="bad_client_id", text=text)
    return unfit_price(intent) or _unfit_legs(intent)


def _unfit_legs(intent: Intent) -> Rejected | None:
    if not 2 <= len({leg.symbol for leg in intent.legs}) == len(intent.legs) <= LEGS_MAX:
        return Rejected(code="bad_legs", text=f"{len(intent.legs)} legs: an order has 2 to {LEGS_MAX} different ones")
    refused = unfit_legs(intent, "SPY261120P00620000")
    if refused is not None:
        return refused
    if gcd(*(leg.ratio for leg in intent.legs)) != 1:
        return Rejected(code="bad_legs", text="the ratios of the legs must be in their lowest terms")
    return None


def body_of(intent: Intent, market: Market) -> dict[str, Any]:
    """An order: one structure, its legs in their order; a price below 0 is a credit.

    A leg is bought where its ratio and the order's side have the same sign.
    """
    body: dict[str, Any] = {
        "order_class": "mleg",
        "qty": str(intent.lots),
        "type": "market",
        "time_in_force": "day",
        "client_order_id": intent.client_order_id,
        "legs": [_leg(leg.symbol, leg.ratio * intent.side, closes=intent.reduces) for leg in intent.legs],
    }
    if intent.order_type is OrderType.LIMIT:
        body["type"] = "limit"
        body["limit_price"] = str(intent.side * intent.price_ticks * market.tick_points)
    return body


def _leg(symbol: str, ratio: int, *, closes: bool) -> dict[str, str]:
    side = "buy" if ratio > 0 else "sell"
    intent = f"{side}_to_{'close' if closes else 'open'}"
    return {"symbol": symbol, "ratio_qty": str(abs(ratio)), "side": side, "position_intent": intent}


def placed_of(client_order_id: str, got: Written) -> Placed:
    """What became of an order that was placed: a receipt, a refusal, or nobody knows."""
    if not isinstance(got, Reply) or not 200 <= got.status < 300:
        return _refused(got)
    told = got.json
    if not isinstance(told, dict) or told.get("client_order_id") != client_order_id:
        return Lost(text="the answer is not about this order")
    try:
        return Accepted(broker_order_ids={client_order_id: number_of(told.get("id"))})
    except ValueError:
        return Lost(text="the answer names no order")


def canceled_of(got: Written) -> Placed:
    """What became of a cancel: a receipt at most. The order itself is to be read."""
    if isinstance(got, Reply) and got.status == 204:
        return Accepted(broker_order_ids={})
    if isinstance(got, Reply) and got.status in (404, 422) and (text := reason(got.json)):
        return Rejected(code="too_late" if got.status == 422 else "unknown_order", text=text)
    return _refused(got)


def _refused(got: Written) -> Placed:
    """A refusal is one where it says why. One about our order id is none: it says that the order is there already."""
    if isinstance(got, NotSent):
        return Rejected(code="not_sent", text=got.text)
    if isinstance(got, Reply) and got.status == 429:
        return Rejected(code="rate_limited", text="too many requests a minute")
    text = reason(got.json) if isinstance(got, Reply) else ""
    if got.status in _REFUSALS and text:
        if "client_order_id" in text:
            return Lost(text=f"HTTP {got.status}: {text}")
        return Rejected(code=f"http_{got.status}", text=text)
    return Lost(text=got.text if isinstance(got, Unsure) else f"HTTP {got.status}")


def reason(told: Any) -> str:
    """The reason in a refusal, which has a code too; "" where it has none."""
    if not isinstance(told, Mapping) or type(told.get("code")) is not int:
        return ""
    return told["message"] if isinstance(told.get("message"), str) else ""
