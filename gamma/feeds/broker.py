"""`BrokerFeed`: bars as a broker tells them, asked for just after each has closed."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Annotated, ClassVar, Final, final

import structlog
from pydantic import BaseModel, Field, PositiveInt

from gamma.bars import Bar
from gamma.calendar import NS
from gamma.errors import InputInvalid, Transient
from gamma.feeds.pace import LOOK_S
from gamma.ports import Candles, Hours

READ_S: Final = 20.0
RETRY_S: Final = 1.0
RETRY_MAX_S: Final = 15.0
DOUBLINGS_MAX: Final = 10
PAGES_MAX: Final = 200
# A week of a market that trades 6.5 hours a day has 5 times as many hours as its bars tell.
SPAN_MULT: Final = 6
SPAN_MAX_NS: Final = 60 * 86_400 * NS
# Clocks differ by a little: what closes so soon has closed there.
AHEAD_NS: Final = 2 * NS

log = structlog.get_logger("gamma.feed")


@final
class BrokerFeedParams(BaseModel, frozen=True, extra="forbid"):
    """Which bars are asked for, and how long after its close a bar is there [s]."""

    markets: Annotated[tuple[str, ...], Field(min_length=1)]
    bar_s: PositiveInt
    delay_s: Annotated[float, Field(ge=0, le=3_600)] = 2.0


@final
class BrokerFeed:
    """Closed bars of a broker: each once, in order; a gap is filled by asking again since the last one.

    Where the broker does not answer, nothing comes, and that is what the guards see; it is asked again for good.
    """

    Params: ClassVar = BrokerFeedParams

    def __init__(
        self,
        params: BrokerFeedParams,
        *,
        candles: Candles,
        hours: Hours,
        wall_utc_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._candles = candles
        self._hours = hours
        self._wall_utc_ns = wall_utc_ns
        self._markets = tuple(sorted(set(params.markets)))
        self._bar_s, self._bar_ns = params.bar_s, params.bar_s * NS
        self._delay_ns = round(params.delay_s * NS)
        self._held: dict[str, list[Bar]] = {market: [] for market in self._markets}
        self._silent: set[str] = set()

    @property
    def markets(self) -> tuple[str, ...]:
        return self._markets

    @property
    def provides(self) -> frozenset[str]:
        """What all bars of the history carry; without one it is not known, and no more than the prices is promised."""
        known = [bar for bars in self._held.values() for bar in bars]
        told = {"volume": "volume_lots", "spread": "spread_points"}
        carried = {n for n, field in told.items() if known and not any(math.isnan(getattr(b, field)) for b in known)}
        return frozenset({"bar", *carried})

    @property
    def bar_s(self) -> int:
        return self._bar_s

    async def fetch(self, until_utc_ns: int, bars: int) -> None:
        """Read the history: the last `bars` bars of each market up to then, as far as the broker keeps them.

        Raises: Transient; InputInvalid when the broker has no bars of this market or length.
        """
        for market in self._markets:
            span_ns, found = bars * self._bar_ns * SPAN_MULT, list[Bar]()
            while True:
                found = [
                    b async for b in self._since(market, until_utc_ns - span_ns) if b.ts_close_utc_ns <= until_utc_ns
                ]
                if len(found) >= bars or span_ns >= SPAN_MAX_NS:
                    break
                span_ns = min(4 * span_ns, SPAN_MAX_NS)
            self._held[market] = found[-bars:] if bars else []

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        if market not in self._held:
            raise InputInvalid(f"{market} is not asked for; the feed has {', '.join(self._markets)}")
        known = [bar for bar in self._held[market] if bar.ts_close_utc_ns <= until_utc_ns]
        return known[-bars:] if bars else []

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        """Those of the history; what comes later comes by `closing`."""
        return iter(_ordered(b for bars in self._held.values() for b in bars if b.ts_close_utc_ns > after_utc_ns))

    async def closing(self, after_utc_ns: int) -> AsyncIterator[Bar]:
        last = dict.fromkeys(self._markets, after_utc_ns)
        tries = 0
        while True:
            if self._any_open():
                for bar in await self._read(last):
                    last[bar.market] = bar.ts_close_utc_ns
                    yield bar
            tries = tries + 1 if self._overdue(last) else 0
            await self._wait(last, tries)

    async def _read(self, last: Mapping[str, int]) -> list[Bar]:
        """What is new in every market; of one that is not told of there is nothing."""
        found: list[Bar] = []
        for market in self._markets:
            try:
                found += [bar async for bar in self._since(market, last[market])]
            except Exception as error:  # whatever is wrong there: no bar comes, and the guards see that
                if market not in self._silent:
                    log.warning("feed_silent", market=market, cause=f"{type(error).__name__}: {error}")
                self._silent.add(market)
            else:
                self._silent.discard(market)
        return _ordered(found)

    async def _since(self, market: str, since_utc_ns: int) -> AsyncIterator[Bar]:
        """Bars that closed after then, however many answers they come in; only sound ones."""
        last = since_utc_ns
        for _ in range(PAGES_MAX):
            try:
                async with asyncio.timeout(READ_S):
                    told = await self._candles.bars(market, self._bar_s, last)
            except TimeoutError:
                raise Transient(f"no bars of {market} within {READ_S:g} s") from None
            now = self._wall_utc_ns()
            fresh = [bar for bar in told if last < bar.ts_close_utc_ns <= now + AHEAD_NS]
            before = last
            for bar in sorted(fresh, key=lambda bar: bar.ts_close_utc_ns):
                if bar.ts_close_utc_ns > last:
                    last = bar.ts_close_utc_ns
                    if self._sound(market, bar):
                        yield bar
            if last == before or last + self._bar_ns > now:
                return

    def _sound(self, market: str, bar: Bar) -> bool:
        prices = (bar.open_points, bar.high_points, bar.low_points, bar.close_points)
        finite = all(math.isfinite(price) for price in prices)
        inside = finite and bar.low_points <= min(prices) and max(prices) <= bar.high_points
        sound = inside and bar.market == market and 0 < bar.ts_close_utc_ns - bar.ts_open_utc_ns <= self._bar_ns
        if not sound:
            log.warning("bar_left_out", market=market, ts_close_utc_ns=bar.ts_close_utc_ns, prices=prices)
        return sound

    def _any_open(self) -> bool:
        """Whether a market is open, or was so short a time ago that its last bar may still come."""
        now = self._wall_utc_ns()
        moments = (now, now - self._delay_ns - 2 * self._bar_ns)
        return any(self._hours.session(market, ts) is not None for market in self._markets for ts in moments)

    def _overdue(self, last: Mapping[str, int]) -> bool:
        """Whether a bar has closed that has not come."""
        closed = (self._wall_utc_ns() - self._delay_ns) // self._bar_ns * self._bar_ns
        return any(
            last[market] < closed and self._hours.session(market, closed - 1) is not None for market in self._markets
        )

    async def _wait(self, last: Mapping[str, int], tries: int) -> None:
        """Until the next bar should be there; a moment, where one should be already. The wall clock may be set."""
        now = self._wall_utc_ns()
        if tries:
            until = now + round(min(RETRY_S * 2.0 ** min(tries - 1, DOUBLINGS_MAX), RETRY_MAX_S) * NS)
        else:
            grid = ((now - self._delay_ns) // self._bar_ns + 1) * self._bar_ns
            ends = (ts + self._bar_ns for ts in last.values())  # of bars that are not of the clock's hours
            until = min([grid, *(end for end in ends if end > now - self._delay_ns)]) + self._delay_ns
        while (left_s := (until - self._wall_utc_ns()) / NS) > 0:  # noqa: ASYNC110 - a clock that is set raises no event
            await asyncio.sleep(min(left_s, LOOK_S))


def _ordered(bars: Iterable[Bar]) -> list[Bar]:
    return sorted(bars, key=lambda bar: (bar.ts_close_utc_ns, bar.market))
