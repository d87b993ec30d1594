"""What Tradovate's answers mean. What is not understood changes nothing, and says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from gamma.errors import Transient
from gamma.events import OrderState
from gamma.markets import MICRO, Market
from gamma.ports import BrokerOrder

STATES: Final = {
    "PendingNew": OrderState.ACKED,
    "Working": OrderState.ACKED,
    "Suspended": OrderState.ACKED,  # a child of a bracket, until its entry fills
    "PendingCancel": OrderState.ACKED,
    "PendingReplace": OrderState.ACKED,
    "Filled": OrderState.FILLED,
    "Completed": OrderState.CANCELED,  # over; filled where its fills come to all of it
    "Canceled": OrderState.CANCELED,
    "Expired": OrderState.EXPIRED,
    "Rejected": OrderState.REJECTED,
}
FINAL: Final = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED})
SIDES: Final = {"Buy": 1, "Sell": -1}
FEES: Final = ("clearingFee", "exchangeFee", "nfaFee", "brokerageFee", "ipFee", "commission", "orderRoutingFee")
NUMBER_MAX: Final = 10**12
SPREAD: Final = 0  # in the place of its contract's number: an order of several legs has none
_COUNTED: Final = (OrderState.ACKED, OrderState.FILLED)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """One fill; `active` is false of one that the exchange took back."""

    number: int
    order: int
    contract: int
    side: int
    lots: int
    points: Decimal
    active: bool
    ts_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An order as its parts tell it: state, newest version, the id that we gave it, and lots that filled."""

    number: int
    contract: int
    row: Row
    version: Row
    client_order_id: str
    filled_lots: int


def rows(told: Any, what: str) -> list[Row]:
    """A list of things of one kind.

    Raises: Transient.
    """
    if not isinstance(told, list) or not all(isinstance(row, Mapping) for row in told):
        raise Transient(f"{what}: the answer is no list of {what}s")
    return told


def order_of(listed: Listed, symbol: str, market: Market | None) -> BrokerOrder:
    """An order; of a market that is not ours no price is told.

    Raises: Transient for a status that is not known.
    """
    row, version = listed.row, listed.version
    state = STATES.get(row["ordStatus"])
    if state is None:
        raise Transient(f"order {listed.number}: status {row['ordStatus']!r} tells nothing; its state stays as it was")
    lots, filled = count(version["orderQty"]), listed.filled_lots
    if not 0 <= filled <= lots:
        raise ValueError(f"order {listed.number}: {filled} of {lots} lots filled")
    if filled == lots:
        state = OrderState.FILLED
    elif state in _COUNTED:  # a word may be ahead of the fills, or behind them
        state = OrderState.PARTIAL if filled else OrderState.ACKED
    elif state is OrderState.REJECTED and filled:
        state = OrderState.CANCELED
    return BrokerOrder(
        client_order_id=listed.client_order_id,
        broker_order_id=str(listed.number),
        market=symbol,
        state=state,
        side=SIDES[row["action"]],
        lots=lots,
        filled_lots=filled,
        price_ticks=market.exact_ticks(price_of(version)) if market is not None else 0,
        ts_event_utc_ns=moment(row["timestamp"]),
        ours=bool(listed.client_order_id),
    )


def price_of(version: Row) -> Decimal:
    """The limit, or what triggers a stop [points]; 0 at market."""
    kind = version["orderType"]
    if kind == "Limit":
        return number(version["price"])
    if kind in ("Stop", "StopLimit"):
        told = version.get("stopPrice")
        return number(version["price"] if told is None else told)
    return Decimal(0)


def executed_of(row: Row) -> Executed:
    """A fill."""
    lots, active = count(row["qty"]), row["active"]
    if not lots or type(active) is not bool:
        raise ValueError(f"fill {row['id']!r} of {lots} lots, active {active!r}")
    return Executed(
        number=positive(row["id"]),
        order=positive(row["orderId"]),
        contract=positive(row["contractId"]),
        side=SIDES[row["action"]],
        lots=lots,
        points=number(row["price"]),
        active=active,
        ts_utc_ns=moment(row["timestamp"]),
    )


def newest(versions: Sequence[Row]) -> Row | None:
    """The version of an order that counts: the latest; None where there is none."""
    return max(versions, key=lambda row: positive(row["id"]), default=None)


def placed_as(commands: Sequence[Row]) -> dict[int, str]:
    """The id that each order was placed under, "" where it was given none, by the number of the order."""
    found: dict[int, str] = {}
    for row in commands:
        if row["commandType"] == "New":
            found[positive(row["orderId"])] = str(row.get("clOrdId") or "")
    return found


def named_by(versions: Sequence[Row]) -> dict[int, str]:
    """The words that were sent along with each order at first, by its number: where it is ours, its id again."""
    first: dict[int, Row] = {}
    for row in versions:
        number = positive(row["orderId"])
        if number not in first or positive(row["id"]) < positive(first[number]["id"]):
            first[number] = row
    return {number: str(row["text"]) for number, row in first.items() if row.get("text")}


def fee_microusd(row: Row) -> int:
    """All that one fill was charged."""
    return microusd(sum((number(row[name]) for name in FEES if row.get(name) is not None), Decimal(0)))


def microusd(value: Any) -> int:
    """Money in whole micro-dollars; Tradovate's numbers are binary fractions, and are rounded to them."""
    return int((number(value) * MICRO).to_integral_value(ROUND_HALF_EVEN))


def number(value: Any) -> Decimal:
    """A number of a size that can be reckoned with.

    Raises: TypeError or ValueError.
    """
    if type(value) not in (int, Decimal):
        raise TypeError(f"{value!r} is no number")
    if not abs(value) < NUMBER_MAX:
        raise ValueError(f"{value!r} is out of all bounds")
    return Decimal(value)


def signed(value: Any) -> int:
    """A whole number of lots."""
    found = number(value)
    if found != int(found):
        raise ValueError(f"{value!r} is no whole number")
    return int(found)


def count(value: Any) -> int:
    """A count of lots: whole, and not below 0."""
    found = signed(value)
    if found < 0:
        raise ValueError(f"{value!r} is no count")
    return found


def positive(value: Any) -> int:
    """What Tradovate calls a thing by: whole, and above 0; it has no decimals."""
    if type(value) is not int or not 0 < value < 2**62:
        raise ValueError(f"{value!r} is no number of anything")
    return value


def moment(text: Any) -> int:
    """A time as Tradovate writes it [UTC ns]."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    since = at - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def stamp(ts_utc_ns: int) -> str:
    """A time as Tradovate writes it, to the millisecond."""
    at = _EPOCH + timedelta(microseconds=ts_utc_ns // 1_000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
