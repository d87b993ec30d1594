"""What Tradovate's answers mean. What is not understood changes nothing, and says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from brokers.numerals import count, microusd, moment, number, positive
from gamma.errors import Transient
from gamma.events import OrderState
from gamma.markets import Market
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
SIDES: Final = {"Buy": 1, "Sell": -1}
FEES: Final = ("clearingFee", "exchangeFee", "nfaFee", "brokerageFee", "ipFee", "commission", "orderRoutingFee")
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


def stamp(ts_utc_ns: int) -> str:
    """A time as Tradovate writes it, to the millisecond."""
    at = _EPOCH + timedelta(microseconds=ts_utc_ns // 1_000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
