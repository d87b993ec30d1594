"""Quotes, option chains, bars and the clock at Interactive Brokers."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, final

from ib_async.contract import Contract

from brokers.ibkr.contracts import FUTURES, SMART, Contracts, Instrument, kind_of
from brokers.ibkr.gateway import Complaint, Gateway, Heard
from brokers.ibkr.reading import number
from brokers.legs import contract as option_of
from gamma.bars import Bar
from gamma.calendar import session_at
from gamma.clock import NS
from gamma.errors import InputInvalid, Transient
from gamma.options import Chain, Option, chain_of
from gamma.ports import MarketClock, Quote
from gamma.wire import understood

STOCK_MARKET: Final = "SPX"
LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4
# Live and delayed: bid, ask, last, close; and the greeks that the model gives.
_PRICES: Final = {1: "bid", 2: "ask", 4: "last", 9: "close", 66: "bid", 67: "ask", 68: "last", 75: "close"}
_SIZES: Final = {27: "open_interest", 28: "open_interest", 29: "volume", 30: "volume", 8: "volume", 74: "volume"}
_MODEL: Final = frozenset({13, 83})
_LAST_TIME: Final = frozenset({45, 88})
QUOTE_S: Final = 6.0
CHAIN_S: Final = 9.0
STRIKES_EACH_WAY: Final = 24  # 98 lines of market data at once, of the 100 that an account has
OLD_NS: Final = 900 * NS
SIZES_BAR: Final = {
    60: "1 min", 120: "2 mins", 180: "3 mins", 300: "5 mins", 600: "10 mins", 900: "15 mins", 1200: "20 mins",
    1800: "30 mins", 3600: "1 hour",
}  # fmt: skip
BARS_MAX_S: Final = 5 * 86_400
BAR_COMPLAINTS: Final = frozenset({162, 200, 321, 354, 366, 10197})


@dataclass(slots=True, kw_only=True)
class _Ticks:
    """What was told of one instrument."""

    prices: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)
    greeks: dict[str, float] = field(default_factory=dict)
    last_utc_ns: int = 0
    delayed: bool = False
    refused: str = ""


@final
class IbkrMarkets:
    """What Interactive Brokers tells of markets, as the `MarketData`, `Chains` and `Candles` ports want it."""

    def __init__(self, gateway: Gateway, contracts: Contracts) -> None:
        self._gateway = gateway
        self._contracts = contracts

    async def clock(self) -> MarketClock:
        """What time it is there, in whole seconds, and whether the stock market is open by the calendar."""
        heard = await self._gateway.ask(
            "the time", lambda client: client.reqCurrentTime(), lambda h: h.name == "currentTime"
        )
        ts_utc_ns = int(heard[-1].parts[0]) * NS
        with understood("the time"):
            session = session_at(STOCK_MARKET, ts_utc_ns)
        opened = session is not None and session.ts_cash_open_utc_ns <= ts_utc_ns < session.ts_cash_close_utc_ns
        return MarketClock(ts_utc_ns=ts_utc_ns, is_open=opened)

    async def quotes(self, symbols: Sequence[str], now_utc_ns: int) -> Mapping[str, Quote]:
        """Quotes by symbol; what is not known or quoted there is left out."""
        wanted: dict[str, Contract] = {}
        for symbol in symbols:
            with suppress(InputInvalid):
                found = await self._instrument(symbol, now_utc_ns)
                if found is not None:
                    wanted[symbol] = Contract(conId=found.con_id, exchange=found.exchange)
        ticks = await self._snapshots(wanted, QUOTE_S)
        return {
            symbol: _quote(symbol, told, now_utc_ns)
            for symbol, told in ticks.items()
            if told.prices and not told.refused
        }

    async def expirations(self, underlying: str) -> Sequence[date]:
        """The days on which options end, of all classes of an underlying, the next one first."""
        told = await self._definitions(underlying)
        with understood("expirations"):
            return sorted({_day(text) for _, days, _ in told for text in days})

    async def chain(self, underlying: str, expires: date, now_utc_ns: int) -> Chain:
        """The options of a day around where the underlying stands: no more of them than one account is quoted at once.

        Raises: Transient, where the underlying is not quoted or no option is listed too.
        """
        spot = (await self.quotes([underlying], now_utc_ns)).get(underlying)
        points = spot.last_points if spot is not None else math.nan
        if spot is None or not points > 0:
            raise Transient(f"{underlying} is not quoted")
        wanted: dict[str, Contract] = {}
        for root, days, strikes in await self._definitions(underlying):
            if not any(_day(text) == expires for text in days):
                continue
            for found in await self._listed(underlying, root, expires):
                near = sorted(strikes, key=lambda strike: abs(strike - points))[: 2 * STRIKES_EACH_WAY]
                if found.strike in near:
                    wanted["".join(found.localSymbol.split())] = Contract(conId=found.conId, exchange=SMART)
        if not wanted:
            raise Transient(f"no chain of {underlying} for {expires}")
        ticks = await self._snapshots(wanted, CHAIN_S)
        with understood("chain"):
            options = [_option(symbol, told) for symbol, told in ticks.items() if not told.refused]
            return chain_of(underlying, points, spot.ts_event_utc_ns, options)

    async def bars(self, market: str, bar_s: int, since_utc_ns: int, now_utc_ns: int) -> Sequence[Bar]:
        """Bars of trades that closed after a time, and have closed by now.

        Raises: Transient; InputInvalid where the bars are not of a length that there is.
        """
        found = await self._instrument(market, now_utc_ns)
        if bar_s not in SIZES_BAR or found is None or found.market != market:
            raise InputInvalid(f"bars of {market} over {bar_s} s: there are bars of futures over {sorted(SIZES_BAR)} s")
        span_s = min(BARS_MAX_S, max(bar_s, (now_utc_ns - since_utc_ns) // NS + bar_s))
        length = f"{max(span_s, 60)} S" if span_s <= 86_400 else f"{-(-span_s // 86_400)} D"
        asked = Contract(conId=found.con_id, exchange=found.exchange, secType="FUT", symbol=market)
        name = self._gateway.number(await self._gateway.ready())
        heard = await self._gateway.ask(
            f"the bars of {market}",
            lambda client: client.reqHistoricalData(
                name,
                asked,
                "",
                length,
                SIZES_BAR[bar_s],
                "TRADES",
                False,
                2,
                False,
                [],
            ),
            lambda h: (h.name == "historicalDataEnd" and h.parts[0] == name) or _refusal(h, name) is not None,
        )
        if (refused := _refusal(heard[-1], name)) is not None:
            raise Transient(f"the bars of {market}: {refused.code}: {refused.text}")
        with understood(f"the bars of {market}"):
            bars = [_bar(market, bar_s, h.parts[1]) for h in heard if h.name == "historicalData" and h.parts[0] == name]
            return [bar for bar in bars if since_utc_ns < bar.ts_close_utc_ns <= now_utc_ns]

    async def _instrument(self, symbol: str, now_utc_ns: int) -> Instrument | None:
        market = self._contracts.markets.get(symbol)
        if market is not None and market.kind in FUTURES:
            return await self._contracts.front(market, now_utc_ns)
        if market is not None:
            return await self._contracts.underlying(symbol)
        option = option_of(symbol)
        traded = self._contracts.markets.get(option.underlying) if option is not None else None
        return await self._contracts.option(symbol, traded) if traded is not None else None

    async def _definitions(self, underlying: str) -> list[tuple[str, list[str], list[float]]]:
        """The classes of options on an underlying: each with its days and strikes."""
        index = await self._contracts.underlying(underlying)
        name = self._gateway.number(await self._gateway.ready())
        heard = await self._gateway.ask(
            f"the options on {underlying}",
            lambda client: client.reqSecDefOptParams(name, underlying, "", kind_of(underlying), index.con_id),
            lambda h: h == Heard("securityDefinitionOptionParameterEnd", (name,)),
        )
        told = [h.parts for h in heard if h.name == "securityDefinitionOptionParameter" and h.parts[0] == name]
        smart = [parts for parts in told if parts[1] == SMART]
        return [(parts[3], parts[5], parts[6]) for parts in smart or told]

    async def _listed(self, underlying: str, root: str, expires: date) -> list[Any]:
        """The options of one class that end on a day, as contracts."""
        asked = Contract(
            secType="OPT",
            symbol=underlying,
            exchange=SMART,
            currency="USD",
            tradingClass=root,
            lastTradeDateOrContractMonth=f"{expires:%Y%m%d}",
        )
        return [told.contract for told in await self._contracts.details(asked)]

    async def _snapshots(self, wanted: Mapping[str, Contract], within_s: float) -> dict[str, _Ticks]:
        """What each is quoted at: live where the account may see it, else delayed; after hours what it was last.

        Raises: Transient.
        """
        client = await self._gateway.ready()
        names = {self._gateway.number(client): symbol for symbol in wanted}
        ticks = {symbol: _Ticks() for symbol in wanted}
        left = set(names)
        with self._gateway.waiting() as queue, suppress(TimeoutError):
            client.reqMarketDataType(DELAYED_FROZEN)
            for name, symbol in names.items():
                await self._gateway.turn()
                client.reqMktData(name, wanted[symbol], "", True, False, [])
            async with asyncio.timeout(within_s):
                while left:
                    heard = await queue.get()
                    if isinstance(heard, Transient):
                        raise Transient(str(heard))
                    about = heard.parts[0].about if heard.name == "error" else heard.parts[0] if heard.parts else None
                    if about in names and _take(ticks[names[about]], heard):
                        left.discard(about)
        for name in left:
            client.cancelMktData(name)
        return ticks


def _take(ticks: _Ticks, heard: Heard) -> bool:
    """Take in what was told of an instrument; whether it was all."""
    match heard.name, heard.parts:
        case "priceSizeTick", (_, kind, price, _) if kind in _PRICES:
            ticks.prices[_PRICES[kind]] = price
            ticks.delayed |= kind >= 66
        case "tickSize", (_, kind, size) if kind in _SIZES:
            ticks.sizes[_SIZES[kind]] = size
        case "tickString", (_, kind, text) if kind in _LAST_TIME and text.isdecimal():
            ticks.last_utc_ns = int(text) * NS
        case "tickOptionComputation", (_, kind, _, iv, delta, _, _, gamma, *_) if kind in _MODEL:
            ticks.greeks = {"iv": iv, "delta": delta, "gamma": gamma}
        case "error", (Complaint(code=code, text=text),):
            if code < 2000:
                ticks.refused = f"{code}: {text}"
                return True
        case "tickSnapshotEnd", _:
            return True
    return False


def _quote(symbol: str, ticks: _Ticks, now_utc_ns: int) -> Quote:
    """A quote: as old as what is delayed is, else as it is now."""
    prices = {name: price for name, price in ticks.prices.items() if 0 <= price < 1e12}
    at = ticks.last_utc_ns if "last" in prices and "bid" not in prices and ticks.last_utc_ns else now_utc_ns
    return Quote(
        symbol=symbol,
        bid_points=prices.get("bid", math.nan),
        ask_points=prices.get("ask", math.nan),
        last_points=prices.get("last", prices.get("close", math.nan)),
        ts_event_utc_ns=min(at, now_utc_ns - OLD_NS) if ticks.delayed else at,
    )


def _option(symbol: str, ticks: _Ticks) -> Option:
    named = option_of(symbol)
    if named is None:
        raise ValueError(f"{symbol} is no option's symbol")
    return Option(
        root=named.root,
        expires=named.day,
        right=named.right,
        strike_points=float(named.strike_points),
        bid_points=_known(ticks.prices.get("bid")),
        ask_points=_known(ticks.prices.get("ask")),
        iv=_known(ticks.greeks.get("iv")),
        delta=_known(ticks.greeks.get("delta"), -1.0),
        gamma=_known(ticks.greeks.get("gamma")),
        open_interest=_known(ticks.sizes.get("open_interest")),
        volume=_known(ticks.sizes.get("volume")),
    )


def _known(value: float | None, least: float = 0.0) -> float:
    """A number; NaN where there is none: it is told as one below anything that it could be."""
    return value if value is not None and least <= value < 1e12 else math.nan


def _bar(market: str, bar_s: int, told: Any) -> Bar:
    opened = int(told.date) * NS
    if opened % (60 * NS):
        raise ValueError(f"a bar at {told.date!r}")
    prices = [float(number(p)) for p in (told.open, told.high, told.low, told.close)]
    return Bar(
        market=market,
        ts_open_utc_ns=opened,
        ts_close_utc_ns=opened + bar_s * NS,
        open_points=prices[0],
        high_points=prices[1],
        low_points=prices[2],
        close_points=prices[3],
        volume_lots=max(0.0, float(number(told.volume))),
    )


def _refusal(heard: Heard, name: int) -> Complaint | None:
    told = heard.parts[0] if heard.name == "error" else None
    return told if isinstance(told, Complaint) and told.about == name and told.code in BAR_COMPLAINTS else None


def _day(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
