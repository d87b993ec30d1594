"""What the fake broker's answers mean. A word that is not known changes nothing, and says so."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from gamma.errors import Transient
from gamma.events import Fill, OrderState
from gamma.markets import MICRO, Market
from gamma.ports import Accepted, BrokerOrder, Lost, Placed, Rejected
from gamma.wire import NotSent, Reply, Unsure, Written

STATES: Final = {
    "pending": OrderState.ACKED,
    "pending_new": OrderState.ACKED,
    "pendingnew": OrderState.ACKED,
    "new": OrderState.ACKED,
    "open": OrderState.ACKED,
    "working": OrderState.ACKED,
    "resting": OrderState.ACKED,
    "held": OrderState.ACKED,
    "suspended": OrderState.ACKED,
    "partially_filled": OrderState.PARTIAL,
    "filled": OrderState.FILLED,
    "executed": OrderState.FILLED,
    "completed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "cancelled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}
SIDES: Final = {"buy": 1, "sell": -1}
UNTOLD: Final = -1
NUMBER_MAX: Final = 10**12
WHOLE_MAX: Final = 2**62
_THERE_ALREADY: Final = "duplicate_client_id"
_TOO_LATE_TEXT: Final = "order already in finalized state"


def rows_of(told: Mapping[str, Any], many: str, one: str) -> list[Mapping[str, Any]]:
    """The rows of a list, however few: `[]`, "null", an item by itself, or a list of them."""
    found = told[many]
    if isinstance(found, Mapping):
        found = found[one]
        found = [found] if isinstance(found, Mapping) else found
    if found in (None, "null"):
        return []
    if not isinstance(found, list):
        raise TypeError(f"{many} is a {type(found).__name__}")
    return found


def order_of(told: Mapping[str, Any], markets: Mapping[str, Market]) -> BrokerOrder:
    """An order; `filled_lots` is UNTOLD where the broker does not count them.

    Raises: Transient for a status that is not known.
    """
    state = STATES.get(str(told["status"]).lower())
    if state is None:
        raise Transient(f"order {told['id']}: unknown status {told['status']!r}; its state stays as it was")
    lots, filled = whole(told["lots"]), whole(told.get("filled", UNTOLD))
    if state is OrderState.CANCELED and told.get("reason") and not filled:
        state = OrderState.REJECTED
    elif (state is OrderState.FILLED and 0 <= filled < lots) or (state is OrderState.ACKED and filled > 0):
        state = OrderState.PARTIAL
    return BrokerOrder(
        client_order_id=told["client_order_id"] or "",
        broker_order_id=_named(told["id"]),
        market=told["market"],
        state=state,
        side=SIDES[told["side"]],
        lots=lots,
        filled_lots=lots if state is OrderState.FILLED else filled,
        price_ticks=0 if told["price"] is None else _ticks(markets[told["market"]], told["price"]),
        ts_event_utc_ns=whole(told["updated_ns"]),
    )


def fill_of(told: Mapping[str, Any], client_order_id: str, markets: Mapping[str, Market]) -> Fill:
    """An execution."""
    lots = whole(told["lots"])
    if lots <= 0:
        raise ValueError(f"a fill of {lots} lots")
    return Fill(
        execution_id=_named(told["id"]),
        client_order_id=client_order_id,
        market=told["market"],
        side=SIDES[told["side"]],
        lots=lots,
        price_ticks=_ticks(markets[told["market"]], told["price"]),
        fee_microusd=microusd(told["fee"]),
        ts_event_utc_ns=whole(told["time_ns"]),
    )


def microusd(usd: str) -> int:
    """Money in whole micro-dollars.

    Raises: ValueError when it is no whole number of them.
    """
    exact = _bounded(usd) * MICRO
    if exact != int(exact):
        raise ValueError(f"{usd} usd is no whole number of micro-dollars")
    return int(exact)


def _ticks(market: Market, points: str) -> int:
    return market.exact_ticks(_bounded(points))


def _bounded(number: str) -> Decimal:
    """A number of a size that can be reckoned with.

    Raises: ValueError; NaN is none.
    """
    found = Decimal(number)
    if not abs(found) < NUMBER_MAX:
        raise ValueError(f"{found:.3g} is out of all bounds")
    return found


def placed_of(client_order_id: str, got: Written) -> Placed:
    """What became of an order that was placed. Only a refusal that is plainly one is `Rejected`."""
    if isinstance(got, NotSent):
        return Rejected(code="not_sent", text=got.text)
    if isinstance(got, Unsure):
        return Lost(text=got.text)
    told = got.json if isinstance(got.json, dict) else {}
    if 200 <= got.status < 300:
        return _taken(client_order_id, told)
    code = _code(told)
    if code == _THERE_ALREADY:
        return Lost(text="the broker has an order of this id already; it is to be looked for")
    if got.status == 429 or (code and 400 <= got.status < 500 and got.status != 408):
        return Rejected(code=code or "rate_limited", text=f"HTTP {got.status}")
    return Lost(text=f"HTTP {got.status}")


def _taken(client_order_id: str, told: Mapping[str, Any]) -> Placed:
    """A 2xx may hold a refusal, or an order that was cancelled in the same answer, or another one's order."""
    errors = told.get("errors")
    if isinstance(errors, dict) and errors.get("error"):
        return Rejected(code=str(errors["error"]), text="refused in a 2xx")
    order = told.get("order")
    if not isinstance(order, dict) or not order.get("id"):
        return Lost(text="the answer names no order")
    if order.get("client_order_id", client_order_id) != client_order_id:
        return Lost(text="the answer is about another order")
    cancel = told.get("cancel")
    if isinstance(cancel, dict) and not order.get("filled"):
        return Rejected(code=str(cancel.get("reason", "")) or "canceled", text="cancelled as it was placed")
    try:
        bracket = {str(child["client_order_id"]): str(child["id"]) for child in told.get("bracket", ())}
    except (KeyError, TypeError):
        return Lost(text="the answer's bracket is not understood")
    return Accepted(broker_order_ids={client_order_id: str(order["id"])} | bracket)


def changed_of(order_id: str, got: Written) -> Placed:
    """What became of a cancel or a replace; in every case the order itself is to be read."""
    if isinstance(got, NotSent):
        return Rejected(code="not_sent", text=got.text)
    if isinstance(got, Unsure):
        if got.status == 400 and got.body.startswith(_TOO_LATE_TEXT):
            return Rejected(code="too_late", text=got.body)
        return Lost(text=got.text)
    return _judged(order_id, got)


def _judged(order_id: str, got: Reply) -> Placed:
    told = got.json if isinstance(got.json, dict) else {}
    if 200 <= got.status < 300:
        order = told.get("order")
        if isinstance(order, dict) and order.get("id") == order_id:
            return Accepted(broker_order_ids={})
        if told.get("result") == "TooLate":
            return Rejected(code="too_late", text="the order works no more")
        return Lost(text=f"HTTP {got.status} is not about {order_id}")
    code = _code(told)
    if got.status == 429 or (code and 400 <= got.status < 500 and got.status != 408):
        return Rejected(code=code or "rate_limited", text=f"HTTP {got.status}")
    return Lost(text=f"HTTP {got.status}")


def _code(told: Mapping[str, Any]) -> str:
    error = told.get("error")
    return str(error.get("code", "")) if isinstance(error, dict) else ""


def _named(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"{name!r} is no id")
    return name


def whole(number: Any) -> int:
    """A whole number that a ledger can hold.

    Raises: TypeError or ValueError.
    """
    if type(number) is not int:
        raise TypeError(f"{number!r} is no whole number")
    if not abs(number) < WHOLE_MAX:
        raise ValueError("out of all bounds")
    return number
