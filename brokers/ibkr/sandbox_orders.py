"""Orders as they come to the sandbox: read from a message, looked over, and held until they are let go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from brokers.ibkr.sandbox_contracts import Listed, by_number, futures
from brokers.ibkr.sandbox_exchange import KINDS, Exchange
from brokers.ibkr.sandbox_shapes import ComboPart
from brokers.sandbox.option_floor import Held, option_of
from brokers.sandbox.orders import FOREVER_NS, Kind, LotOrder
from brokers.sandbox.tickets import Ticket, TicketLeg
from gamma import calendar
from gamma.errors import InputInvalid

_STRUCTURE_TICK: Final = Decimal("0.05")
_REF_MAX: Final = 128


class Wrong(Exception):
    """An order that is not taken, by the code of why not."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An order as a message asks for it."""

    client_id: int
    order_id: int
    con_id: int
    symbol: str
    sec_type: str
    month: str
    action: str
    lots: int
    kind: str
    limit_points: Decimal | None
    stop_points: Decimal | None
    tif: str
    account: str
    ref: str
    transmit: bool
    parent_id: int
    outside_hours: bool
    legs: tuple[ComboPart, ...]

    @property
    def side(self) -> int:
        """1 where it buys."""
        return 1 if self.action == "BUY" else -1

    @property
    def notes(self) -> Mapping[str, str]:
        """What is to be told of it again."""
        return {
            "order_id": str(self.order_id),
            "client_id": str(self.client_id),
            "action": self.action,
            "kind": self.kind,
            "tif": self.tif,
            "outside_hours": "1" if self.outside_hours else "0",
        }


def asked(client_id: int, fields: Sequence[str]) -> Asked:
    """Read an order; field by field as clients of server version 178 write it.

    Raises: Wrong.
    """
    try:
        order_id, lots = int(fields[1]), Decimal(fields[17])
        if lots != int(lots) or lots <= 0:
            raise Wrong(434, "The order size cannot be zero.")
        return Asked(
            client_id=client_id,
            order_id=order_id,
            con_id=int(fields[2] or 0),
            symbol=fields[3],
            sec_type=fields[4],
            month=fields[5],
            action=_one_of(fields[16], ("BUY", "SELL")),
            lots=int(lots),
            kind=_one_of(fields[18], tuple(KINDS)),
            limit_points=_price(fields[19]),
            stop_points=_price(fields[20]),
            tif=_one_of(fields[21] or "DAY", ("DAY", "GTC")),
            account=fields[23],
            ref=fields[26][:_REF_MAX],
            transmit=fields[27] == "1",
            parent_id=int(fields[28] or 0),
            outside_hours=fields[33] == "1",
            legs=_legs(fields[35:]) if fields[4] == "BAG" else (),
        )
    except (IndexError, ValueError, InvalidOperation) as error:
        raise Wrong(320, f"Error reading request. {error}") from None


def _one_of(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise Wrong(387, f"Unsupported order type for this exchange and security type. {value}")
    return value


def _price(text: str) -> Decimal | None:
    found = Decimal(text) if text else None
    return found if found and abs(found) < 10**12 else None


def _legs(fields: Sequence[str]) -> tuple[ComboPart, ...]:
    return tuple(
        ComboPart(
            con_id=int(fields[1 + 8 * n]),
            ratio=int(fields[2 + 8 * n]),
            action=_one_of(fields[3 + 8 * n], ("BUY", "SELL")),
            exchange=fields[4 + 8 * n],
        )
        for n in range(int(fields[0]))
    )


def future_of(order: Asked, exchange: Exchange, now_utc_ns: int) -> LotOrder:
    """An order of a future; its number and its parent's are set by whoever takes it in.

    Raises: Wrong.
    """
    try:
        market = exchange.floor.prices.market(order.symbol)
        listed = _month(order, futures(market, now_utc_ns))
    except InputInvalid as error:
        raise Wrong(200, f"No security definition has been found for the request. {error}") from None
    kind = KINDS[order.kind]
    needs = {Kind.LIMIT: (True, False), Kind.STOP: (False, True), Kind.STOP_LIMIT: (True, True)}.get(
        kind, (False, False)
    )
    ticks = []
    for needed, points in zip(needs, (order.limit_points, order.stop_points), strict=True):
        try:
            ticks.append(market.exact_ticks(points or Decimal(0)) if needed else 0)
        except InputInvalid:
            text = "The price does not conform to the minimum price variation for this contract."
            raise Wrong(110, text) from None
        if needed and ticks[-1] <= 0:
            raise Wrong(109, "Price is out of the range defined by the Precautionary Settings at order entry.")
    until = FOREVER_NS if order.tif == "GTC" else exchange.floor.prices.closes_utc_ns(order.symbol, now_utc_ns)
    return LotOrder(
        number=0,
        client_id=order.ref,
        symbol=order.symbol,
        side=order.side,
        lots=order.lots,
        kind=kind,
        ts_created_utc_ns=now_utc_ns,
        limit_ticks=ticks[0],
        stop_ticks=ticks[1],
        until_utc_ns=until,
        notes={**order.notes, "con_id": str(listed.con_id)},
    )


def _month(order: Asked, listed: Sequence[Listed]) -> Listed:
    for each in listed:
        if each.con_id == order.con_id or (not order.con_id and order.month and each.expires.startswith(order.month)):
            return each
    raise InputInvalid(f"{order.symbol} {order.month or order.con_id} is not listed")


def structure_of(order: Asked, exchange: Exchange, now_utc_ns: int) -> Ticket:
    """An order of a structure; its number is set by whoever takes it in.

    Raises: Wrong.
    """
    if order.kind not in ("LMT", "MKT") or not 2 <= len(order.legs) <= 4:
        raise Wrong(387, "Unsupported order type for this exchange and security type.")
    price = order.limit_points or Decimal(0)
    if price % _STRUCTURE_TICK:
        raise Wrong(110, "The price does not conform to the minimum price variation for this contract.")
    legs = []
    try:
        for part in order.legs:
            listed = by_number(part.con_id)
            exchange.options.quotes.quote(option_of(listed.market), now_utc_ns)
            _require_leg(listed, part, order)
            ratio = part.ratio * order.side * (1 if part.action == "BUY" else -1)
            held = exchange.options.held.get(listed.market, Held()).contracts
            opens = held * ratio >= 0 or abs(held) < abs(ratio) * order.lots
            legs.append(TicketLeg(symbol=listed.market, ratio=ratio, opens=opens))
    except InputInvalid as error:
        raise Wrong(200, f"No security definition has been found for the request. {error}") from None
    session = calendar.session_at(order.symbol, now_utc_ns) or calendar.next_session(order.symbol, now_utc_ns)
    return Ticket(
        number=0,
        tag=order.ref,
        underlying=order.symbol,
        kind=order.kind,
        duration=order.tif,
        legs=tuple(legs),
        lots=order.lots,
        limit_points=-order.side * price if order.kind == "LMT" else None,
        ts_created_utc_ns=now_utc_ns,
        ts_updated_utc_ns=now_utc_ns,
        shows_utc_ns=now_utc_ns,
        until_utc_ns=FOREVER_NS if order.tif == "GTC" else session.ts_close_utc_ns,
        notes=order.notes,
    )


def _require_leg(listed: Listed, part: ComboPart, order: Asked) -> None:
    if listed.symbol != order.symbol or part.ratio <= 0:
        raise InputInvalid(f"{listed.local_symbol} is no option on {order.symbol}")
