"""Quotes, option chains and the clock at Tradier. Paper quotes are 15 minutes old; the times tell."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, final

from brokers import numerals
from brokers.legs import contract
from brokers.tradier import reading
from brokers.tradier.requests import Requests
from gamma.errors import Transient
from gamma.options import Chain, Option, chain_of
from gamma.ports import MarketClock, Quote
from gamma.wire import understood

NS_PER_S, NS_PER_MS = 10**9, 10**6
CLOCK_KEPT_S = 600.0


@final
class TradierMarkets:
    """What Tradier tells of markets, as the `MarketData` and `Chains` ports want it."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._clock: tuple[int, float] | None = None

    async def clock(self) -> MarketClock:
        """What time it is there, and whether the cash market is open."""
        told = await self._requests.read("/markets/clock")
        with understood("clock"):
            clock = told["clock"]
            ts_utc_ns = numerals.count(clock["timestamp"]) * NS_PER_S
            return MarketClock(ts_utc_ns=ts_utc_ns, is_open=clock["state"] == "open")

    async def now_utc_ns(self) -> int:
        """What time it is there; asked for every ten minutes.

        Raises: Transient.
        """
        now_s = asyncio.get_running_loop().time()
        if self._clock is None or not 0 <= now_s - self._clock[1] < CLOCK_KEPT_S:
            self._clock = (await self.clock()).ts_utc_ns, now_s
        ts_utc_ns, asked_s = self._clock
        return ts_utc_ns + round((now_s - asked_s) * NS_PER_S)

    async def close_points(self, market: str, day: date) -> Decimal | None:
        """The close of an index on a day; None while it is not told.

        Raises: Transient.
        """
        text = day.isoformat()
        params = {"symbol": market, "interval": "daily", "start": text, "end": text}
        told = await self._requests.read("/markets/history", params)
        with understood("history"):
            closes = [row["close"] for row in reading.rows(told, "history", "day") if row["date"] == text]
            return numerals.number(closes[0]) if closes else None

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Quotes by symbol; what is not quoted there is left out."""
        told = await self._requests.read("/markets/quotes", {"symbols": ",".join(symbols), "greeks": "false"})
        with understood("quotes"):
            found = told["quotes"]
            rows = reading.rows(told, "quotes", "quote") if isinstance(found, Mapping) and "quote" in found else []
            quotes = [_quote(row) for row in rows]
            return {quote.symbol: quote for quote in quotes if quote.symbol in symbols}

    async def expirations(self, underlying: str) -> Sequence[date]:
        """The days on which options end, of all roots of an underlying, the next one first."""
        told = await self._requests.read(
            "/markets/options/expirations", {"symbol": underlying, "includeAllRoots": "true", "strikes": "false"}
        )
        with understood("expirations"):
            found = told["expirations"]
            days = found["date"] if isinstance(found, Mapping) else []
            return sorted(date.fromisoformat(day) for day in (days if isinstance(days, list) else [days]))

    async def chain(self, underlying: str, expires: date) -> Chain:
        """Every option of a day, of all roots, with the greeks that Tradier has of them; it makes them hourly.

        Raises: Transient, where the underlying is not quoted or no option is listed too.
        """
        quotes = await self.quotes([underlying])
        told = await self._requests.read(
            "/markets/options/chains", {"symbol": underlying, "expiration": expires.isoformat(), "greeks": "true"}
        )
        with understood("chain"):
            if underlying not in quotes or told.get("options") is None:
                raise Transient(f"no chain of {underlying} for {expires}")
            spot = quotes[underlying]
            options = [_option(row) for row in reading.rows(told, "options", "option")]
            return chain_of(underlying, spot.last_points, spot.ts_event_utc_ns, options)


def _quote(row: Mapping[str, Any]) -> Quote:
    """A quote, as old as the oldest part of it that is told."""
    times = [numerals.positive(row[name]) for name in ("bid_date", "ask_date") if row.get(name)]
    times = times or [numerals.positive(row["trade_date"])]
    return Quote(
        symbol=str(row["symbol"]),
        bid_points=_points(row.get("bid")),
        ask_points=_points(row.get("ask")),
        last_points=_points(row.get("last")),
        ts_event_utc_ns=min(times) * NS_PER_MS,
    )


def _option(row: Mapping[str, Any]) -> Option:
    symbol, greeks = str(row["symbol"]), row.get("greeks") or {}
    named = contract(symbol)
    if named is None or named.strike_points != numerals.number(row["strike"]):
        raise ValueError(f"{symbol} is not the option at {row['strike']}")
    return Option(
        root=named.root,
        expires=named.day,
        right=named.right,
        strike_points=float(named.strike_points),
        bid_points=_points(row.get("bid")),
        ask_points=_points(row.get("ask")),
        iv=_points(greeks.get("mid_iv")),
        delta=_float(greeks.get("delta")),
        gamma=_float(greeks.get("gamma")),
        open_interest=_float(row.get("open_interest")),
        volume=_float(row.get("volume")),
    )


def _points(value: Any) -> float:
    """A price; NaN where there is none."""
    found = _float(value)
    return found if found >= 0 else math.nan


def _float(value: Any) -> float:
    return math.nan if value is None else float(numerals.number(value))
