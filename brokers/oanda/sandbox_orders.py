"""Orders as OANDA takes them: JSON in which numbers are text, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from brokers.oanda.sandbox_shapes import UNITS_PRECISION, decimals
from brokers.oanda.sandbox_transactions import notes_of
from brokers.sandbox.orders import FOREVER_NS, Duration, Kind, LotOrder
from gamma.markets import Market

_KINDS: Final = {"MARKET": Kind.MARKET, "LIMIT": Kind.LIMIT, "STOP": Kind.STOP}
_TIMES: Final = {"MARKET": ("FOK", "IOC"), "LIMIT": ("GTC", "GFD", "FOK", "IOC"), "STOP": ("GTC", "GFD")}
_FILLS: Final = ("DEFAULT", "REDUCE_ONLY", "REDUCE_FIRST", "OPEN_ONLY")
ON_FILL: Final = {"stopLossOnFill": ("STOP_LOSS", Kind.STOP), "takeProfitOnFill": ("TAKE_PROFIT", Kind.LIMIT)}


class Refused(Exception):
    """An order that is recorded as refused: the text is the reason."""


class Malformed(Exception):
    """What came is no order."""


def asked_of(told: Any) -> dict[str, Any]:
    """The order in a request's body.

    Raises: Malformed.
    """
    order = told.get("order") if isinstance(told, Mapping) else None
    if not isinstance(order, Mapping) or not isinstance(order.get("type"), str):
        raise Malformed("Invalid value specified for 'order'")
    for name, value in order.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise Malformed(f"Invalid value specified for 'order.{name}'")
    kept = {name: value for name, value in order.items() if value is not None}
    if kept["type"] in _KINDS:
        kept.setdefault("timeInForce", "FOK" if kept["type"] == "MARKET" else "GTC")
        kept.setdefault("positionFill", "DEFAULT")
    return kept


def orders_of(
    asked: Mapping[str, Any], market: Market, number: int, now_utc_ns: int, closes_utc_ns: int
) -> list[LotOrder]:
    """An order, and the stop and target that are to hang on what it opens.

    Raises: Refused.
    """
    kind = _KINDS.get(asked["type"])
    if kind is None:
        raise Refused("INSTRUMENT_NOT_TRADEABLE")
    time_in_force = asked["timeInForce"]
    if time_in_force not in _TIMES[asked["type"]]:
        raise Refused("TIME_IN_FORCE_INVALID")
    if asked["positionFill"] not in _FILLS[:3]:
        raise Refused("POSITION_FILL_INVALID" if asked["positionFill"] not in _FILLS else "OPEN_ONLY_NEEDS_HEDGING")
    lots = _lots(asked.get("units"), market)
    ticks = 0 if kind is Kind.MARKET else price_ticks(asked.get("price"), market, "")
    first = LotOrder(
        number=number,
        client_id=name_of(asked),
        symbol=market.symbol,
        side=1 if lots > 0 else -1,
        lots=abs(lots),
        kind=kind,
        ts_created_utc_ns=now_utc_ns,
        limit_ticks=ticks if kind is Kind.LIMIT else 0,
        stop_ticks=ticks if kind is Kind.STOP else 0,
        duration={"FOK": Duration.FOK, "IOC": Duration.IOC}.get(time_in_force, Duration.TIMED),
        until_utc_ns=closes_utc_ns if time_in_force == "GFD" else FOREVER_NS,
        reduce_only=asked["positionFill"] == "REDUCE_ONLY",
        notes=notes_of(asked),
    )
    hung = [_hung(first, name, asked[name], market, n) for n, name in enumerate(ON_FILL, 1) if name in asked]
    return [first, *hung]


def moved(order: LotOrder, asked: Mapping[str, Any], market: Market) -> LotOrder:
    """An order that works, at the price of the one that takes its place.

    Raises: Refused.
    """
    ticks = price_ticks(asked.get("price"), market, "")
    kept = {name: value for name, value in asked.items() if name != "tradeID"}
    return replace(
        order,
        notes=notes_of(kept),
        client_id=name_of(asked),
        limit_ticks=ticks if order.kind is Kind.LIMIT else 0,
        stop_ticks=ticks if order.kind is Kind.STOP else 0,
    )


def name_of(asked: Mapping[str, Any]) -> str:
    """The client's id for an order; "" where it has none.

    Raises: Refused.
    """
    extensions = asked.get("clientExtensions", {})
    named = extensions.get("id", "") if isinstance(extensions, Mapping) else None
    if not isinstance(named, str) or len(named) > 128:
        raise Refused("CLIENT_ORDER_ID_INVALID")
    return named


def price_ticks(text: Any, market: Market, prefix: str) -> int:
    """A price on the grid.

    Raises: Refused.
    """
    if text is None:
        raise Refused(f"{prefix}PRICE_MISSING")
    points = _number(text, f"{prefix}PRICE_INVALID")
    if points != round(points, decimals(market)):
        raise Refused(f"{prefix}PRICE_PRECISION_EXCEEDED")
    if points <= 0:
        raise Refused(f"{prefix}PRICE_INVALID")
    return market.exact_ticks(points)


def _hung(first: LotOrder, name: str, details: Any, market: Market, n: int) -> LotOrder:
    kind_name, kind = ON_FILL[name]
    prefix = f"{kind_name}_ON_FILL_"
    if not isinstance(details, Mapping):
        raise Refused(f"{prefix}PRICE_MISSING")
    ticks = price_ticks(details.get("price"), market, prefix)
    asked = {"type": kind_name, "timeInForce": "GTC", "triggerCondition": "DEFAULT", **details}
    return LotOrder(
        number=first.number + n,
        client_id=name_of(asked),
        symbol=first.symbol,
        side=-first.side,
        lots=first.lots,
        kind=kind,
        ts_created_utc_ns=first.ts_created_utc_ns,
        limit_ticks=ticks if kind is Kind.LIMIT else 0,
        stop_ticks=ticks if kind is Kind.STOP else 0,
        parent=first.number,
        reduce_only=True,
        notes=notes_of(asked),
    )


def _lots(text: Any, market: Market) -> int:
    if text is None:
        raise Refused("UNITS_MISSING")
    units = _number(text, "UNITS_INVALID")
    if units != round(units, UNITS_PRECISION):
        raise Refused("UNITS_PRECISION_EXCEEDED")
    lot = Decimal(market.lot_units)
    if abs(units) < lot:
        raise Refused("UNITS_MIMIMUM_NOT_MET")
    if units % lot:
        raise Refused("UNITS_PRECISION_EXCEEDED")
    return int(units / lot)


def _number(text: Any, reason: str) -> Decimal:
    try:
        found = Decimal(text) if isinstance(text, str) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or abs(found) > 10**9:
        raise Refused(reason)
    return found
