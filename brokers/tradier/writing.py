"""What is sent to Tradier, and what became of it. Only a refusal that is plainly one is `Rejected`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from brokers.legs import unfit_legs, unfit_price
from brokers.numerals import positive
from gamma.events import Intent, OrderType
from gamma.markets import Market
from gamma.ports import Accepted, Lost, Placed, Rejected
from gamma.wire import NotSent, Reply, Unsure, Written

TAG: Final = re.compile(r"[A-Za-z0-9-]{1,255}")
LEGS_MAX: Final = 4
_TOO_LATE: Final = "order already in finalized state"
_REFUSALS: Final = (400, 401, 403)


def unfit(intent: Intent, bracket: Sequence[Intent], market: Market | None) -> Rejected | None:
    """Why an order cannot be Tradier's; None where it can. Nothing is sent of one that cannot."""
    if market is None:
        return Rejected(code="unknown_market", text=f"{intent.market!r} is not traded in this account")
    if bracket:
        return Rejected(code="not_supported", text="no stop or target can hang on an order of several legs")
    if not TAG.fullmatch(intent.client_order_id):
        return Rejected(code="bad_client_id", text=f"{intent.client_order_id!r}: letters, digits and - alone")
    return unfit_price(intent) or _unfit_legs(intent)


def _unfit_legs(intent: Intent) -> Rejected | None:
    if not 2 <= len(intent.legs) <= LEGS_MAX:
        return Rejected(code="bad_legs", text=f"{len(intent.legs)} legs: an order has 2 to {LEGS_MAX}")
    return unfit_legs(intent, "SPXW261120P05800000")


def form_of(intent: Intent, market: Market) -> dict[str, str]:
    """The form of an order: one structure, its legs in their order.

    A leg is bought where its ratio and the order's side have the same sign; what is sold is for a credit.
    """
    limit = intent.order_type is OrderType.LIMIT
    form = {
        "class": "multileg",
        "symbol": intent.market,
        "type": "market" if not limit else "credit" if intent.side < 0 else "debit",
        "duration": "day",
        "tag": intent.client_order_id,
    }
    if limit:
        form["price"] = str(intent.price_ticks * market.tick_points)
    for n, leg in enumerate(intent.legs):
        form[f"option_symbol[{n}]"] = leg.symbol
        word = "buy" if leg.ratio * intent.side > 0 else "sell"
        form[f"side[{n}]"] = f"{word}_to_{'close' if intent.reduces else 'open'}"
        form[f"quantity[{n}]"] = str(abs(leg.ratio) * intent.lots)
    return form


def placed_of(client_order_id: str, got: Written) -> Placed:
    """What became of an order that was placed: a receipt, a refusal, or nobody knows."""
    if isinstance(got, Reply) and 200 <= got.status < 300:
        return _received(client_order_id, got.json)
    return _refused(got)


def canceled_of(order_id: str, got: Written) -> Placed:
    """What became of a cancel: a receipt at most. The order itself is to be read."""
    if isinstance(got, Unsure) and got.status == 400 and got.body.strip().startswith(_TOO_LATE):
        return Rejected(code="too_late", text=got.body.strip())
    if isinstance(got, Reply) and 200 <= got.status < 300:
        order = got.json.get("order") if isinstance(got.json, dict) else None
        if isinstance(order, dict) and order.get("status") == "ok" and str(order.get("id")) == order_id:
            return Accepted(broker_order_ids={})
        return Lost(text=f"HTTP {got.status} is not about order {order_id}")
    refused = _refused(got)
    if isinstance(refused, Rejected) and _TOO_LATE in refused.text:
        return Rejected(code="too_late", text=refused.text)
    return refused


def _received(client_order_id: str, told: Any) -> Placed:
    """A 2xx holds a receipt, or a refusal. One that holds both, or neither, says nothing."""
    order, errors = (told.get("order"), told.get("errors")) if isinstance(told, dict) else (None, None)
    if isinstance(errors, dict) and order is None and (texts := _texts(errors.get("error"))):
        return Rejected(code="refused", text="; ".join(texts))
    if errors is not None or not isinstance(order, dict) or order.get("status") != "ok":
        return Lost(text="the answer is no receipt")
    try:
        return Accepted(broker_order_ids={client_order_id: str(positive(order.get("id")))})
    except ValueError:
        return Lost(text="the answer names no order")


def told_plainly(got: Reply | Unsure) -> str:
    """What a complete answer says of why not, in words or in JSON; "" of an error page, and of nothing."""
    if isinstance(got, Reply):
        return _reason(got.json)
    body = got.body.strip()
    return "" if body.startswith("<") else body


def _refused(got: Written) -> Placed:
    if isinstance(got, NotSent):
        return Rejected(code="not_sent", text=got.text)
    if isinstance(got, Reply) and got.status == 429:
        return Rejected(code="rate_limited", text="too many orders a minute")
    if got.status in _REFUSALS and (text := told_plainly(got)):
        return Rejected(code=f"http_{got.status}", text=text)
    return Lost(text=got.text if isinstance(got, Unsure) else f"HTTP {got.status}")


def _reason(told: Any) -> str:
    """The reason in a refusal, in one of the shapes that it comes in; "" where it has none."""
    if isinstance(told, str):
        return told
    if not isinstance(told, Mapping):
        return ""
    fault, errors = told.get("fault"), told.get("errors")
    if isinstance(fault, Mapping) and isinstance(fault.get("faultstring"), str):
        return str(fault["faultstring"])
    if isinstance(errors, Mapping):
        return "; ".join(_texts(errors.get("error")))
    return str(told["message"]) if isinstance(told.get("message"), str) else ""


def _texts(found: Any) -> list[str]:
    many = found if isinstance(found, list) else [found]
    return [text for text in many if isinstance(text, str) and text]
