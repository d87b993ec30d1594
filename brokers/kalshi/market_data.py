"""Markets at Kalshi: their terms, quotes, order books and bars, and whether the exchange trades."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, final

from brokers.kalshi.reading import CENTS_PER_USD, moment, name, number
from brokers.kalshi.requests import Requests, Row
from gamma.bars import Bar
from gamma.clock import NS
from gamma.errors import InputInvalid, Transient
from gamma.ports import Quote
from gamma.wire import understood

CANDLES_MAX: Final = 4_000
SPANS_MAX: Final = 4
KEPT: Final = 4_096
_PERIODS_MIN: Final = (1_440, 60, 1)
_CENT: Final = Decimal("0.01")
_OVER: Final = ("closed", "determined", "disputed", "amended", "finalized")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is fixed of a market: its first and last moment, and its shard; why gamma cannot trade it, or ""."""

    open_utc_ns: int
    close_utc_ns: int
    shard: int
    unfit: str


@final
class KalshiMarkets:
    """What Kalshi tells of markets, by ticker."""

    def __init__(self, requests: Requests, now_utc_ns: Callable[[], int]) -> None:
        self._requests = requests
        self._now_utc_ns = now_utc_ns
        self._terms: dict[str, Terms] = {}

    async def terms(self, ticker: str) -> Terms | None:
        """The terms of a market; None where there is none of this name. They are read once.

        Raises: Transient.
        """
        if ticker not in self._terms:
            told = await self._requests.one(f"/markets/{ticker}")
            if told is None:
                return None
            with understood(f"market {ticker}"):
                market = told["market"]
                if market["ticker"] != ticker:
                    raise ValueError(f"told of {market['ticker']!r}")
                self.keep(market)
        return self._terms[ticker]

    def keep(self, market: Row) -> Terms:
        """Keep the terms of a market that was told of."""
        ticker, found = name(market["ticker"]), _terms(market)
        self._terms.pop(ticker, None)
        self._terms[ticker] = found
        while len(self._terms) > KEPT:
            del self._terms[next(iter(self._terms))]
        return found

    async def is_open(self, shards: Sequence[int]) -> bool:
        """Whether all of these shards trade; what is said of the exchange as a whole is said of shard 0.

        Raises: Transient.
        """
        told = await self._requests.read("/exchange/status")
        with understood("status"):
            by_shard = {int(row["exchange_index"]): row for row in told.get("exchange_index_statuses") or []}
            rows = [by_shard.get(shard, told) for shard in shards or [0]]
            return all(row["exchange_active"] is True and row["trading_active"] is True for row in rows)

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Bid, ask and last price of YES [cents], by ticker; as of now, for Kalshi does not date them.

        Raises: Transient.
        """
        rows = await self._requests.every("/markets", "markets", {"tickers": ",".join(symbols)})
        now_utc_ns = self._now_utc_ns()
        with understood("markets"):
            quotes = [_quote(row, now_utc_ns) for row in rows]
        return {quote.symbol: quote for quote in quotes if quote.symbol in symbols}

    async def bars(self, market: str, bar_s: int, since_utc_ns: int, until_utc_ns: int | None = None) -> Sequence[Bar]:
        """Bars of trades in YES [cents] that closed after a time, and by another where one is given.

        Without a trade the last price stands.

        Raises: InputInvalid for bars that no candles of Kalshi's make up; Transient.
        """
        period_s = next((60 * minutes for minutes in _PERIODS_MIN if bar_s > 0 and bar_s % (60 * minutes) == 0), 0)
        if not period_s:
            raise InputInvalid(f"{market}: Kalshi has candles of minutes, and bars of {bar_s} s are none")
        terms = await self.terms(market)
        if terms is None:
            raise Transient(f"{market} is no market of Kalshi's")
        start_s = max(since_utc_ns, terms.open_utc_ns) // NS // bar_s * bar_s
        now_utc_ns = self._now_utc_ns()
        until_s = min(now_utc_ns, now_utc_ns if until_utc_ns is None else until_utc_ns) // NS // bar_s * bar_s
        found: list[Bar] = []
        while start_s < until_s and len(found) * bar_s < SPANS_MAX * CANDLES_MAX * period_s:
            end_s = min(until_s, start_s + CANDLES_MAX * period_s)
            found += await self._candles(market, bar_s, period_s, (start_s, end_s))
            start_s = end_s
        return [bar for bar in found if bar.ts_close_utc_ns > since_utc_ns]

    async def _candles(self, market: str, bar_s: int, period_s: int, span_s: tuple[int, int]) -> list[Bar]:
        """Bars of whole candles that closed after one time and by another [UTC s]."""
        path = f"/series/{market.partition('-')[0]}/markets/{market}/candlesticks"
        start_s, end_s = span_s
        params = {"start_ts": str(start_s + 1), "end_ts": str(end_s), "period_interval": str(period_s // 60)}
        told = await self._requests.read(path, params)
        with understood(f"candles of {market}"):
            rows = {int(number(row["end_period_ts"])): row for row in told["candlesticks"]}
            inside = [ends_s for ends_s in sorted(rows) if start_s < ends_s <= end_s]
            grouped = groupby(inside, key=lambda ends_s: -(-ends_s // bar_s) * bar_s)
            found = [_bar(market, bar_s, ends_s, [rows[n] for n in several]) for ends_s, several in grouped]
        return [bar for bar in found if bar is not None]


def _terms(market: Row) -> Terms:
    return Terms(
        open_utc_ns=moment(market.get("open_time")),
        close_utc_ns=moment(name(market["close_time"])),
        shard=int(market.get("exchange_index") or 0),
        unfit="" if market.get("status") in _OVER else _unfit(market),
    )


def _unfit(market: Row) -> str:
    """Why gamma cannot trade a market; "" where it can."""
    if market.get("market_type", "binary") != "binary":
        return f"is a {market['market_type']} market, and gamma trades those that end at 0 or 100 cents"
    if number(market.get("notional_value_dollars", "1.0000")) != 1:
        return f"pays {market['notional_value_dollars']} usd a contract, and gamma trades those that pay 1"
    steps = [number(row["step"]) for row in market.get("price_ranges") or []]
    if any(step % _CENT for step in steps):
        return f"is priced in steps of {min(steps)} usd, and gamma trades whole cents"
    if not steps and market.get("price_level_structure", "linear_cent") != "linear_cent":
        return f"is priced by {market['price_level_structure']}, and gamma trades whole cents"
    if market.get("fractional_trading_enabled"):
        return "trades parts of contracts, and gamma whole ones"
    return ""


def _quote(row: Row, now_utc_ns: int) -> Quote:
    return Quote(
        symbol=name(row["ticker"]),
        bid_points=_price(row.get("yes_bid_dollars")),
        ask_points=_price(row.get("yes_ask_dollars")),
        last_points=_price(row.get("last_price_dollars")),
        ts_event_utc_ns=now_utc_ns,
    )


def _price(value: Any) -> float:
    """A price [cents]; NaN where nothing is bid, asked or traded, which is told as 0 or 1 usd."""
    if value is None:
        return math.nan
    found = number(value)
    return float(found * CENTS_PER_USD) if 0 < found < 1 else math.nan


def _bar(market: str, bar_s: int, ends_s: int, rows: Sequence[Row]) -> Bar | None:
    """One bar of one or several candles; None where nothing was ever traded."""
    prices = [row.get("price") or {} for row in rows]
    traded = [_ohlc(price) for price in prices if price.get("close_dollars") is not None]
    if not traded:
        before = next((price["previous_dollars"] for price in prices if price.get("previous_dollars")), None)
        if before is None:
            return None
        traded = [(float(number(before) * CENTS_PER_USD),) * 4]
    bid, ask = (_price((rows[-1].get(side) or {}).get("close_dollars")) for side in ("yes_bid", "yes_ask"))
    bar = Bar(
        market=market,
        ts_open_utc_ns=(ends_s - bar_s) * NS,
        ts_close_utc_ns=ends_s * NS,
        open_points=traded[0][0],
        high_points=max(high for _, high, _, _ in traded),
        low_points=min(low for _, _, low, _ in traded),
        close_points=traded[-1][3],
        volume_lots=float(sum(number(row.get("volume_fp") or "0") for row in rows)),
        spread_points=ask - bid,
    )
    if not bar.low_points <= min(bar.open_points, bar.close_points) <= bar.high_points:
        raise Transient(f"{market}: a candle whose prices are out of order")
    return bar


def _ohlc(price: Row) -> tuple[float, float, float, float]:
    opened, high, low, closed = (
        float(number(price[f"{field}_dollars"]) * CENTS_PER_USD) for field in ("open", "high", "low", "close")
    )
    return opened, high, low, closed
