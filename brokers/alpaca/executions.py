"""Executions of single options, put together to the structures that were traded, and how far they were read."""

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, final
from zoneinfo import ZoneInfo

from brokers.alpaca import reading
from brokers.alpaca.fees import Turnover, charged_microusd
from brokers.alpaca.params import FeeRates
from brokers.alpaca.reading import Told
from gamma.errors import MarkerUnknown
from gamma.events import Fill
from gamma.markets import MICRO, Market

_NEW_YORK: Final = ZoneInfo("America/New_York")
_ID: Final = re.compile(r"\d{17}::[0-9a-f-]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Contracts of one option that traded at once; its name sorts by time."""

    activity_id: str
    order_id: str
    symbol: str
    contracts: int
    points: Decimal
    ts_utc_ns: int

    @property
    def day(self) -> date:
        """The day of trading on which it is charged."""
        return datetime.fromtimestamp(self.ts_utc_ns // 10**9, UTC).astimezone(_NEW_YORK).date()


def execution_of(row: Mapping[str, Any]) -> Execution:
    """One activity of the kind FILL."""
    if row["activity_type"] != "FILL" or not _ID.fullmatch(row["id"]):
        raise ValueError(f"{row['id']!r} of the kind {row['activity_type']!r} is no execution")
    contracts, points = reading.number(row["qty"]), reading.number(row["price"])
    if not 0 < contracts <= 10**6 or points < 0:
        raise ValueError(f"{contracts} at {points}")
    return Execution(
        activity_id=row["id"],
        order_id=reading.number_of(row["order_id"]),
        symbol=reading.name(row["symbol"]),
        contracts=int(contracts),  # shares may trade in parts, and are nobody's of ours
        points=points,
        ts_utc_ns=reading.moment(row["transaction_time"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Everything before `day` was told; of that day, so many lots of each order."""

    day: date | None = None
    told: Mapping[str, int] = field(default_factory=dict)

    def text(self) -> str:
        """As it is kept."""
        return json.dumps([self.day.isoformat(), dict(sorted(self.told.items()))]) if self.day else ""


def marker_of(text: str) -> Marker:
    """Read a marker back.

    Raises: MarkerUnknown.
    """
    if not text:
        return Marker()
    try:
        day, told = json.loads(text)
        return Marker(day=date.fromisoformat(day), told={str(key): int(lots) for key, lots in told.items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise MarkerUnknown(f"{text[:80]!r} is no marker of Alpaca's") from error


@final
class Assembler:
    """Puts the executions of one day together: a lot is done when each of its legs is.

    A leg's contracts go to the lots in the order in which they traded, so that each lot has its own price, whole in
    ticks: what rounding leaves goes to the next one.
    """

    def __init__(self, markets: Mapping[str, Market], rates: FeeRates) -> None:
        self._markets = markets
        self._rates = rates
        self._waiting: dict[tuple[str, str], deque[Decimal]] = defaultdict(deque)
        self._done: dict[str, tuple[int, Decimal]] = {}
        self._day = Turnover()

    @property
    def lots(self) -> dict[str, int]:
        """Lots that are done, by the number of their order."""
        return {order_id: lots for order_id, (lots, _) in self._done.items()}

    def take(self, execution: Execution, told: Told) -> Iterable[Fill]:
        """Take one execution of an order of several legs in; gives the lots that it completes.

        Raises: ValueError where it is not of this order's legs.
        """
        order = told.order
        [leg] = [leg for leg in told.legs if leg.symbol == execution.symbol]
        if execution.contracts > abs(leg.ratio) * order.lots:
            raise ValueError(f"{execution.contracts} contracts of {abs(leg.ratio) * order.lots} ordered")
        self._waiting[order.broker_order_id, leg.symbol].extend([execution.points] * execution.contracts)
        while all(len(self._waiting[order.broker_order_id, leg.symbol]) >= abs(leg.ratio) for leg in told.legs):
            yield self._lot(told, execution)

    def _lot(self, told: Told, last: Execution) -> Fill:
        order, market = told.order, self._markets[told.order.market]
        net, traded = Decimal(0), Turnover()
        for leg in told.legs:
            waiting = self._waiting[order.broker_order_id, leg.symbol]
            points = sum((waiting.popleft() for _ in range(abs(leg.ratio))), Decimal(0))
            net += points if leg.ratio > 0 else -points
            sale = Turnover(sold=-leg.ratio, sales_usd=points * _multiplier(market)) if leg.ratio < 0 else Turnover()
            traded += Turnover(contracts=abs(leg.ratio)) + sale
        lots, cost = self._done.get(order.broker_order_id, (0, Decimal(0)))
        if lots >= order.lots:
            raise ValueError(f"more than the {order.lots} lots of order {order.broker_order_id}")
        after = cost + order.side * net
        self._done[order.broker_order_id] = (lots + 1, after)
        charged = charged_microusd(self._day, self._rates)
        self._day += traded
        return Fill(
            execution_id=f"{order.broker_order_id}-{lots + 1}",
            client_order_id=order.client_order_id,
            market=order.market,
            side=order.side,
            lots=1,
            price_ticks=_ticks(after, market) - _ticks(cost, market),
            fee_microusd=charged_microusd(self._day, self._rates) - charged,
            ts_event_utc_ns=last.ts_utc_ns,
        )


def _ticks(points: Decimal, market: Market) -> int:
    return int((points * market.ticks_per_point).to_integral_value(ROUND_HALF_EVEN))


def _multiplier(market: Market) -> Decimal:
    return Decimal(market.tick_value_microusd * market.ticks_per_point) / MICRO
