"""What Alpaca's answers mean. Its numbers are texts; what is not understood changes nothing, and says so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from brokers.legs import TradedLeg, contract, direction
from gamma.errors import Transient
from gamma.events import OrderState
from gamma.markets import MICRO, Market
from gamma.ports import BrokerOrder

STATES: Final = {
    "pending_new": OrderState.ACKED,
    "pending_review": OrderState.ACKED,
    "accepted_for_bidding": OrderState.ACKED,
    "accepted": OrderState.ACKED,
    "new": OrderState.ACKED,
    "held": OrderState.ACKED,
    "pending_cancel": OrderState.ACKED,
    "pending_replace": OrderState.ACKED,
    "stopped": OrderState.ACKED,  # a fill is sure, and not there yet
    "suspended": OrderState.ACKED,
    "calculated": OrderState.ACKED,  # done for the day, and being settled: nothing to conclude from
    "done_for_day": OrderState.ACKED,
    "partially_filled": OrderState.PARTIAL,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "replaced": OrderState.CANCELED,  # by an order of another number, which is nobody's of ours
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}
_COUNTED: Final = (OrderState.ACKED, OrderState.PARTIAL, OrderState.FILLED)
_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,40})?")
_ID: Final = re.compile(r"[0-9a-f-]{8,64}")
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_SIDES: Final = {"buy": 1, "sell": -1}
LOTS_MAX: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldLeg:
    """A leg of an order: its own number, and contracts bought (+) or sold (-) a lot."""

    order_id: str
    symbol: str
    ratio: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An order, and its legs; none where it is not of several."""

    order: BrokerOrder
    legs: tuple[ToldLeg, ...]

    @property
    def traded(self) -> tuple[TradedLeg, ...]:
        """The legs, each a lot's part."""
        return tuple(TradedLeg(symbol=leg.symbol, contracts=leg.ratio) for leg in self.legs)


def told_of(row: Mapping[str, Any], markets: Mapping[str, Market]) -> Told:
    """An order; of one that is not of several legs no price is told, for it is nobody's of ours.

    Raises: Transient for a status that is not known.
    """
    state = STATES.get(row["status"])
    if state is None:
        raise Transient(f"order {row['id']}: unknown status {row['status']!r}; its state stays as it was")
    if row["order_class"] != "mleg":
        return Told(order=_foreign(row, state), legs=())
    lots = count(row["qty"])
    legs = tuple(_leg(leg, lots) for leg in row["legs"])
    filled = count(row["filled_qty"])
    if len(legs) < 2 or not 0 < lots <= LOTS_MAX or filled > lots:
        raise ValueError(f"order {row['id']}: {len(legs)} legs, {filled} of {lots} lots filled")
    if state in _COUNTED:  # a word may lag behind the count
        state = OrderState.FILLED if filled == lots else OrderState.PARTIAL if filled else OrderState.ACKED
    underlyings = {named.underlying if (named := contract(leg.symbol)) else leg.symbol for leg in legs}
    market = underlyings.pop() if len(underlyings) == 1 else "several"
    limit = None if row["limit_price"] is None else number(row["limit_price"])
    order = BrokerOrder(
        client_order_id=name(row["client_order_id"]),
        broker_order_id=number_of(row["id"]),
        market=market,
        state=state,
        side=_side(limit, legs),
        lots=lots,
        filled_lots=filled,
        price_ticks=markets[market].exact_ticks(abs(limit)) if limit is not None and market in markets else 0,
        ts_event_utc_ns=moment(row["updated_at"]),
    )
    return Told(order=order, legs=legs)


def _side(limit: Decimal | None, legs: tuple[ToldLeg, ...]) -> int:
    """A price below 0 is a credit, and so it was sold; without one, by which options are the dearer ones.

    Raises: ValueError where neither tells.
    """
    if limit:
        return 1 if limit > 0 else -1
    side = direction(TradedLeg(symbol=leg.symbol, contracts=leg.ratio) for leg in legs)
    if not side:
        raise ValueError("neither its price nor its legs tell whether it was bought or sold")
    return side


def _foreign(row: Mapping[str, Any], state: OrderState) -> BrokerOrder:
    """An order of one leg, which we never make; its size may be a fraction, or an amount of money."""
    lots = max(1, -int(-number(row["qty"]) // 1)) if row.get("qty") is not None else 1
    filled = min(lots, int(number(row["filled_qty"])))
    if state in _COUNTED:
        state = OrderState.PARTIAL if 0 < filled < lots else state
    return BrokerOrder(
        client_order_id=name(row["client_order_id"]),
        broker_order_id=number_of(row["id"]),
        market=name(row["symbol"]),
        state=state,
        side=_SIDES[row["side"]],
        lots=lots,
        filled_lots=lots if state is OrderState.FILLED else filled,
        price_ticks=0,
        ts_event_utc_ns=moment(row["updated_at"]),
    )


def _leg(row: Mapping[str, Any], lots: int) -> ToldLeg:
    contracts = count(row["qty"])
    if not contracts or contracts % lots or contract(str(row["symbol"])) is None:
        raise ValueError(f"a leg of {contracts} contracts of {row['symbol']!r} in {lots} lots")
    return ToldLeg(
        order_id=number_of(row["id"]), symbol=str(row["symbol"]), ratio=_SIDES[row["side"]] * contracts // lots
    )


def rows(told: Any) -> list[Mapping[str, Any]]:
    """A list of objects.

    Raises: TypeError.
    """
    if not isinstance(told, list) or not all(isinstance(row, Mapping) for row in told):
        raise TypeError("it is no list of objects")
    return told


def microusd(value: Any) -> int:
    """Money in whole micro-dollars."""
    return int((number(value) * MICRO).to_integral_value(ROUND_HALF_EVEN))


def number(value: Any) -> Decimal:
    """A number of a size that can be reckoned with, as text or as it is.

    Raises: TypeError or ValueError.
    """
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise ValueError(f"{value[:40]!r} is no number")
        return Decimal(value)
    if type(value) not in (int, Decimal):
        raise TypeError(f"{value!r} is no number")
    if not abs(value) < 10**12:
        raise ValueError(f"{value!r} is out of all bounds")
    return Decimal(value)


def whole(value: Any) -> int:
    """A whole number."""
    found = number(value)
    if found != int(found):
        raise ValueError(f"{value!r} is no whole number")
    return int(found)


def count(value: Any) -> int:
    """A count: whole, and not below 0."""
    found = whole(value)
    if found < 0:
        raise ValueError(f"{value!r} is no count")
    return found


def name(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no name")
    return value


def number_of(value: Any) -> str:
    """What Alpaca numbers an order by.

    Raises: ValueError.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError(f"{value!r} is no order's number")
    return value


def moment(text: Any) -> int:
    """A time to the nanosecond as Alpaca writes it [UTC ns]."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:60]!r} is no time with a time zone")
    at = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00")) - _EPOCH
    return (at.days * 86_400 + at.seconds) * 10**9 + int((found[2] or "").ljust(9, "0"))
