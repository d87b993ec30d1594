"""Orders as Alpaca takes them: a JSON object, and what is wrong with it."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import gcd
from typing import Any, Final

from brokers.alpaca.sandbox_markets import UNDERLYINGS, closes_utc_ns
from brokers.sandbox.option_floor import option_of
from brokers.sandbox.tickets import Ticket, TicketLeg
from gamma.errors import InputInvalid

_INTENTS: Final = {"buy_to_open": 1, "buy_to_close": 1, "sell_to_open": -1, "sell_to_close": -1}
_SIDES: Final = {"buy": 1, "sell": -1}
_ID_MAX: Final = 128


class Wrong(Exception):
    """What is wrong with a request, with the status and the code that it is answered with."""

    def __init__(self, text: str, status: int = 422, code: int = 40010001) -> None:
        super().__init__(text)
        self.status, self.code = status, code


def body_of(content: bytes) -> Mapping[str, Any]:
    """The JSON object of a request.

    Raises: Wrong.
    """
    try:
        told = json.loads(content, parse_float=Decimal)
    except ValueError:
        raise Wrong("request body format is invalid", 400, 40010000) from None
    if not isinstance(told, dict):
        raise Wrong("request body format is invalid", 400, 40010000)
    return told


def ticket_of(body: Mapping[str, Any], number: int, now_utc_ns: int, lag_ns: int) -> Ticket:
    """An order of several legs as it is asked for.

    Raises: Wrong.
    """
    if body.get("order_class") != "mleg":
        raise Wrong("this sandbox takes orders of the class mleg alone")
    for name in ("symbol", "side", "stop_price", "notional", "take_profit", "stop_loss"):
        if body.get(name):
            raise Wrong(f"{name} is not allowed for mleg orders")
    kind, client_order_id = body.get("type"), body.get("client_order_id")
    if kind not in ("market", "limit"):
        raise Wrong("mleg orders must be of the type market or limit")
    if body.get("time_in_force") != "day":
        raise Wrong("invalid time_in_force for options order")
    if client_order_id is not None and (not isinstance(client_order_id, str) or len(client_order_id) > _ID_MAX):
        raise Wrong(f"client_order_id must be no more than {_ID_MAX} characters")
    legs = _legs(body.get("legs"))
    return Ticket(
        number=number,
        tag=client_order_id or f"sandbox-{number}",
        underlying=option_of(legs[0].symbol).root,
        kind=kind,
        duration="day",
        legs=legs,
        lots=_count(body.get("qty"), "qty"),
        limit_points=_limit(body) if kind == "limit" else None,
        ts_created_utc_ns=now_utc_ns,
        ts_updated_utc_ns=now_utc_ns,
        shows_utc_ns=now_utc_ns + lag_ns,
        until_utc_ns=closes_utc_ns(now_utc_ns),
    )


def _limit(body: Mapping[str, Any]) -> Decimal:
    """The least cash that a lot is to bring in [points]: what is asked for is the most that it may cost."""
    try:
        price = Decimal(str(body["limit_price"]))
    except (KeyError, InvalidOperation):
        raise Wrong("limit orders require limit price") from None
    if not price.is_finite() or price % Decimal("0.01"):
        raise Wrong(f"invalid limit_price {price}. sub-penny increment does not fulfill minimum pricing criteria")
    return -price


def _legs(found: Any) -> tuple[TicketLeg, ...]:
    if not isinstance(found, list) or not 2 <= len(found) <= 4:
        raise Wrong("mleg orders must have 2 to 4 legs")
    legs = tuple(_leg(leg) for leg in found)
    if len({leg.symbol for leg in legs}) < len(legs):
        raise Wrong("all legs must have unique symbols")
    if len({option_of(leg.symbol).root for leg in legs}) > 1:
        raise Wrong("all legs must be of one underlying")
    if gcd(*(leg.ratio for leg in legs)) != 1:
        raise Wrong("leg ratio quantities should be relatively prime")
    return legs


def _leg(leg: Any) -> TicketLeg:
    if not isinstance(leg, dict) or not isinstance(leg.get("symbol"), str):
        raise Wrong("leg symbol is required")
    symbol, intent, side = leg["symbol"], leg.get("position_intent"), leg.get("side")
    sign = _INTENTS.get(str(intent)) or _SIDES.get(str(side))
    if sign is None or (intent and side and _SIDES.get(str(side)) != sign):
        raise Wrong("leg side and position_intent are invalid")
    try:
        root = option_of(symbol).root
    except InputInvalid:
        root = ""
    if root not in UNDERLYINGS:
        raise Wrong(f"asset {symbol} not found")
    opens = intent is None or str(intent).endswith("open")
    return TicketLeg(symbol=symbol, ratio=sign * _count(leg.get("ratio_qty"), "ratio_qty"), opens=opens)


def _count(value: Any, name: str) -> int:
    try:
        count = Decimal(str(value))
    except InvalidOperation:
        raise Wrong(f"{name} is required") from None
    if not count.is_finite() or count != int(count) or not 0 < count < 10_000:
        raise Wrong(f"{name} must be a whole number above 0")
    return int(count)
