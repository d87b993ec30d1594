"""What is sent to Tradovate, and what became of it. Only a refusal that is plainly one is `Rejected`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from brokers.numerals import positive
from brokers.tradovate.reading import Row
from gamma.events import Intent, OrderKind, OrderType
from gamma.markets import Market
from gamma.ports import Accepted, Lost, Placed, Rejected
from gamma.wire import NotSent, Reply, Unsure, Written

CLIENT_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
SUCCESS: Final = "Success"
TOO_LATE: Final = "TooLate"
TYPES: Final = {OrderType.MARKET: "Market", OrderType.LIMIT: "Limit", OrderType.STOP: "Stop"}
# What is answered when an order was looked at and turned down. Of the others it is not plain what became of it.
REFUSALS: Final = frozenset(
    {
        "AccountClosed",
        "AdvancedTrailingStopUnsupported",
        "AnotherCommandPending",
        "BackMonthProhibited",
        "ExecutionProviderNotConfigured",
        "InvalidContract",
        "InvalidPrice",
        "KeyInformationDocumentRequired",
        "LiquidationOnly",
        "LiquidationOnlyBeforeExpiration",
        "MaxOrderQtyIsNotSpecified",
        "MaxOrderQtyLimitReached",
        "MaxPosLimitMisconfigured",
        "MaxPosLimitReached",
        "MaxTotalPosLimitReached",
        "MultipleAccountPlanRequired",
        "NoQuote",
        "NotEnoughLiquidity",
        "ParentRejected",
        "SSFRiskDisclosureAcknowledgmentRequired",
        "SessionClosed",
        "TooLate",
        "TradingLocked",
        "TrailingStopNonOrderQtyModify",
        "Unauthorized",
        "Unsupported",
    }
)
DOUBTFUL: Final = frozenset(
    {"ExecutionProviderUnavailable", "OtherExecutionRelated", "RiskCheckTimeout", "UnknownReason"}
)
_DENIED: Final = "access is denied"
_HTTP_REFUSALS: Final = (400, 401, 403)


def unfit(intent: Intent, bracket: Sequence[Intent], market: Market | None) -> Rejected | None:
    """Why an order cannot be Tradovate's; None where it can. Nothing is sent of one that cannot."""
    if market is None:
        return Rejected(code="unknown_market", text=f"{intent.market!r} is no index future of this account")
    for each in (intent, *bracket):
        if not CLIENT_ID.fullmatch(each.client_order_id):
            return Rejected(code="bad_client_id", text=f"{each.client_order_id!r}: 1 to 64 letters, digits, . _ and -")
        if each.order_type not in TYPES or each.legs:
            return Rejected(
                code="not_supported", text=f"{each.client_order_id}: {each.order_type}, {len(each.legs)} legs"
            )
        if each.order_type is not OrderType.MARKET and each.price_ticks <= 0:
            return Rejected(code="bad_price", text=f"{each.client_order_id}: {each.price_ticks} ticks")
    return _unfit_bracket(intent, bracket)


def _unfit_bracket(intent: Intent, bracket: Sequence[Intent]) -> Rejected | None:
    kinds = [each.kind for each in bracket]
    whole = all(each.lots == intent.lots and each.side == -intent.side for each in bracket)
    if whole and kinds in ([], [OrderKind.STOP], [OrderKind.TARGET], [OrderKind.STOP, OrderKind.TARGET]):
        return None
    return Rejected(
        code="bad_bracket", text=f"{intent.client_order_id}: one stop and one target of all its lots at most"
    )


def body_of(intent: Intent, bracket: Sequence[Intent], market: Market, account: Row, contract: str) -> dict[str, Any]:
    """An order as JSON: placeorder's without a bracket, placeoso's with one.

    Entries and exits are good for the day; stop and target stay until they are cancelled, for what they guard does.
    """
    body = {"accountSpec": account["name"], "accountId": account["id"], "symbol": contract, "orderQty": intent.lots}
    legs = {f"bracket{n}": _version(each, market, "GTC") for n, each in enumerate(bracket, 1)}
    alone = "GTC" if intent.kind in (OrderKind.STOP, OrderKind.TARGET) else "Day"
    return body | _version(intent, market, alone) | {"isAutomated": True} | legs


def move_of(order_id: int, version: Row, market: Market, price_ticks: int) -> dict[str, Any]:
    """What moves the price of an order and leaves all else of it as it is.

    Raises: ValueError where its price is not of a kind that can be moved.
    """
    body = {"orderId": order_id, "orderQty": version["orderQty"], "orderType": version["orderType"]}
    name = {"Limit": "price", "Stop": "stopPrice"}.get(version["orderType"])
    if name is None or price_ticks <= 0:
        raise ValueError(f"an order of type {version['orderType']!r} is not moved to {price_ticks} ticks")
    if version.get("timeInForce"):
        body["timeInForce"] = version["timeInForce"]
    return body | {name: float(price_ticks * market.tick_points), "isAutomated": True}


def _version(intent: Intent, market: Market, good_for: str) -> dict[str, Any]:
    """What an order asks for. Its id goes as its text too: the command of a bracket may not keep what it was given."""
    told = {
        "clOrdId": intent.client_order_id,
        "text": intent.client_order_id,
        "action": "Buy" if intent.side > 0 else "Sell",
        "orderType": TYPES[intent.order_type],
        "timeInForce": good_for,
    }
    name = {OrderType.LIMIT: "price", OrderType.STOP: "stopPrice"}.get(intent.order_type)
    # The shortest binary fraction that reads as the price: it is written to the wire as the price itself.
    return told | ({name: float(intent.price_ticks * market.tick_points)} if name else {})


def placed_of(intent: Intent, bracket: Sequence[Intent], got: Written) -> Placed:
    """What became of an order that was placed: a receipt, a refusal, or nobody knows."""
    refused = judged(got)
    if refused is not None:
        return refused
    told = got.json if isinstance(got, Reply) else None
    if not isinstance(told, Mapping) or told.get("orderId") is None:
        return Lost(text="the answer is no receipt")
    try:
        ids = {intent.client_order_id: str(positive(told["orderId"]))}
        for n, each in enumerate(bracket, 1):
            if told.get(f"oso{n}Id") is not None:
                ids[each.client_order_id] = str(positive(told[f"oso{n}Id"]))
    except ValueError:
        return Lost(text="the answer names no order")
    if len(set(ids.values())) < len(ids):
        return Lost(text="the answer names one order twice")
    return Accepted(broker_order_ids=ids)


def commanded_of(got: Written) -> Placed:
    """What became of a cancel or a change: a receipt at most. The order itself is to be read."""
    refused = judged(got)
    if refused is not None:
        return refused
    told = got.json if isinstance(got, Reply) else None
    try:
        positive(told["commandId"] if isinstance(told, Mapping) else None)
    except (ValueError, KeyError):
        return Lost(text="the answer is no receipt")
    return Accepted(broker_order_ids={})


def judged(got: Written) -> Placed | None:
    """What an answer says against the request, or that it says nothing; None where it is to be read as a receipt."""
    if isinstance(got, NotSent):
        return Rejected(code="not_sent", text=got.text)
    if got.status in _HTTP_REFUSALS and (text := _plain(got)):
        return Rejected(code=f"http_{got.status}", text=text)
    if not isinstance(got, Reply) or got.status != 200 or not isinstance(got.json, Mapping):
        return Lost(text=got.text if isinstance(got, Unsure) else f"HTTP {got.status} is no receipt")
    return _failure(got.json)


def _failure(told: Mapping[str, Any]) -> Placed | None:
    """What a whole answer says against the request. One that names an order beside its refusal says nothing plainly."""
    reason, text = told.get("failureReason", SUCCESS), str(told.get("failureText") or "")
    if told.get("errorText"):
        return Lost(text=str(told["errorText"])[:200])
    if reason == SUCCESS:
        return None
    names_one = told.get("orderId") is not None or told.get("commandId") is not None
    denied = reason == "UnknownReason" and _DENIED in text.lower()
    if names_one or not (denied or (isinstance(reason, str) and reason in REFUSALS)):
        return Lost(text=f"{reason}: {text}"[:200])
    return Rejected(code="too_late" if reason == TOO_LATE else str(reason), text=text or str(reason))


def _plain(got: Reply | Unsure) -> str:
    """What a complete refusal says in words; "" of an error page, and of nothing."""
    if isinstance(got, Unsure):
        body = got.body.strip() or ("the token is not taken" if got.status == 401 else "")
        return "" if body.startswith("<") else body
    told = got.json
    if isinstance(told, str):
        return told
    named = told.get("errorText") or told.get("message") if isinstance(told, Mapping) else None
    return named if isinstance(named, str) else ""
