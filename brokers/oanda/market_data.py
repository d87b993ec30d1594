"""Quotes, bars and the time at OANDA. It has no clock: what it answers about prices tells the time."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, final

from brokers.oanda.reading import Row, moment, number, rows
from gamma.bars import Bar
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.ports import MarketClock, Quote
from gamma.wire import Wire, understood

MARKET: Final = "XAU_USD"
COUNT_MAX: Final = 5_000
TRADEABLE: Final = "tradeable"
GRANULARITIES: Final = {
    **{n: f"S{n}" for n in (5, 10, 15, 30)},
    **{60 * n: f"M{n}" for n in (1, 2, 4, 5, 10, 15, 30)},
    **{3600 * n: f"H{n}" for n in (1, 2, 3, 4, 6, 8, 12)},
}


@final
class OandaMarkets:
    """What OANDA tells of markets, as the `MarketData` and `Candles` ports want it."""

    def __init__(self, wire: Wire, account: str) -> None:
        self._wire = wire
        self._account = account

    async def clock(self) -> MarketClock:
        """What time it is there, and whether gold can be traded now."""
        told = await self._priced([MARKET])
        with understood("pricing"):
            opened = any(_tradeable(row) for row in rows(told, "prices") if row["instrument"] == MARKET)
            return MarketClock(ts_utc_ns=moment(told["time"]), is_open=opened)

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Best bid and ask, and halfway between them as the last price; the last price alone where a market is shut."""
        told = await self._priced(symbols)
        with understood("pricing"):
            quotes = [_quote(row) for row in rows(told, "prices")]
            return {quote.symbol: quote for quote in quotes if quote.symbol in symbols}

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        """Bars of mid prices that closed after a time, at most 5,000 at once; where nothing was quoted there is none.

        Their volume counts changes of the quote, and is told as unknown.

        Raises: InputInvalid for a length that OANDA does not have; Transient.
        """
        if bar_s not in GRANULARITIES:
            known = ", ".join(map(str, GRANULARITIES))
            raise InputInvalid(f"OANDA has no bars of {bar_s} s; it has those of {known} s")
        begin_s = max(0, since_utc_ns // NS - bar_s)
        begin = datetime.fromtimestamp(begin_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
        params = {"price": "M", "granularity": GRANULARITIES[bar_s], "from": begin, "count": str(COUNT_MAX)}
        told = await self._wire.read(f"{self._account}/instruments/{market}/candles", params)
        with understood("candles"):
            if (told["instrument"], told["granularity"]) != (market, GRANULARITIES[bar_s]):
                raise ValueError(f"of {told['instrument']} {told['granularity']}")
            complete = [row for row in rows(told, "candles") if row["complete"] is True]
            bars = sorted((_bar(market, bar_s, row) for row in complete), key=lambda bar: bar.ts_close_utc_ns)
            return [bar for bar in bars if bar.ts_close_utc_ns > since_utc_ns]

    async def _priced(self, symbols: Sequence[str]) -> Any:
        return await self._wire.read(f"{self._account}/pricing", {"instruments": ",".join(symbols)})


def _tradeable(row: Row) -> bool:
    """Both words must say so: either missing is no."""
    return row.get("status") == TRADEABLE and row.get("tradeable") is True


def _quote(row: Row) -> Quote:
    bids = [number(level["price"]) for level in rows(row, "bids")]
    asks = [number(level["price"]) for level in rows(row, "asks")]
    bid, ask = max(bids, default=None), min(asks, default=None)
    middle = math.nan if bid is None or ask is None else float((bid + ask) / 2)
    return Quote(
        symbol=str(row["instrument"]),
        bid_points=_points(bid if _tradeable(row) else None),
        ask_points=_points(ask if _tradeable(row) else None),
        last_points=middle,
        ts_event_utc_ns=moment(row["time"]),
    )


def _points(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)


def _bar(market: str, bar_s: int, row: Row) -> Bar:
    opened, mid = moment(row["time"]), row["mid"]
    prices = [float(number(mid[name])) for name in ("o", "h", "l", "c")]
    opening, high, low, closing = prices
    if not 0 < low <= min(opening, closing) <= max(opening, closing) <= high:
        raise ValueError(f"prices {prices} are those of no bar")
    return Bar(
        market=market,
        ts_open_utc_ns=opened,
        ts_close_utc_ns=opened + bar_s * NS,
        open_points=opening,
        high_points=high,
        low_points=low,
        close_points=closing,
    )
