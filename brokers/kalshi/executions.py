"""What happened to the account: executions, and markets that were settled."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, final

from brokers.kalshi.marker import Marker, advanced, marker_of
from brokers.kalshi.order_list import OrderList
from brokers.kalshi.questions import Questions
from brokers.kalshi.reading import MICRO_PER_CENT, fill_of, moment, name, number, whole
from brokers.kalshi.requests import Requests, Row
from gamma.clock import NS
from gamma.errors import MarkerUnknown, Transient
from gamma.events import Fill
from gamma.markets import MICRO
from gamma.ports import FillPage
from gamma.wire import understood

FILLS: Final = "/portfolio/fills"
SETTLEMENTS: Final = "/portfolio/settlements"
CUTOFF: Final = "/historical/cutoff"
# Lists go back about three months; a marker that is older than this is checked against what they say.
OLD_NS: Final = 30 * 86_400 * NS
FRESH_NS: Final = 3_600 * NS
_WORTH: Final = {"yes": MICRO, "no": 0}


@final
class Executions:
    """Reads fills and settlements as one list, oldest first."""

    def __init__(
        self, requests: Requests, orders: OrderList, questions: Questions, now_utc_ns: Callable[[], int]
    ) -> None:
        self._requests = requests
        self._orders = orders
        self._questions = questions
        self._now_utc_ns = now_utc_ns

    async def since(self, text: str) -> FillPage:
        """What the marker does not say was told.

        A market is settled hours after it closed: the list of settlements is read first, so that no fill that came
        before a settlement is read after it.

        Raises: MarkerUnknown; Transient.
        """
        known, asked = marker_of(text), self._questions.asks()
        await self._refuse_too_old(known)
        params = {"min_ts": str(known.since_s)} if known.since_s else {}
        settlements = await self._requests.every(SETTLEMENTS, "settlements", params)
        rows = await self._requests.every(FILLS, "fills", params)
        with understood("settlements"):
            ended = [settlement_of(row, symbol) for row in settlements if (symbol := self._symbol(row))]
        with understood("fills"):
            order_ids = [name(row["order_id"]) for row in rows]
        named = await self._orders.client_ids(order_ids)
        with understood("fills"):
            fills = [fill_of(row, named.get(row["order_id"], ""), self._symbol(row)) for row in rows]
        self._refuse_unnamed(rows, fills, named)
        unique = {fill.execution_id: fill for fill in [*fills, *(fill for fill in ended if fill is not None)]}
        told = sorted(unique.values(), key=lambda fill: (fill.ts_event_utc_ns, fill.settled, fill.execution_id))
        fresh = [fill for fill in told if fill.execution_id not in known.told]
        self._questions.hears(asked)
        return FillPage(fills=fresh, marker=advanced(known, told).text())

    def _symbol(self, row: Row) -> str:
        return self._questions.symbol(name(row["ticker"]))

    def _refuse_unnamed(self, rows: Sequence[Row], fills: Sequence[Fill], named: Mapping[str, str]) -> None:
        """A fill whose order is not shown yet would be taken for a stranger's; an old one's is not kept any more.

        Raises: Transient.
        """
        since_utc_ns = self._now_utc_ns() - FRESH_NS
        for row, fill in zip(rows, fills, strict=True):
            if row["order_id"] not in named and fill.ts_event_utc_ns > since_utc_ns:
                raise Transient(f"fill {fill.execution_id}: Kalshi does not show its order yet")

    async def _refuse_too_old(self, marker: Marker) -> None:
        """Raises: MarkerUnknown where the lists do not go back to it any more."""
        if not marker.ts_utc_ns or self._now_utc_ns() - marker.ts_utc_ns < OLD_NS:
            return
        told = await self._requests.read(CUTOFF)
        with understood("cutoff"):
            cutoff_utc_ns = moment(name(told["trades_created_ts"]))
        if marker.since_s * NS < cutoff_utc_ns:
            raise MarkerUnknown("Kalshi's lists do not go back so far any more")


def settlement_of(told: Mapping[str, Any], symbol: str) -> Fill | None:
    """The end of what was held of a question, each contract at its worth in YES; None where nothing was held.

    `symbol` is the market that it is traded as.

    Fees of the market were booked with its fills, and are not taken again.

    Raises: Transient for a result that is not known.
    """
    held = whole(told["yes_count_fp"]) - whole(told["no_count_fp"])
    ticker, ts_utc_ns = name(told["ticker"]), moment(name(told["settled_time"]))
    if not held:
        return None
    worth_microusd = _worth_microusd(told, held)
    return Fill(
        execution_id=f"settled-{ticker}-{ts_utc_ns // NS}",
        client_order_id="",
        market=symbol,
        side=-1 if held > 0 else 1,
        lots=abs(held),
        price_ticks=round(worth_microusd / MICRO_PER_CENT),
        fee_microusd=0,
        ts_event_utc_ns=ts_utc_ns,
        settled_microusd_per_lot=worth_microusd,
    )


def _worth_microusd(told: Mapping[str, Any], held: int) -> int:
    result = told["market_result"]
    if result in _WORTH:
        return _WORTH[result]
    if result == "scalar":
        return int(number(told["value"]) * MICRO_PER_CENT)
    if result == "void":  # everybody gets back what was paid
        each = number(told["revenue"]) * MICRO_PER_CENT / abs(held)
        exact = each if held > 0 else Decimal(MICRO) - each
        return int(exact.to_integral_value(ROUND_HALF_EVEN))
    raise Transient(f"settlement of {told['ticker']}: unknown result {result!r}")
