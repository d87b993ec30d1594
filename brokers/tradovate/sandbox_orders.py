"""Orders as Tradovate takes them: JSON, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from brokers.sandbox.orders import FOREVER_NS, Duration, Kind, LotOrder
from brokers.tradovate.sandbox_contracts import number_of, traded
from gamma import markets
from gamma.calendar.rolls import Contract
from gamma.errors import InputInvalid

KINDS: Final = {"Market": Kind.MARKET, "Limit": Kind.LIMIT, "Stop": Kind.STOP, "StopLimit": Kind.STOP_LIMIT}
DURATIONS: Final = {"Day": Duration.TIMED, "GTC": Duration.TIMED, "IOC": Duration.IOC, "FOK": Duration.FOK}
SIDES: Final = {"Buy": 1, "Sell": -1}
TEXT_MAX: Final = 64
LOTS_MAX: Final = 500


class Malformed(Exception):
    """The request is none; the text is what is answered with 400."""


class Failed(Exception):
    """The order is turned down at once: the reason and the text that are answered with 200."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.text = text


def contract_of(body: Mapping[str, Any], now_utc_ns: int) -> Contract:
    """The contract that an order names.

    Raises: Malformed; Failed where it is none.
    """
    name = body.get("symbol")
    if not isinstance(name, str):
        raise Malformed("symbol is required")
    found = traded(name, now_utc_ns)
    if found is None:
        raise Failed("InvalidContract", f"{name} is no contract that trades")
    return found


def order_of(body: Mapping[str, Any], contract: Contract, number: int, now_utc_ns: int, closes_utc_ns: int) -> LotOrder:
    """An order as the request asks for it.

    Raises: Malformed; Failed.
    """
    kind, good_for = _one_of(body, "orderType", KINDS), _one_of(body, "timeInForce", DURATIONS, "Day")
    lots = body.get("orderQty")
    if type(lots) is not int or lots <= 0:
        raise Malformed("orderQty must be a positive integer")
    if lots > LOTS_MAX:
        raise Failed("MaxOrderQtyLimitReached", f"{lots} lots of {LOTS_MAX}")
    client_id = body.get("clOrdId", "")
    if not isinstance(client_id, str) or len(client_id) > TEXT_MAX:
        raise Malformed(f"clOrdId must be a text of at most {TEXT_MAX} characters")
    return LotOrder(
        number=number,
        client_id=client_id,
        symbol=contract.market,
        side=SIDES[_one_of(body, "action", SIDES)],
        lots=lots,
        kind=KINDS[kind],
        limit_ticks=_ticks(body, "price", contract) if kind in ("Limit", "StopLimit") else 0,
        stop_ticks=_ticks(body, "stopPrice", contract) if kind in ("Stop", "StopLimit") else 0,
        duration=DURATIONS[good_for],
        until_utc_ns=closes_utc_ns if good_for == "Day" else FOREVER_NS,
        notes={
            "contract": contract.symbol,
            "contractId": str(number_of(contract)),
            "orderType": kind,
            "timeInForce": good_for,
            "text": str(body.get("text") or ""),
            "isAutomated": "true" if body.get("isAutomated") is True else "",
        },
        ts_created_utc_ns=now_utc_ns,
    )


def children_of(body: Mapping[str, Any], parent: LotOrder, contract: Contract, closes_utc_ns: int) -> list[LotOrder]:
    """The bracket of an order: its quantity and contract are the order's.

    Raises: Malformed; Failed.
    """
    found = []
    for n, name in enumerate(("bracket1", "bracket2"), 1):
        told = body.get(name)
        if told is None and name == "bracket2":
            break
        if not isinstance(told, Mapping):
            raise Malformed(f"{name} is required")
        asked = {**told, "orderQty": parent.lots, "isAutomated": body.get("isAutomated")}
        child = order_of(asked, contract, parent.number + n, parent.ts_created_utc_ns, closes_utc_ns)
        found.append(replace(child, parent=parent.number))
    return found


def changed(order: LotOrder, body: Mapping[str, Any], contract: Contract) -> LotOrder:
    """An order with other prices, or for other lots: `orderQty` is all of them, those that filled too.

    Raises: Malformed; Failed.
    """
    kind, lots = _one_of(body, "orderType", KINDS), body.get("orderQty")
    if type(lots) is not int or lots <= order.filled:
        raise Malformed("orderQty must be an integer above what filled")
    if KINDS[kind] is not order.kind:
        raise Failed("Unsupported", f"the order is {order.notes['orderType']}")
    return replace(
        order,
        lots=lots,
        limit_ticks=_ticks(body, "price", contract) if kind in ("Limit", "StopLimit") else 0,
        stop_ticks=_ticks(body, "stopPrice", contract) if kind in ("Stop", "StopLimit") else 0,
    )


def _ticks(body: Mapping[str, Any], name: str, contract: Contract) -> int:
    value = body.get(name)
    if not isinstance(value, int | Decimal):
        raise Failed("InvalidPrice", f"{name} is required")
    try:
        return markets.market(contract.market).exact_ticks(Decimal(value))
    except InputInvalid as error:
        raise Failed("InvalidPrice", str(error)) from error


def _one_of(body: Mapping[str, Any], name: str, known: Mapping[str, Any], default: str = "") -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or value not in known:
        raise Malformed(f"{name} must be one of {', '.join(known)}")
    return value
