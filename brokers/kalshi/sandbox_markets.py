"""Markets, order books and candles as the sandbox tells them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from brokers.kalshi import sandbox_shapes
from brokers.kalshi.sandbox_events import Listed
from brokers.kalshi.sandbox_floor import EventFloor
from brokers.kalshi.sandbox_orders import Wrong
from brokers.kalshi.sandbox_shapes import page
from gamma.clock import NS

_PERIODS_MIN: Final = ("1", "60", "1440")
_FILTER: Final = {
    "unopened": ("initialized",),
    "open": ("active",),
    "closed": ("closed", "determined"),
    "settled": ("finalized",),
}


@final
class EventPages:
    """What can be read without a key."""

    def __init__(self, floor: EventFloor) -> None:
        self._floor = floor

    def told(self, rooms: Sequence[str], params: Mapping[str, str], now_utc_ns: int) -> Any:
        """Answer a question about markets.

        Raises: Wrong.
        """
        match list(rooms):
            case ["markets"]:
                return page("markets", self._markets(params, now_utc_ns), params, lambda m: self._market(m, now_utc_ns))
            case ["markets", ticker]:
                return {"market": self._market(self._find(ticker), now_utc_ns)}
            case ["markets", ticker, "orderbook"]:
                bids = self._floor.bids(self._find(ticker).ticker, now_utc_ns)
                return sandbox_shapes.book(bids, int(params.get("depth") or 0))
            case ["series", series, *asked]:
                return self._series(series, asked, params, now_utc_ns)
            case ["events", event]:
                return self._event(event, now_utc_ns)
            case _:
                raise Wrong(404, "not_found", "page not found")

    def _series(self, series: str, asked: list[str], params: Mapping[str, str], now_utc_ns: int) -> Any:
        match asked:
            case [] if any(one.series == series for one in self._floor.market.listed(now_utc_ns)):
                return {"series": sandbox_shapes.series(series)}
            case ["markets", ticker, "candlesticks"]:
                return {"ticker": ticker, "candlesticks": self._candles(self._find(ticker), params, now_utc_ns)}
            case _:
                raise Wrong(404, "not_found", "page not found")

    def _find(self, ticker: str) -> Listed:
        found = self._floor.market.find(ticker)
        if found is None:
            raise Wrong(404, "not_found", "market not found")
        return found

    def _markets(self, params: Mapping[str, str], now_utc_ns: int) -> list[Listed]:
        """The questions that are named, or all that are listed, as far as they are asked for."""
        named = [ticker for ticker in params.get("tickers", "").split(",") if ticker]
        since_utc_ns = int(params.get("min_close_ts") or 0) * NS
        if named:
            found = [one for ticker in named if (one := self._floor.market.find(ticker)) is not None]
        else:
            found = list(self._floor.market.listed(now_utc_ns, since_utc_ns))
        status = params.get("status", "")
        if status and status not in _FILTER:
            raise Wrong(400, "bad_request", f"status: {', '.join(_FILTER)}")
        return [
            one
            for one in found
            if one.close_utc_ns > since_utc_ns
            and (not status or one.status(now_utc_ns) in _FILTER[status])
            and params.get("series_ticker", one.series) == one.series
            and params.get("event_ticker", one.event) == one.event
        ]

    def _market(self, listed: Listed, now_utc_ns: int) -> dict[str, Any]:
        market = self._floor.market
        bids = self._floor.bids(listed.ticker, now_utc_ns)
        bars = market.bars(listed.ticker, 60, now_utc_ns - 120 * NS, now_utc_ns)
        last = int(bars[-1].close_points) if bars else 0
        status = listed.status(now_utc_ns)
        result = market.result(listed.ticker) if status in ("determined", "finalized") else ""
        told = sandbox_shapes.market(listed, bids, last, (status, result))
        return told | {"volume_fp": sandbox_shapes.count(market.traded(listed.ticker, now_utc_ns))}

    def _candles(self, listed: Listed, params: Mapping[str, str], now_utc_ns: int) -> list[dict[str, Any]]:
        period = params.get("period_interval", "")
        if period not in _PERIODS_MIN or not all(params.get(name, "").isdecimal() for name in ("start_ts", "end_ts")):
            raise Wrong(400, "bad_request", "start_ts, end_ts and period_interval (1, 60 or 1440)")
        start, end = (int(params[name]) * NS for name in ("start_ts", "end_ts"))
        bars = self._floor.market.bars(listed.ticker, 60 * int(period), start - 1, min(end, now_utc_ns))
        told, previous = [], 0
        for bar in bars:
            ends = (self._touch(listed, bar.ts_open_utc_ns), self._touch(listed, bar.ts_close_utc_ns - 1))
            told.append(sandbox_shapes.candle(bar, previous or int(bar.open_points), ends))
            previous = int(bar.close_points)
        return told

    def _touch(self, listed: Listed, ts_utc_ns: int) -> tuple[int, int]:
        yes, no = self._floor.market.bids(listed.ticker, ts_utc_ns)
        return (yes[0][0] if yes else 0), (100 - no[0][0] if no else 100)

    def _event(self, event: str, now_utc_ns: int) -> dict[str, Any]:
        found = [one for one in self._floor.market.listed(now_utc_ns) if one.event == event]
        if not found:
            raise Wrong(404, "not_found", "event not found")
        head = {"event_ticker": event, "series_ticker": found[0].series, "title": found[0].title}
        return {"event": head, "markets": [self._market(one, now_utc_ns) for one in found]}
