"""Fills of structures, read from the account's list of executions, a day of trading at a time."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, final
from zoneinfo import ZoneInfo

from brokers.alpaca import reading
from brokers.alpaca.endings import KINDS, Ended, ended_of, settlements
from brokers.alpaca.executions import Assembler, Execution, Marker, execution_of, marker_of
from brokers.alpaca.orders import Orders
from brokers.alpaca.params import FeeRates
from brokers.alpaca.requests import Requests
from gamma.errors import MarkerUnknown, Transient
from gamma.events import Fill
from gamma.markets import Market
from gamma.ports import FillPage
from gamma.wire import understood

PATH: Final = "/account/activities"
PAGE: Final = 100
PAGES_MAX: Final = 40
PAGES_AT_ONCE: Final = 10
ORDERED_BEFORE: Final = timedelta(days=5)
"""An order may wait over a long weekend before it trades."""
LISTED_AFTER: Final = timedelta(days=4)
"""That an option has ended may be listed so much later."""
HELD_BEFORE: Final = timedelta(days=65)
"""Options are told of so far ahead, and are held no longer."""
_NEW_YORK: Final = ZoneInfo("America/New_York")


@final
class Fills:
    """Reads executions, and puts them together by the orders that they are of; `ended` are options that ended."""

    def __init__(self, requests: Requests, orders: Orders, markets: Mapping[str, Market], rates: FeeRates) -> None:
        self._requests = requests
        self._orders = orders
        self._markets = markets
        self._rates = rates
        self.ended: Collection[str] = ()
        self._over: frozenset[str] = frozenset()

    async def since(self, marker: str) -> FillPage:
        """The lots that were done since, each a fill; of many days as many at once as can be read in time.

        The day on which reading ended before is read anew, and what was told of it is left out: an execution that is
        listed late is found so. What ended without a trade is told with the days around it, again and again.

        Raises: MarkerUnknown; Transient.
        """
        known = marker_of(marker)
        days, ended = await self._days(known.day)
        fills, lots = [], dict(known.told)
        for day, executions in sorted(days.items()):
            assembler = Assembler(self._markets, self._rates)
            before = known.told if day == known.day else {}
            for execution in sorted(executions, key=lambda one: one.activity_id):
                fills += [fill for fill in await self._taken(assembler, execution) if not _was_told(fill, before)]
            lots = assembler.lots
            if day == known.day:
                _refuse_less(known, lots)
        if known.told and known.day not in days:
            _refuse_less(known, {})
        fills += await self._settled(ended)
        return FillPage(fills=fills, marker=Marker(day=max(days, default=known.day), told=lots).text())

    async def _taken(self, assembler: Assembler, execution: Execution) -> Sequence[Fill]:
        told = self._orders.of(execution.order_id)
        if told is None:
            after = _start_utc(execution.day - ORDERED_BEFORE)
            await self._orders.since(after)
            told = self._orders.of(execution.order_id)
        if told is None:
            raise Transient(f"order {execution.order_id} has an execution, and is on no list")
        if not told.legs or told.order.market not in self._markets:
            return ()
        with understood(f"execution {execution.activity_id}"):
            return list(assembler.take(execution, told))

    async def _settled(self, ended: Sequence[Ended]) -> Sequence[Fill]:
        self.ended = {one.symbol for one in ended}
        fresh = [one for one in ended if one.activity_id not in self._over]
        if not fresh:
            return ()
        after = _start_utc(min(one.day for one in fresh) - HELD_BEFORE)
        orders = [told for told in await self._orders.since(after) if told.order.market in self._markets]
        with understood("options that ended"):
            fills = settlements(ended, orders)
        self._over = frozenset(one.activity_id for one in ended)
        return fills

    async def _days(self, first: date | None) -> tuple[dict[date, list[Execution]], list[Ended]]:
        """Executions by their day, from a day on, and what ended; the last day is whole, whatever comes after it."""
        params = {"activity_types": ",".join(("FILL", *KINDS)), "direction": "asc", "page_size": str(PAGE)}
        if first is not None:
            params["after"] = _start_utc(first - LISTED_AFTER)
        found: dict[str, Execution] = {}
        ended: list[Ended] = []
        for number in range(PAGES_MAX):
            told = await self._requests.read(PATH, params)
            with understood("activities"):
                page = reading.rows(told)
                ended += [ended_of(row) for row in page if row["activity_type"] in KINDS]
                done = [execution_of(row) for row in page if row["activity_type"] not in KINDS]
                found |= {one.activity_id: one for one in done if first is None or one.day >= first}
                if len(page) < PAGE:
                    return _by_day(found), ended
                params["page_token"] = reading.name(page[-1]["id"])
            days = _by_day(found)
            if number + 1 >= PAGES_AT_ONCE and len([day for day in days if first is None or day > first]) > 1:
                del days[max(days)]  # it may go on
                return days, ended
        raise Transient(f"activities: more than {PAGES_MAX} pages of one day")


def _by_day(found: Mapping[str, Execution]) -> dict[date, list[Execution]]:
    days: dict[date, list[Execution]] = defaultdict(list)
    for one in found.values():
        days[one.day].append(one)
    return dict(days)


def _was_told(fill: Fill, told: Mapping[str, int]) -> bool:
    order_id, _, number = fill.execution_id.rpartition("-")
    return int(number) <= told.get(order_id, 0)


def _refuse_less(known: Marker, lots: Mapping[str, int]) -> None:
    """Of the day on which reading ended, at least as much must be there as was told."""
    if any(lots.get(order_id, 0) < before for order_id, before in known.told.items()):
        raise MarkerUnknown(f"Alpaca lists less of {known.day} than it did")


def _start_utc(day: date) -> str:
    """The moment before a day begins in New York, as Alpaca takes it."""
    at = datetime.combine(day, time(0), _NEW_YORK) - timedelta(seconds=1)
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
