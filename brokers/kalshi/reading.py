"""What Kalshi's answers mean: decimals in text, prices in dollars. What is not understood changes nothing."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from brokers import numerals
from gamma.errors import Transient
from gamma.events import Fill, OrderState
from gamma.markets import MICRO
from gamma.ports import BrokerOrder

STATES: Final = {
    "resting": OrderState.ACKED,
    "executed": OrderState.ACKED,  # by its counts alone is an order filled
    "canceled": OrderState.CANCELED,
}
CENTS_PER_USD: Final = 100
MICRO_PER_CENT: Final = MICRO // CENTS_PER_USD
EXPIRY_SLACK_NS: Final = 2 * 10**9
_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?")
_SIDES: Final = {"bid": 1, "ask": -1, "yes": 1, "no": -1}

Row = Mapping[str, Any]


def order_of(told: Row, symbol: str, close_utc_ns: int = 0) -> BrokerOrder:
    """An order. `symbol` is the market that its question is traded as; without one no price is told.

    `close_utc_ns` is when its question closed.

    Raises: Transient for a status that is not known.
    """
    word = told["status"]
    state = STATES.get(word) if isinstance(word, str) else None
    if state is None:
        raise Transient(f"order {told['order_id']}: unknown status {word!r}; its state stays as it was")
    ours = bool(symbol)
    lots = whole(told["initial_count_fp"]) if ours else parts(told["initial_count_fp"])
    filled = whole(told["fill_count_fp"]) if ours else parts(told["fill_count_fp"])
    if not 0 <= filled <= lots or not lots:
        raise ValueError(f"{filled} of {lots} contracts filled")
    ended_utc_ns = moment(told.get("last_update_time") or told.get("created_time"))
    if filled == lots:
        state = OrderState.FILLED
    elif word == "executed" and not number(told["remaining_count_fp"]):
        state = OrderState.CANCELED  # somebody made it smaller, and so it is over
    elif state is OrderState.ACKED and filled:
        state = OrderState.PARTIAL
    elif state is OrderState.CANCELED and _ran_out(told, ended_utc_ns, close_utc_ns):
        state = OrderState.EXPIRED
    client_order_id = "" if told.get("client_order_id") is None else text(told["client_order_id"])
    return BrokerOrder(
        client_order_id=client_order_id,
        broker_order_id=name(told["order_id"]),
        market=symbol or name(told["ticker"]),
        state=state,
        side=side_of(told),
        lots=lots,
        filled_lots=filled,
        price_ticks=cents(told["yes_price_dollars"]) if ours else 0,
        ts_event_utc_ns=ended_utc_ns,
        ours=bool(client_order_id),
    )


def _ran_out(told: Row, ended_utc_ns: int, close_utc_ns: int) -> bool:
    """Kalshi calls an order canceled that ended by its time or with its market; the times tell."""
    expires_utc_ns = moment(told.get("expiration_time"))
    by_time = 0 < expires_utc_ns <= ended_utc_ns + EXPIRY_SLACK_NS
    return by_time or 0 < close_utc_ns <= ended_utc_ns


def fill_of(told: Row, client_order_id: str, symbol: str) -> Fill:
    """An execution, with the fee that Kalshi booked for it.

    `symbol` is the market that its question is traded as; without one it is told in round numbers.
    """
    ours = bool(symbol)
    lots = whole(told["count_fp"]) if ours else parts(told["count_fp"])
    if lots < 1:
        raise ValueError(f"a fill of {lots} contracts")
    return Fill(
        execution_id=name(told["fill_id"]),
        client_order_id=client_order_id,
        market=symbol or name(told["ticker"]),
        side=side_of(told),
        lots=lots,
        price_ticks=cents(told["yes_price_dollars"]) if ours else 0,
        fee_microusd=microusd(told["fee_cost"]),
        ts_event_utc_ns=traded_utc_ns(told),
    )


def traded_utc_ns(told: Row) -> int:
    """When a fill was [UTC ns]."""
    at = moment(told.get("created_time"))
    return at or int(number(told["ts"])) * 10**9


def side_of(told: Row) -> int:
    """Toward YES (+1) or NO (-1), where what is told of it does not contradict itself."""
    sides = {_SIDES[told[field]] for field in ("book_side", "outcome_side") if told.get(field)}
    [side] = sides
    return side


def cents(value: Any) -> int:
    """A price in dollars as whole cents.

    Raises: ValueError for one between two cents, or outside of 0 to 100.
    """
    exact = number(value) * CENTS_PER_USD
    if exact != int(exact) or not 0 <= exact <= CENTS_PER_USD:
        raise ValueError(f"{value!r} usd is no price in whole cents")
    return int(exact)


def microusd(value: Any) -> int:
    """Money in dollars as whole micro-dollars; no text of Kalshi's is finer."""
    return int(number(value) * MICRO)


def number(value: Any) -> Decimal:
    """A decimal, that comes as text, or a whole number.

    Raises: TypeError or ValueError.
    """
    if type(value) is int and abs(value) < 10**12:
        return Decimal(value)
    if type(value) is not str or not _NUMBER.fullmatch(value):
        raise TypeError(f"{value!r} is no number")
    return Decimal(value)


def whole(value: Any) -> int:
    """A number of contracts, whole; below 0 for NO.

    Raises: ValueError for a part of a contract.
    """
    found = number(value)
    if found != int(found):
        raise ValueError(f"{value!r} contracts: gamma trades whole ones")
    return int(found)


def parts(value: Any) -> int:
    """A number of contracts that may be parts, rounded away from 0."""
    found = number(value)
    return int(found) + (found != int(found)) * (1 if found > 0 else -1)


def moment(value: Any) -> int:
    """A time as Kalshi writes it [UTC ns]; 0 where there is none."""
    if value is None or value == "":
        return 0
    return numerals.moment(text(value))


def text(value: Any) -> str:
    """Text.

    Raises: TypeError.
    """
    if type(value) is not str:
        raise TypeError(f"{value!r} is no text")
    return value


def name(value: Any) -> str:
    """Text that is not empty.

    Raises: TypeError or ValueError.
    """
    if not text(value):
        raise ValueError("a name is empty")
    return str(value)
