"""What Tradier's answers mean. What is not understood changes nothing, and says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from math import gcd
from typing import Any, Final

from brokers.legs import TradedLeg, direction
from brokers.numerals import count, moment, number, positive
from gamma.errors import Transient
from gamma.events import OrderState
from gamma.markets import Market
from gamma.ports import BrokerOrder

STATES: Final = {
    "pending": OrderState.ACKED,
    "submitted": OrderState.ACKED,
    "held": OrderState.ACKED,
    "accepted_for_bidding": OrderState.ACKED,
    "open": OrderState.ACKED,
    "pending_cancel": OrderState.ACKED,
    "calculated": OrderState.ACKED,  # done for the day, it seems: nothing to conclude from
    "partially_filled": OrderState.PARTIAL,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
    "error": OrderState.REJECTED,
}
_COUNTED: Final = (OrderState.ACKED, OrderState.PARTIAL, OrderState.FILLED)
_TYPES: Final = {"credit": -1, "debit": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What of an order was filled so far: lots, and what they cost together [ticks]."""

    order: BrokerOrder
    legs: tuple[TradedLeg, ...]
    lots: int
    cost_ticks: int


def rows(told: Any, many: str, one: str) -> list[Mapping[str, Any]]:
    """A list, however Tradier writes it: null, "null", an object by itself, or a list; the field must be there.

    Raises: KeyError or TypeError.
    """
    found = told[many]
    if found in (None, "null", "", {}):
        return []
    found = found[one]
    if found in (None, "null"):
        return []
    found = found if isinstance(found, list) else [found]
    if not all(isinstance(row, Mapping) for row in found):
        raise TypeError(f"{many} holds something else than objects")
    return found


def order_of(told: Mapping[str, Any], markets: Mapping[str, Market]) -> BrokerOrder:
    """An order; of one that is not of several legs no price is told, for it is nobody's of ours.

    Raises: Transient for a status that is not known.
    """
    state = STATES.get(told["status"])
    if state is None:
        raise Transient(f"order {told['id']}: unknown status {told['status']!r}; its state stays as it was")
    legs = legs_of(told)
    lots = gcd(*(leg.contracts for leg in legs)) if legs else count(told["quantity"])
    filled = _filled(told, lots)
    if state in _COUNTED:  # a word may lag behind the count
        state = OrderState.FILLED if filled == lots else OrderState.PARTIAL if filled else OrderState.ACKED
    market = markets.get(told["symbol"]) if legs else None
    return BrokerOrder(
        client_order_id=str(told.get("tag") or ""),
        broker_order_id=str(positive(told["id"])),
        market=str(told["symbol"]),
        state=state,
        side=side_of(told, legs),
        lots=lots,
        filled_lots=filled,
        price_ticks=ticks(market, told.get("price")) if market is not None else 0,
        ts_event_utc_ns=moment(told["transaction_date"]),
        ours=bool(told.get("tag")),
    )


def executed_of(told: Mapping[str, Any], markets: Mapping[str, Market]) -> Executed:
    """What of an order of several legs was filled; the legs tell the cost where all do, else the order's average.

    The sign of the order's average is not documented: what was sold is a credit.
    """
    order, legs = order_of(told, markets), legs_of(told)
    per_lot = [(leg, Decimal(leg.contracts) / order.lots) for leg in legs]
    cost = Decimal(0)
    if order.filled_lots:
        if all(leg.paid_points is not None for leg in legs):
            net = sum((ratio * (leg.paid_points or 0) for leg, ratio in per_lot), Decimal(0))
            cost = order.side * net * order.filled_lots
        else:
            cost = abs(number(told["avg_fill_price"])) * order.filled_lots
    exact = cost * markets[order.market].ticks_per_point
    return Executed(
        order=order, legs=legs, lots=order.filled_lots, cost_ticks=int(exact.to_integral_value(ROUND_HALF_EVEN))
    )


def legs_of(told: Mapping[str, Any]) -> tuple[TradedLeg, ...]:
    """The legs of an order; none where it is not of several."""
    if told["class"] != "multileg":
        return ()
    return tuple(_leg(row) for row in rows({"legs": {"leg": told["leg"]}}, "legs", "leg"))


def side_of(told: Mapping[str, Any], legs: tuple[TradedLeg, ...]) -> int:
    """Sold for a credit or bought for a debit; at market or at nothing, by which options are the dearer ones.

    Raises: ValueError where neither tells.
    """
    if not legs:
        return 1 if str(told["side"]).startswith("buy") else -1
    side = _TYPES.get(told["type"]) or direction(legs)
    if not side:
        raise ValueError(f"order {told['id']}: neither its type nor its legs tell whether it was bought or sold")
    return side


def ticks(market: Market, points: Any) -> int:
    """A price [ticks]; 0 where there is none."""
    return market.exact_ticks(number(points)) if points is not None else 0


def _leg(row: Mapping[str, Any]) -> TradedLeg:
    word = str(row["side"])
    sign = 1 if word.startswith("buy_") else -1 if word.startswith("sell_") else 0
    contracts = count(row["quantity"])
    if not sign or not contracts:
        raise ValueError(f"a leg of {contracts} contracts, {word!r}")
    filled, paid = number(row.get("exec_quantity", 0)), number(row.get("avg_fill_price") or 0)
    return TradedLeg(
        symbol=str(row["option_symbol"]),
        contracts=sign * contracts,
        paid_points=paid if filled and paid else None,
        opens=word.endswith("_open"),
    )


def _filled(told: Mapping[str, Any], lots: int) -> int:
    """Lots filled, by the cumulative count alone: what remains is 0 on orders that ended unfilled, too."""
    done, asked = number(told.get("exec_quantity", 0)), number(told["quantity"])
    filled = count(done * lots / asked)
    if filled > lots:
        raise ValueError(f"{filled} of {lots} lots filled")
    return filled
