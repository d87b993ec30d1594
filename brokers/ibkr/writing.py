"""What is sent to Interactive Brokers, and which complaints about it are a plain refusal."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ib_async.contract import Contract
from ib_async.order import Order

from brokers.ibkr.contracts import FUTURES
from brokers.ibkr.reading import Row
from brokers.legs import contract as option_of
from gamma.events import Intent, OrderKind, OrderType
from gamma.markets import Market
from gamma.ports import Rejected

REF: Final = re.compile(r"[A-Za-z0-9-]{1,40}")
LEGS_MAX: Final = 4
# Of a new order each of these says that it was not taken. Any other complaint about it leaves it unknown.
REFUSALS: Final = frozenset(
    {103, 109, 110, 111, 113, 116, 133, 152, 157, 163, 200, 201, 203, 321, 355, 383, 387, 388, 412, 10052, 10243}
)
TOO_LATE: Final = frozenset({104, 135, 161, 10147, 10148})
_TYPES: Final = {OrderType.MARKET: "MKT", OrderType.LIMIT: "LMT", OrderType.STOP: "STP"}
_HELD_ON_TO: Final = (OrderKind.STOP, OrderKind.TARGET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order that is to be sent: its number, what it is of, and what it asks."""

    number: int
    contract: Contract
    order: Order

    @property
    def client_order_id(self) -> str:
        """Our id."""
        return str(self.order.orderRef)


def unfit(intent: Intent, bracket: Sequence[Intent], market: Market | None) -> Rejected | None:
    """Why an order cannot be theirs; None where it can. Nothing is sent of one that cannot."""
    if market is None:
        return Rejected(code="unknown_market", text=f"{intent.market!r} is not traded in this account")
    for each in (intent, *bracket):
        if not REF.fullmatch(each.client_order_id):
            text = f"{each.client_order_id!r}: 1 to 40 letters, digits and - alone"
            return Rejected(code="bad_client_id", text=text)
        if each.order_type not in _TYPES or each.lots <= 0 or each.side not in (1, -1):
            return Rejected(code="not_supported", text=f"{each.order_type} of {each.side * each.lots:+d} lots")
        if each.order_type is not OrderType.MARKET and each.price_ticks <= 0:
            return Rejected(code="bad_price", text=f"{each.price_ticks} ticks: a price is above 0")
    return _unfit_future(intent, bracket) if market.kind in FUTURES else _unfit_structure(intent, bracket)


def _unfit_future(intent: Intent, bracket: Sequence[Intent]) -> Rejected | None:
    if intent.legs:
        return Rejected(code="bad_legs", text=f"{intent.market} is a future: it has no legs")
    if any(child.side == intent.side or child.market != intent.market for child in bracket):
        return Rejected(code="bad_bracket", text="a stop and a target close what their entry opens")
    return None


def _unfit_structure(intent: Intent, bracket: Sequence[Intent]) -> Rejected | None:
    if bracket or intent.order_type is OrderType.STOP:
        return Rejected(code="not_supported", text="no stop or target can hang on an order of several legs")
    if not 2 <= len(intent.legs) <= LEGS_MAX:
        return Rejected(code="bad_legs", text=f"{len(intent.legs)} legs: an order has 2 to {LEGS_MAX}")
    for leg in intent.legs:
        option = option_of(leg.symbol)
        if option is None or option.underlying != intent.market or not leg.ratio:
            text = f"{leg.ratio:+d} {leg.symbol!r} is no leg in {intent.market}; name options as SPXW261120P05800000"
            return Rejected(code="bad_legs", text=text)
    return None


def order_of(intent: Intent, market: Market, account: str) -> Order:
    """An order. What is sold is sold: the legs of a structure are named as it is bought, at a price above 0.

    Stops and targets are good until they are cancelled, all else for the day; futures trade at all hours.
    """
    price = float(intent.price_ticks * market.tick_points)
    told: dict[str, Any] = {}
    if intent.order_type is OrderType.LIMIT:
        told["lmtPrice"] = price
    elif intent.order_type is OrderType.STOP:
        told["auxPrice"] = price
    return Order(
        action="BUY" if intent.side > 0 else "SELL",
        totalQuantity=intent.lots,
        orderType=_TYPES[intent.order_type],
        tif="GTC" if intent.kind in _HELD_ON_TO else "DAY",
        account=account,
        orderRef=intent.client_order_id,
        outsideRth=market.kind in FUTURES,
        **told,
    )


def repriced(row: Row, market: Market, price_ticks: int) -> Ticket:
    """An order that works, as it is to be sent once more: as it is in all else."""
    was, price = row.order, float(price_ticks * market.tick_points)
    order = Order(
        action=was.action,
        totalQuantity=was.totalQuantity,
        orderType=was.orderType,
        tif=was.tif,
        account=was.account,
        orderRef=was.orderRef,
        outsideRth=was.outsideRth,
        parentId=was.parentId,
        ocaGroup=was.ocaGroup,
        ocaType=was.ocaType,
    )
    if was.orderType == "LMT":
        order.lmtPrice = price
    else:
        order.auxPrice = price
    return Ticket(number=row.order_id, contract=row.contract, order=order)


def in_their_order(bracket: Sequence[Intent]) -> list[Intent]:
    """The children of an entry, a stop last: what is sent last lets all of them go, so that none goes without it."""
    return sorted(bracket, key=lambda child: child.kind is OrderKind.STOP)


def future(con_id: int, symbol: str, exchange: str) -> Contract:
    """A contract that is known by its number."""
    return Contract(conId=con_id, secType="FUT", symbol=symbol, exchange=exchange, currency="USD")
