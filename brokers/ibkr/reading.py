"""What Interactive Brokers' words mean. What is not understood changes nothing, and says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from ib_async.util import UNSET_DOUBLE, parseIBDatetime

from brokers.ibkr.contracts import FUTURES, utc_ns
from gamma.calendar import session_at
from gamma.errors import Transient
from gamma.events import OrderState
from gamma.markets import MICRO, Market
from gamma.ports import BrokerOrder

# The last two are ib_async's own, of an order that goes on. One that is held (Inactive) may come to life again.
STATES: Final = {
    "ApiPending": OrderState.ACKED,
    "PendingSubmit": OrderState.ACKED,
    "PreSubmitted": OrderState.ACKED,
    "Submitted": OrderState.ACKED,
    "PendingCancel": OrderState.ACKED,
    "Inactive": OrderState.ACKED,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELED,
    "ApiCancelled": OrderState.CANCELED,
    "ValidationError": OrderState.ACKED,
    "ApiUpdate": OrderState.ACKED,
}
SIDES: Final = {"BUY": 1, "SELL": -1, "BOT": 1, "SLD": -1}
NUMBER_MAX: Final = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """An execution: of a future, of a leg, or of a structure as one.

    `name` is its id without the count of its corrections, `match` without its part of what traded at once, too.
    """

    name: str
    match: str
    correction: int
    perm_id: int
    client_order_id: str
    sec_type: str
    market: str
    con_id: int
    side: int
    lots: int
    price_points: Decimal
    ts_event_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An order as it was listed, and how much of it was filled by the status that came with it."""

    order_id: int
    client_id: int
    perm_id: int
    contract: Any
    order: Any
    word: str
    filled: Decimal
    ended_text: str = ""
    ended_time: str = ""
    over: bool = False

    @property
    def client_order_id(self) -> str:
        """Our id, or another program's text."""
        return str(self.order.orderRef or "")


def order_of(row: Row, market: Market | None, executed_lots: int, now_utc_ns: int) -> BrokerOrder:
    """An order; of one in no market of ours no price is told.

    Raises: Transient for a status that is not known.
    """
    state = STATES.get(row.word)
    if state is None:
        raise Transient(f"order {row.perm_id}: unknown status {row.word!r}; its state stays as it was")
    lots = whole(row.order.totalQuantity)
    filled = max(whole(row.filled), executed_lots)
    if lots <= 0 or filled > lots:
        raise ValueError(f"{filled} of {lots} lots filled")
    if row.over:
        state = _ended(row, market, lots, filled)
    elif state in (OrderState.ACKED, OrderState.FILLED):  # a word may lag behind the count
        state = OrderState.FILLED if filled == lots else OrderState.PARTIAL if filled else OrderState.ACKED
    return BrokerOrder(
        client_order_id=row.client_order_id,
        broker_order_id=str(row.perm_id) if row.perm_id > 0 else "",
        market=str(row.contract.symbol),
        state=state,
        side=SIDES[row.order.action],
        lots=lots,
        filled_lots=filled,
        price_ticks=_price_ticks(row.order, market) if market is not None else 0,
        ts_event_utc_ns=now_utc_ns,
        ours=bool(row.client_order_id),
    )


def _ended(row: Row, market: Market | None, lots: int, filled: int) -> OrderState:
    """How an order that is over ended: there is no word for one that expired, but it ends while nothing trades."""
    if filled == lots:
        return OrderState.FILLED
    if row.word == "Filled":
        raise ValueError(f"order {row.perm_id} is filled, and counts {filled} of {lots}")
    refused = row.word == "Inactive" or "reject" in row.ended_text.lower()
    if refused:
        return OrderState.CANCELED if filled else OrderState.REJECTED
    if market is not None and row.ended_time and session_at(market.symbol, _ended_utc_ns(row.ended_time)) is None:
        return OrderState.EXPIRED
    return OrderState.CANCELED


def _ended_utc_ns(text: str) -> int:
    at = parseIBDatetime(text)
    if getattr(at, "tzinfo", None) is None:
        raise ValueError(f"{text!r} has no time zone")
    return utc_ns(at)  # type: ignore[arg-type]


def _price_ticks(order: Any, market: Market) -> int:
    told = {"LMT": order.lmtPrice, "STP": order.auxPrice}.get(order.orderType)
    return market.exact_ticks(number(told)) if told is not None else 0


def executed_of(told: Any, contract: Any, market: Market) -> Executed:
    """An execution in a market of ours."""
    match, part, correction = str(told.execId).rsplit(".", 2)
    lots = whole(told.shares)
    if not (match and part and lots and int(correction) > 0 and told.permId > 0):
        raise ValueError(f"execution {told.execId!r} of {lots}, of order {told.permId}")
    return Executed(
        name=f"{match}.{part}",
        match=match,
        correction=int(correction),
        perm_id=told.permId,
        client_order_id=str(told.orderRef or ""),
        sec_type=contract.secType,
        market=market.symbol,
        con_id=contract.conId,
        side=SIDES[told.side],
        lots=lots,
        price_points=number(told.price),
        ts_event_utc_ns=utc_ns(told.time),
    )


def price_ticks(done: Executed, market: Market) -> int:
    """What was paid for one lot [ticks]; of a structure rounded to them, for its legs may trade between."""
    if market.kind in FUTURES:
        return market.exact_ticks(done.price_points)
    return int((done.price_points * market.ticks_per_point).to_integral_value(ROUND_HALF_EVEN))


def fee_microusd(report: Any) -> int | None:
    """The commission in a report; None where it is not told yet.

    Raises: ValueError, where it is not in dollars.
    """
    if report.commission == UNSET_DOUBLE:
        return None
    if report.currency != "USD":
        raise ValueError(f"a commission in {report.currency!r}")
    return microusd(report.commission)


def microusd(value: Any) -> int:
    """Money in whole micro-dollars."""
    return int((number(value) * MICRO).to_integral_value(ROUND_HALF_EVEN))


def number(value: Any) -> Decimal:
    """A number of a size that can be reckoned with: ib_async makes floats of the text that was sent.

    Raises: TypeError, ValueError or ArithmeticError.
    """
    if type(value) not in (int, float, str, Decimal):
        raise TypeError(f"{value!r} is no number")
    found = Decimal(str(value))
    if not abs(found) < NUMBER_MAX:  # NaN, too
        raise ValueError(f"{value!r} is out of all bounds")
    return found


def whole(value: Any) -> int:
    """A count: whole, and not below 0."""
    found = signed(value)
    if found < 0:
        raise ValueError(f"{value!r} is no count")
    return found


def signed(value: Any) -> int:
    """A whole number of contracts."""
    found = number(value)
    if found != int(found):
        raise ValueError(f"{value!r} is no whole number")
    return int(found)


def money(rows: Mapping[tuple[str, str], str], tag: str) -> int:
    """A value of the account in dollars [micro-dollars]: in the row of its own currency, else that of all together.

    Raises: KeyError, where there is none.
    """
    for currency in ("USD", "BASE"):
        if (tag, currency) in rows:
            return microusd(rows[tag, currency])
    raise KeyError(tag)
