"""Quotes, bars, option chains and the clock at Alpaca. Where data is free, options are quoted indicatively."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, final

from brokers.alpaca import reading, volatility
from brokers.alpaca.requests import Requests
from brokers.legs import contract
from gamma import calendar
from gamma.bars import Bar
from gamma.errors import InputInvalid, Transient
from gamma.options import Chain, Option, chain_of
from gamma.ports import MarketClock, Quote
from gamma.wire import understood

NS: Final = 10**9
VIX: Final = "VIX"
SYMBOLS_MAX: Final = 100
PAGES_MAX: Final = 20
DAYS_AHEAD: Final = timedelta(days=60)
NEAR_FRAC: Final = 0.02
_FEEDS: Final = {"free": ("iex", "indicative"), "paid": ("sip", "opra")}


@final
class AlpacaMarkets:
    """What Alpaca tells of markets, as the `MarketData`, `Candles` and `Chains` ports want it."""

    def __init__(self, trading: Requests, data: Requests, plan: str) -> None:
        self._trading = trading
        self._data = data
        self._stocks, self._options = _FEEDS[plan]

    async def clock(self) -> MarketClock:
        """What time it is there, and whether the market is open."""
        told = await self._trading.read("/clock")
        with understood("clock"):
            if not isinstance(told["is_open"], bool):
                raise TypeError(f"is_open is {told['is_open']!r}")
            return MarketClock(ts_utc_ns=reading.moment(told["timestamp"]), is_open=told["is_open"])

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Quotes of funds and options by symbol, and VIX as SPY's options make it; what is not quoted is left out."""
        found: dict[str, Quote] = {VIX: await self._volatility()} if VIX in symbols else {}
        options = [symbol for symbol in symbols if contract(symbol) is not None]
        stocks = [symbol for symbol in symbols if contract(symbol) is None and symbol != VIX]
        for some in _batches(stocks):
            found |= await self._stock_quotes(some)
        for some in _batches(options):
            params = {"symbols": ",".join(some), "feed": self._options, "limit": "1000"}
            rows = await self._paged("/v1beta1/options/snapshots", params, "snapshots")
            with understood("snapshots"):
                found |= {symbol: _quote(symbol, row) for symbol, row in rows.items() if row.get("latestQuote")}
        return {symbol: quote for symbol, quote in found.items() if symbol in symbols}

    async def bars(self, market: str, bar_s: int, since_utc_ns: int) -> Sequence[Bar]:
        """Bars that closed after a time within the market's hours, oldest first; free ones are those of one exchange.

        Raises: Transient; InputInvalid where there are no bars of this length.
        """
        params = {
            "symbols": market,
            "timeframe": _timeframe(bar_s),
            "start": _utc(since_utc_ns - bar_s * NS),
            "limit": "1000",
            "adjustment": "raw",
            "feed": self._stocks,
            "sort": "asc",
        }
        now_utc_ns = (await self.clock()).ts_utc_ns
        told = await self._data.read("/v2/stocks/bars", params)
        with understood("bars"):
            rows = reading.rows((told["bars"] or {}).get(market) or [])
            found = [_bar(market, bar_s, row) for row in rows]
        return [
            bar
            for bar in found
            if since_utc_ns < bar.ts_close_utc_ns <= now_utc_ns and calendar.session_at(market, bar.ts_open_utc_ns)
        ]

    async def expirations(self, underlying: str) -> Sequence[date]:
        """The days of the next two months on which options end that are near the price, the next one first."""
        quotes, clock = await self._stock_quotes([underlying]), await self.clock()
        if underlying not in quotes:
            raise Transient(f"{underlying} is not quoted")
        spot = _known(quotes[underlying])
        today = self._today(clock)
        params = {
            "type": "call",
            "expiration_date_gte": today.isoformat(),
            "expiration_date_lte": (today + DAYS_AHEAD).isoformat(),
            "strike_price_gte": f"{spot * (1 - NEAR_FRAC):.2f}",
            "strike_price_lte": f"{spot * (1 + NEAR_FRAC):.2f}",
        }
        with understood("contracts"):
            return sorted(
                {date.fromisoformat(row["expiration_date"]) for row in await self._contracts(underlying, params)}
            )

    async def chain(self, underlying: str, expires: date) -> Chain:
        """Every option of a day, with its greeks where Alpaca has them, and yesterday's open interest.

        Raises: Transient, where the underlying is not quoted or no option is listed too.
        """
        quotes = await self._stock_quotes([underlying])
        params = {"expiration_date": expires.isoformat(), "feed": self._options, "limit": "1000"}
        rows = await self._paged(f"/v1beta1/options/snapshots/{underlying}", params, "snapshots")
        contracts = await self._contracts(underlying, {"expiration_date": expires.isoformat()})
        if underlying not in quotes or not rows:
            raise Transient(f"no chain of {underlying} for {expires}")
        with understood("chain"):
            spot = quotes[underlying]
            interest = {row["symbol"]: _float(row.get("open_interest")) for row in contracts}
            options = [_option(symbol, row, interest.get(symbol, math.nan)) for symbol, row in sorted(rows.items())]
            return chain_of(underlying, _known(spot), spot.ts_event_utc_ns, options)

    async def _volatility(self) -> Quote:
        days = await self.expirations(volatility.UNDERLYING)
        today = self._today(await self.clock())
        chains = [await self.chain(volatility.UNDERLYING, day) for day in volatility.around(days, today)]
        if not chains:
            raise Transient(f"{volatility.UNDERLYING} has no options that {VIX} could be reckoned from")
        points = volatility.index_points([volatility.variance(chain) for chain in chains])
        ts_utc_ns = min(chain.ts_utc_ns for chain in chains)
        return Quote(
            symbol=VIX, bid_points=math.nan, ask_points=math.nan, last_points=points, ts_event_utc_ns=ts_utc_ns
        )

    @staticmethod
    def _today(clock: MarketClock) -> date:
        return datetime.fromtimestamp(clock.ts_utc_ns // NS, UTC).astimezone(calendar.NEW_YORK).date()

    async def _stock_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        told = await self._data.read("/v2/stocks/snapshots", {"symbols": ",".join(symbols), "feed": self._stocks})
        with understood("snapshots"):
            return {symbol: _quote(symbol, row) for symbol, row in told.items() if row and row.get("latestQuote")}

    async def _contracts(self, underlying: str, params: Mapping[str, str]) -> list[Mapping[str, Any]]:
        asked = {"underlying_symbols": underlying, "status": "active", "limit": "1000", **params}
        found: list[Mapping[str, Any]] = []
        for _ in range(PAGES_MAX):
            told = await self._trading.read("/options/contracts", asked)
            with understood("contracts"):
                found += reading.rows(told["option_contracts"] or [])
                if not told.get("next_page_token"):
                    return found
                asked["page_token"] = reading.name(told["next_page_token"])
        raise Transient(f"contracts: more than {PAGES_MAX} pages")

    async def _paged(self, path: str, params: Mapping[str, str], what: str) -> dict[str, Mapping[str, Any]]:
        asked, found = dict(params), {}
        for _ in range(PAGES_MAX):
            told = await self._data.read(path, asked)
            with understood(what):
                found.update(told[what])
                if not told.get("next_page_token"):
                    return found
                asked["page_token"] = reading.name(told["next_page_token"])
        raise Transient(f"{path}: more than {PAGES_MAX} pages")


def _quote(symbol: str, row: Mapping[str, Any]) -> Quote:
    """A snapshot's quote; what was last traded may be older than it."""
    quoted, traded = row["latestQuote"], row.get("latestTrade") or {}
    return Quote(
        symbol=symbol,
        bid_points=_points(quoted["bp"]),
        ask_points=_points(quoted["ap"]),
        last_points=_points(traded.get("p")),
        ts_event_utc_ns=reading.moment(quoted["t"]),
    )


def _known(quote: Quote) -> float:
    """What an underlying trades at: the middle of its quote, or its last price where that has one side alone."""
    two_sided = 0 < quote.bid_points <= quote.ask_points
    return (quote.bid_points + quote.ask_points) / 2 if two_sided else quote.last_points


def _option(symbol: str, row: Mapping[str, Any], open_interest: float) -> Option:
    named, greeks, quoted = contract(symbol), row.get("greeks") or {}, row.get("latestQuote") or {}
    if named is None:
        raise ValueError(f"{symbol!r} is no option")
    day = row.get("dailyBar") or {}
    return Option(
        root=named.root,
        expires=named.day,
        right=named.right,
        strike_points=float(named.strike_points),
        bid_points=_points(quoted.get("bp")),
        ask_points=_points(quoted.get("ap")),
        iv=_points(row.get("impliedVolatility")),
        delta=_float(greeks.get("delta")),
        gamma=_float(greeks.get("gamma")),
        open_interest=open_interest,
        volume=_float(day.get("v")),
    )


def _bar(market: str, bar_s: int, row: Mapping[str, Any]) -> Bar:
    opened = reading.moment(row["t"])
    prices = [float(reading.number(row[key])) for key in ("o", "h", "l", "c")]
    if not 0 < prices[2] <= min(prices[0], prices[3]) <= max(prices[0], prices[3]) <= prices[1]:
        raise ValueError(f"a bar of {prices}")
    return Bar(
        market=market,
        ts_open_utc_ns=opened,
        ts_close_utc_ns=opened + bar_s * NS,
        open_points=prices[0],
        high_points=prices[1],
        low_points=prices[2],
        close_points=prices[3],
        volume_lots=float(reading.number(row["v"])),
    )


def _timeframe(bar_s: int) -> str:
    for unit, unit_s, most in (("Hour", 3_600, 23), ("Min", 60, 59)):
        whole, rest = divmod(bar_s, unit_s)
        if not rest and 1 <= whole <= most:
            return f"{whole}{unit}"
    raise InputInvalid(f"bar_s = {bar_s}: Alpaca has bars of 1 to 59 minutes and of 1 to 23 hours")


def _batches(symbols: Sequence[str]) -> list[Sequence[str]]:
    return [symbols[start : start + SYMBOLS_MAX] for start in range(0, len(symbols), SYMBOLS_MAX)]


def _utc(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _points(value: Any) -> float:
    """A price; NaN where there is none."""
    found = _float(value)
    return found if found >= 0 else math.nan


def _float(value: Any) -> float:
    return math.nan if value is None else float(reading.number(value))
