"""Bars, quotes and the time at Tradovate; prices come by its WebSocket, of the month in front."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from brokers import numerals
from brokers.tradovate import reading
from brokers.tradovate.contracts import Contracts
from brokers.tradovate.frames import Message
from brokers.tradovate.requests import Requests
from brokers.tradovate.sockets import talk
from gamma import calendar
from gamma.bars import Bar
from gamma.clock import NS
from gamma.errors import InputInvalid, Transient
from gamma.ports import MarketClock, Quote
from gamma.wire import understood

PAST_MAX_NS: Final = 30 * 86_400 * NS
MINUTE_S: Final = 60


@final
class TradovateMarkets:
    """What Tradovate tells of markets, as the `MarketData` and `Candles` ports want it."""

    def __init__(self, requests: Requests, contracts: Contracts, url: str) -> None:
        self._requests = requests
        self._contracts = contracts
        self._url = url

    async def clock(self, now_utc_ns: int) -> MarketClock:
        """What time it is there, to the second, and whether the futures trade, by the calendar.

        Raises: Transient.
        """
        got = await self._requests.hear("/auth/me")
        if not got.ts_utc_ns:
            raise Transient("Tradovate does not say what time it is")
        return MarketClock(ts_utc_ns=got.ts_utc_ns, is_open=calendar.session_at("MNQ", now_utc_ns) is not None)

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Quotes of the months in front, by market; what is not traded here is left out.

        Raises: Transient.
        """
        return {symbol: await self._quote(symbol) for symbol in symbols if symbol in self._contracts.markets}

    async def bars(self, market: str, bar_s: int, since_utc_ns: int, now_utc_ns: int) -> list[Bar]:
        """Closed bars of the month in front. A bar's time is taken for its open: if it were its close, it comes late.

        Raises: InputInvalid where there are no such bars; Transient.
        """
        if bar_s % MINUTE_S or market not in self._contracts.markets:
            raise InputInvalid(f"Tradovate has no bars of {bar_s} s of {market}: ask for whole minutes of a future")
        since = max(since_utc_ns, now_utc_ns - PAST_MAX_NS) - bar_s * NS
        body = {
            "symbol": self._contracts.front(market).symbol,
            "chartDescription": {
                "underlyingType": "MinuteBar",
                "elementSize": bar_s // MINUTE_S,
                "elementSizeUnit": "UnderlyingUnits",
                "withHistogram": False,
            },
            "timeRange": {"asFarAsTimestamp": reading.stamp(since)},
        }
        rows: dict[str, Mapping[str, Any]] = {}
        history: list[int] = []

        def take(message: Message) -> bool:
            with understood("bars"):
                if message.get("i") == 1:
                    history.append(numerals.positive(message["d"]["historicalId"]))
                if message.get("e") != "chart":
                    return False
                charts = [chart for chart in message["d"]["charts"] if chart["id"] in history]
                rows.update({bar["timestamp"]: bar for chart in charts for bar in chart.get("bars", ())})
                return any(chart.get("eoh") for chart in charts)

        token = await self._requests.let_in()
        await talk(self._url, token.market_data, "md/getchart", body, take)
        with understood("bars"):
            found = sorted((_bar(market, bar_s, row) for row in rows.values()), key=lambda bar: bar.ts_open_utc_ns)
        return [bar for bar in found if since_utc_ns < bar.ts_close_utc_ns <= now_utc_ns]

    async def _quote(self, symbol: str) -> Quote:
        found: list[Quote] = []

        def take(message: Message) -> bool:
            with understood("quotes"):
                if message.get("e") == "md":
                    found.extend(_quote_of(symbol, row) for row in message["d"].get("quotes", ()))
                return bool(found)

        token = await self._requests.let_in()
        contract = self._contracts.front(symbol).symbol
        await talk(self._url, token.market_data, "md/subscribequote", {"symbol": contract}, take)
        return found[-1]


def _bar(market: str, bar_s: int, row: Mapping[str, Any]) -> Bar:
    opened = numerals.moment(row["timestamp"])
    if opened % (bar_s * NS):
        raise ValueError(f"a bar of {bar_s} s at {row['timestamp']}")
    volumes = [row[name] for name in ("upVolume", "downVolume") if name in row]
    return Bar(
        market=market,
        ts_open_utc_ns=opened,
        ts_close_utc_ns=opened + bar_s * NS,
        open_points=_points(row["open"]),
        high_points=_points(row["high"]),
        low_points=_points(row["low"]),
        close_points=_points(row["close"]),
        volume_lots=float(sum(numerals.number(volume) for volume in volumes)) if volumes else math.nan,
    )


def _quote_of(symbol: str, row: Mapping[str, Any]) -> Quote:
    entries = row["entries"]

    def price(name: str) -> float:
        told = entries.get(name, {}).get("price")
        return math.nan if told is None else _points(told)

    return Quote(
        symbol=symbol,
        bid_points=price("Bid"),
        ask_points=price("Offer"),
        last_points=price("Trade"),
        ts_event_utc_ns=numerals.moment(row["timestamp"]),
    )


def _points(value: Any) -> float:
    found = float(numerals.number(value))
    if found <= 0:
        raise ValueError(f"a price of {value!r}")
    return found
