"""Order books at Kalshi, and how much of a question has traded: in all, and in the ten minutes before."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, final

from brokers.kalshi.market_data import KalshiMarkets, Terms
from brokers.kalshi.reading import CENTS_PER_USD, cents, number
from brokers.kalshi.requests import Requests
from gamma.books import NAN, BookLevel, EventBook
from gamma.clock import NS
from gamma.wire import understood

SPAN_S: Final = 600
SPAN_NS: Final = SPAN_S * NS
KEPT: Final = 256


@final
class Books:
    """Reads what is bid for YES and for NO. What was traded is told in all: how much of it lately, looks tell."""

    def __init__(self, requests: Requests, told: KalshiMarkets, now_utc_ns: Callable[[], int]) -> None:
        self._requests = requests
        self._told = told
        self._now_utc_ns = now_utc_ns
        self._totals: dict[str, deque[tuple[int, float]]] = {}

    async def book(self, ticker: str) -> EventBook:
        """The bids for YES and for NO, the best first; parts of a contract are left out.

        Raises: Transient.
        """
        terms, traded = await self._market(ticker)
        told = await self._requests.read(f"/markets/{ticker}/orderbook")
        with understood(f"order book of {ticker}"):
            found = told["orderbook_fp"]
            yes, no = (_levels(found[field]) for field in ("yes_dollars", "no_dollars"))
        now_utc_ns = self._now_utc_ns()
        return EventBook(
            market=ticker,
            yes_bids=yes,
            no_bids=no,
            ts_event_utc_ns=now_utc_ns,
            traded_lots=traded,
            volume_10min_lots=await self._lately(ticker, terms, traded, now_utc_ns),
            ts_close_utc_ns=terms.close_utc_ns,
        )

    async def _market(self, ticker: str) -> tuple[Terms, float]:
        """Its terms as they are now, and how much of it has traded."""
        told = await self._requests.read(f"/markets/{ticker}")
        with understood(f"market {ticker}"):
            row = told["market"]
            if row["ticker"] != ticker:
                raise ValueError(f"told of {row['ticker']!r}")
            traded = row.get("volume_fp")
            return self._told.keep(row), NAN if traded is None else float(number(traded))

    async def _lately(self, ticker: str, terms: Terms, traded: float, now_utc_ns: int) -> float:
        """What was traded in the ten minutes before; candles tell what was not seen.

        Raises: Transient.
        """
        seen = self._totals.get(ticker)
        if seen is None:
            seen = deque(await self._before(ticker, terms, traded, now_utc_ns))
        self._totals.pop(ticker, None)
        self._totals[ticker] = seen
        while len(self._totals) > KEPT:
            del self._totals[next(iter(self._totals))]
        seen.append((now_utc_ns, traded))
        since_utc_ns = now_utc_ns - SPAN_NS
        while len(seen) > 1 and seen[1][0] <= since_utc_ns:
            seen.popleft()
        return traded - (seen[0][1] if seen[0][0] <= since_utc_ns else 0.0)

    async def _before(self, ticker: str, terms: Terms, traded: float, now_utc_ns: int) -> list[tuple[int, float]]:
        """How much had traded ten minutes ago, by the candles since; nothing where it had not opened.

        Raises: Transient.
        """
        since_utc_ns = now_utc_ns - SPAN_NS
        if terms.open_utc_ns >= since_utc_ns:
            return []
        bars = await self._told.bars(ticker, 60, since_utc_ns)
        return [(since_utc_ns, max(0.0, traded - sum(bar.volume_lots for bar in bars)))]


def _levels(rows: Any) -> tuple[BookLevel, ...]:
    found = [BookLevel(price_ticks=cents(price), lots=int(number(count))) for price, count in rows or []]
    if not all(0 < level.price_ticks < CENTS_PER_USD for level in found):
        raise ValueError("bids at nothing, or at a dollar")
    return tuple(sorted((level for level in found if level.lots > 0), key=lambda level: -level.price_ticks))
