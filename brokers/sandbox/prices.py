"""Prices of futures and spot at a sandbox, at any time: those of the market simulator, or of recorded bars.

Inside of a bar the price runs from its open over the nearer of its ends to the other one and to its close, so that
the bars which a daemon sees under the same seed are the bars of these prices. Out of hours prices stay as they were.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, Self, final

import numpy as np
from numpy.typing import NDArray

from gamma import calendar, markets
from gamma.bars import Bar
from gamma.calendar import NS
from gamma.errors import InputInvalid
from gamma.feeds.file import FileFeed
from gamma.feeds.series import Floats, Series, Times, coarser
from gamma.feeds.sim import SimFeed
from gamma.markets import Market

BAR_S: Final = 60
DAYS_MAX: Final = 14
TRACKS_KEPT: Final = 64
_NEAR_TICKS: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What a market is quoted at [ticks]; `traded` while it trades.

    `jump` where it did not get here by way of the prices in between: at the first price after a break.
    """

    ts_utc_ns: int
    bid_ticks: int
    ask_ticks: int
    last_ticks: int
    traded: bool = True
    jump: bool = False

    def against(self, side: int) -> int:
        """What a buyer (+1) pays, or a seller (-1) gets [ticks]."""
        return self.ask_ticks if side > 0 else self.bid_ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a market that has ended is worth."""

    ts_utc_ns: int
    price_ticks: int


class Prices(Protocol):
    """Where a sandbox's instruments are quoted; raises InputInvalid for what is not.

    `path` are the moments at which a price turned, after one time and up to another, and how it is at the last. `bars`
    are closed bars between two times. `closes_utc_ns` is when an order of the day ends, and `outcome` what a market
    that has ended by a time is worth, None while it goes on.
    """

    def market(self, symbol: str) -> Market: ...
    def touch(self, symbol: str, now_utc_ns: int) -> Touch: ...
    def path(self, symbol: str, after_utc_ns: int, until_utc_ns: int) -> Sequence[Touch]: ...
    def bars(self, symbol: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> Sequence[Bar]: ...
    def closes_utc_ns(self, symbol: str, now_utc_ns: int) -> int: ...
    def outcome(self, symbol: str, now_utc_ns: int) -> Outcome | None: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """A price that runs straight from corner to corner; before a corner that is a `jump` it stays as it was.

    Shapes: every column [N].
    """

    ts_utc_ns: Times
    mid_ticks: Floats
    spread_ticks: Times
    jump: NDArray[np.bool_]

    def at(self, ts_utc_ns: int, *, traded: bool) -> Touch:
        """What is quoted at a time."""
        n = int(np.searchsorted(self.ts_utc_ns, ts_utc_ns, side="right")) - 1
        if n < 0:
            return self._touch(ts_utc_ns, float(self.mid_ticks[0]), 0, traded=False)
        mid = float(self.mid_ticks[n])
        jumped = int(self.ts_utc_ns[n]) == ts_utc_ns and bool(self.jump[n])
        if n + 1 < len(self.ts_utc_ns) and not self.jump[n + 1]:
            since, until = int(self.ts_utc_ns[n]), int(self.ts_utc_ns[n + 1])
            mid += (float(self.mid_ticks[n + 1]) - mid) * (ts_utc_ns - since) / (until - since)
        return self._touch(ts_utc_ns, mid, n, traded=traded, jump=jumped)

    def corners(self, after_utc_ns: int, until_utc_ns: int) -> Iterator[Touch]:
        """Its corners after one time and before another."""
        first = int(np.searchsorted(self.ts_utc_ns, after_utc_ns, side="right"))
        last = int(np.searchsorted(self.ts_utc_ns, until_utc_ns, side="left"))
        for n in range(first, last):
            yield self._touch(int(self.ts_utc_ns[n]), float(self.mid_ticks[n]), n, traded=True, jump=bool(self.jump[n]))

    def _touch(self, ts_utc_ns: int, mid: float, n: int, *, traded: bool, jump: bool = False) -> Touch:
        spread = int(self.spread_ticks[n])
        bid = int(np.floor(mid - (spread - 1) / 2 + _NEAR_TICKS))
        last = min(max(round(mid), bid), bid + spread)
        return Touch(
            ts_utc_ns=ts_utc_ns, bid_ticks=bid, ask_ticks=bid + spread, last_ticks=last, traded=traded, jump=jump
        )


@final
class BarPrices:
    """Prices that are made of bars; `around` gives the bars of the session that opened last before a time."""

    def __init__(self, traded: Mapping[str, Market], around: Callable[[str, int], Series], bar_s: int = BAR_S) -> None:
        self._traded = dict(traded)
        self._bar_s = bar_s
        self._series = lru_cache(maxsize=TRACKS_KEPT)(around)
        self._track = lru_cache(maxsize=TRACKS_KEPT)(self._tracked)

    @classmethod
    def simulated(cls, seed: int, symbols: Sequence[str], bar_s: int = BAR_S) -> Self:
        """The market simulator's: those that `[feed] use = "sim"` shows under this seed.

        Raises: InputInvalid when one of them is not simulated.
        """
        feed = SimFeed(markets=tuple(symbols), seed=seed, bar_s=min(bar_s, BAR_S))

        def around(symbol: str, opened_utc_ns: int) -> Series:
            return feed.sessions(symbol, 1, _day_of(symbol, opened_utc_ns))

        return cls({symbol: markets.market(symbol) for symbol in symbols}, around, feed.bar_s)

    @classmethod
    def recorded(cls, files: Mapping[str, Path]) -> Self:
        """Those of files of bars, as `[feed] use = "file"` reads them.

        Raises: InputInvalid for a bad file.
        """
        feed = FileFeed(files=dict(files))

        def around(symbol: str, opened_utc_ns: int) -> Series:
            series = feed.loaded[symbol].series
            session = calendar.last_session(symbol, opened_utc_ns + 1)
            first = int(np.searchsorted(series.ts_open_utc_ns, session.ts_open_utc_ns))
            found = series.rows(slice(first, series.closed_by(session.ts_close_utc_ns)))
            if not len(found):
                raise InputInvalid(f"{symbol}: its file has no bars on {session.date}")
            return found

        return cls({symbol: markets.market(symbol) for symbol in files}, around, feed.bar_s)

    def market(self, symbol: str) -> Market:
        """What is traded under a symbol.

        Raises: InputInvalid when nothing is.
        """
        if symbol not in self._traded:
            raise InputInvalid(f"{symbol!r} is not traded here; known: {', '.join(self._traded)}")
        return self._traded[symbol]

    def touch(self, symbol: str, now_utc_ns: int) -> Touch:
        """What it is quoted at; out of hours what it was last quoted at."""
        self.market(symbol)
        session = calendar.last_session(symbol, now_utc_ns + 1)
        opened = now_utc_ns < session.ts_close_utc_ns
        return self._track(symbol, session.ts_open_utc_ns).at(now_utc_ns, traded=opened)

    def path(self, symbol: str, after_utc_ns: int, until_utc_ns: int) -> list[Touch]:
        """The corners between two times, and how it stands at the second; of the last days alone."""
        self.market(symbol)
        after = max(after_utc_ns, until_utc_ns - DAYS_MAX * 86_400 * NS)
        found: list[Touch] = []
        for opened in self._opened(symbol, after, until_utc_ns):
            found.extend(self._track(symbol, opened).corners(after, until_utc_ns))
        return [*found, self.touch(symbol, until_utc_ns)]

    def bars(self, symbol: str, bar_s: int, after_utc_ns: int, until_utc_ns: int) -> list[Bar]:
        """Bars of `bar_s` seconds that closed after one time and by another.

        Raises: InputInvalid when they cannot be made of the bars that there are.
        """
        self.market(symbol)
        found: list[Bar] = []
        for opened in self._opened(symbol, after_utc_ns, until_utc_ns):
            series = coarser(self._series(symbol, opened), bar_s)
            found.extend(series.bars(series.closed_by(after_utc_ns), series.closed_by(until_utc_ns)))
        return found

    def closes_utc_ns(self, symbol: str, now_utc_ns: int) -> int:
        """The close of the running session, or of the next."""
        self.market(symbol)
        running = calendar.session_at(symbol, now_utc_ns)
        return (running or calendar.next_session(symbol, now_utc_ns)).ts_close_utc_ns

    def outcome(self, symbol: str, now_utc_ns: int) -> Outcome | None:  # noqa: ARG002
        """None: these markets go on."""
        self.market(symbol)
        return None

    def _opened(self, symbol: str, after_utc_ns: int, until_utc_ns: int) -> list[int]:
        """When the sessions that a stretch of time touches opened [ns]."""
        first, last = (datetime.fromtimestamp(ts // NS, UTC).date() for ts in (after_utc_ns, until_utc_ns))
        found = calendar.sessions(symbol, first - timedelta(days=1), last + timedelta(days=1))
        return [
            s.ts_open_utc_ns for s in found if s.ts_close_utc_ns > after_utc_ns and s.ts_open_utc_ns <= until_utc_ns
        ]

    def _tracked(self, symbol: str, opened_utc_ns: int) -> Track:
        return track_of(self._series(symbol, opened_utc_ns), self._traded[symbol])


def track_of(series: Series, market: Market) -> Track:
    """The way that prices took inside of each bar, a third of its length to each corner."""
    rises = series.close_points >= series.open_points
    near = np.where(rises, series.low_points, series.high_points)
    far = np.where(rises, series.high_points, series.low_points)
    third = (series.ts_close_utc_ns - series.ts_open_utc_ns) // 3
    opens = series.ts_open_utc_ns
    times = np.stack([opens, opens + third, opens + 2 * third, series.ts_close_utc_ns - 1], axis=1).ravel()
    mids = np.stack([series.open_points, near, far, series.close_points], axis=1).ravel() * market.ticks_per_point
    spread = np.nan_to_num(np.rint(series.spread_points * market.ticks_per_point), nan=1.0)
    before = np.concatenate([[np.nan], series.close_points[:-1]])
    jump = np.zeros(len(times), dtype=np.bool_)
    jump[::4] = series.open_points != before
    return Track(
        ts_utc_ns=times,
        mid_ticks=mids,
        spread_ticks=np.repeat(np.maximum(1, spread).astype(np.int64), 4),
        jump=jump,
    )


def _day_of(symbol: str, opened_utc_ns: int) -> date:
    return date.fromisoformat(calendar.last_session(symbol, opened_utc_ns + 1).date)
