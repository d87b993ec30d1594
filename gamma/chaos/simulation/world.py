"""The world of a schedule: markets that move by themselves, the bars that are made of it, and sizers that go mad.

All of it is a function of the seed, so that a daemon that starts again sees the world that it left.
"""

import asyncio
import math
import random
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import merge
from itertools import count, pairwise, repeat, takewhile
from typing import Final, Protocol, final
from zlib import crc32

from gamma.bars import Bar
from gamma.clock import NS
from gamma.events import Leg
from gamma.markets import Market, market
from gamma.reasons import Fact
from gamma.views import Num, View

# 10:00 in New York on a Tuesday.
START_UTC_NS: Final = 1_772_550_000 * NS
HISTORY_BARS: Final = 60  # as many as let a start look at no bars ahead for its proof of the guards
MISSING_SHARE: Final = 0.15
NONSENSE_SHARE: Final = 0.3
_NONSENSE: Final = (math.nan, math.inf, -1.0)
# As many moves are made at a time; a bar lies within one such stretch.
STRETCH: Final = 240
_SPAN_STEPS: Final = 10
_LEAST_TICKS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """A market of the world: its first price, the largest step of a move, and the highest price there is [ticks].

    What is sold of option structures are the `legs`, at the market's price; `width_ticks` is the most that they can
    cost.
    """

    symbol: str
    first_ticks: int
    step_ticks: int
    most_ticks: int = 10**9
    legs: tuple[Leg, ...] = field(default=(), hash=False)
    width_ticks: int = 0


_XSP_LEGS: Final = (Leg(symbol="XSP260417P00580000", ratio=1), Leg(symbol="XSP260417P00575000", ratio=-1))
MNQ: Final = Traded(symbol="MNQ", first_ticks=80_000, step_ticks=12)
MES: Final = Traded(symbol="MES", first_ticks=24_000, step_ticks=6)
XSP: Final = Traded(symbol="XSP", first_ticks=60, step_ticks=2, legs=_XSP_LEGS, width_ticks=100)
TRADED: Final[Mapping[str, Traded]] = {traded.symbol: traded for traded in (MES, MNQ, XSP)}


@dataclass(frozen=True, slots=True)
class Pace:
    """How long bars and the moves in them are [s]."""

    bar_s: int = 20
    move_s: int = 5

    @property
    def moves(self) -> int:
        """Moves in a bar."""
        return self.bar_s // self.move_s


BRISK: Final = Pace()


@dataclass(frozen=True, slots=True)
class Move:
    """What a market did in a few seconds [ticks]."""

    ts_utc_ns: int
    low: int
    high: int
    close: int


def move_at(seed: int, traded: Traded, pace: Pace, ts_utc_ns: int) -> Move:
    """The move of a market that ended then."""
    number = ts_utc_ns // (pace.move_s * NS) - 1
    return _stretch(seed, traded, pace.move_s, number // STRETCH)[number % STRETCH]


def bar_at(seed: int, traded: Traded, pace: Pace, ts_close_utc_ns: int) -> Bar:
    """The bar of a market that closed then."""
    number = ts_close_utc_ns // (pace.bar_s * NS) - 1
    bars = STRETCH // pace.moves
    return _bars(seed, traded, pace, number // bars)[number % bars]


@lru_cache(maxsize=24)
def _stretch(seed: int, traded: Traded, move_s: int, number: int) -> tuple[Move, ...]:
    """Moves one after the other: a walk from where this stretch begins to where the next one does."""
    symbol, price, step = traded.symbol, traded.first_ticks, traded.step_ticks
    begin, end = (price + round((_chance(seed, symbol, n) - 0.5) * _SPAN_STEPS * step) for n in (number, number + 1))
    draw = random.Random(f"moves {seed} {symbol} {number}").random
    walked, walk = 0, [0]
    for _ in range(STRETCH):
        walked += int(draw() * (2 * step + 1)) - step
        walk.append(walked)
    drift = end - begin - walked
    prices = [begin + w + drift * n // STRETCH for n, w in enumerate(walk)]
    prices = [min(traded.most_ticks, max(_LEAST_TICKS, p)) for p in prices]
    first_ns = (number * STRETCH + 1) * move_s * NS
    return tuple(
        Move(first_ns + n * move_s * NS, min(a, b) - int(draw() * 2), max(a, b) + int(draw() * 2), b)
        for n, (a, b) in enumerate(pairwise(prices))
    )


@lru_cache(maxsize=48)
def _bars(seed: int, traded: Traded, pace: Pace, number: int) -> tuple[Bar, ...]:
    """The bars of one stretch."""
    parts = _stretch(seed, traded, pace.move_s, number)
    opens = [_stretch(seed, traded, pace.move_s, number - 1)[-1].close, *(move.close for move in parts)]
    ends = range(pace.moves, STRETCH + 1, pace.moves)
    return tuple(_bar(market(traded.symbol), pace, parts[n - pace.moves : n], opens[n - pace.moves]) for n in ends)


def _bar(traded: Market, pace: Pace, parts: Sequence[Move], before: int) -> Bar:
    points = traded.points
    close_ns = parts[-1].ts_utc_ns
    return Bar(
        market=traded.symbol,
        ts_open_utc_ns=close_ns - pace.bar_s * NS,
        ts_close_utc_ns=close_ns,
        open_points=points(before),
        high_points=points(max(before, *(p.high for p in parts))),
        low_points=points(min(before, *(p.low for p in parts))),
        close_points=points(parts[-1].close),
        volume_lots=1_000.0,
        spread_points=points(1),
    )


class Slots(Protocol):
    """When the bars of a market close [ns]: those after a time, one after the other."""

    def __call__(self, symbol: str, after_utc_ns: int) -> Iterator[int]: ...


def always(symbol: str, after_utc_ns: int) -> Iterator[int]:  # noqa: ARG001
    """Bars without a break, from the history on; they never end."""
    bar_ns = BRISK.bar_s * NS
    after_utc_ns = max(after_utc_ns, START_UTC_NS - HISTORY_BARS * bar_ns)
    return count((after_utc_ns // bar_ns + 1) * bar_ns, bar_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Bars that close at the times that are listed, by market."""

    closes: Mapping[str, Sequence[int]]

    def __call__(self, symbol: str, after_utc_ns: int) -> Iterator[int]:
        closes = self.closes[symbol]
        return (closes[n] for n in range(bisect_right(closes, after_utc_ns), len(closes)))


@final
@dataclass(frozen=True, slots=True)
class WorldFeed:
    """Live bars of the world's markets; some never come: the share `missing` of those after `missing_from_utc_ns`."""

    seed: int
    markets: tuple[str, ...]
    now_ns: Callable[[], int]
    missing: float = 0.0
    missing_from_utc_ns: int = START_UTC_NS
    pace: Pace = BRISK
    slots: Slots = always
    traded: Mapping[str, Traded] = field(default_factory=lambda: TRADED)
    provides: frozenset[str] = frozenset({"bar", "volume", "spread"})

    @property
    def bar_s(self) -> int:
        return self.pace.bar_s

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        slots = takewhile(lambda ts: ts <= until_utc_ns, self._slots(market, 0))
        return [bar_at(self.seed, self.traded[market], self.pace, ts) for ts in list(slots)[-bars:]]

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        every = [zip(self._slots(symbol, after_utc_ns), repeat(symbol)) for symbol in self.markets]
        return (bar_at(self.seed, self.traded[symbol], self.pace, ts) for ts, symbol in merge(*every))

    async def closing(self, after_utc_ns: int) -> AsyncIterator[Bar]:
        """Bars as they close by true time, whatever the daemon takes for the time."""
        for bar in self.bars(min(after_utc_ns, self.now_ns())):
            await asyncio.sleep(max(0, bar.ts_close_utc_ns - self.now_ns()) / NS)
            yield bar

    def _slots(self, symbol: str, after_utc_ns: int) -> Iterator[int]:
        slots = self.slots(symbol, after_utc_ns)
        return (ts for ts in slots if not self._is_missing(symbol, ts)) if self.missing else slots

    def _is_missing(self, symbol: str, ts_utc_ns: int) -> bool:
        return ts_utc_ns > self.missing_from_utc_ns and _chance(self.seed, "missing", symbol, ts_utc_ns) < self.missing


@final
@dataclass(frozen=True, slots=True)
class Strange:
    """A sizer of a stranger's, last of its chain: mostly it lets all through, and now and then it talks nonsense."""

    seed: int

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002
        return self.answer(view.market.symbol, view.clock.ts_event_utc_ns)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002
        return {}

    def answer(self, symbol: str, ts_utc_ns: int) -> float:
        """What it answers in this market at that time [lots]; only a number above 0 allows anything."""
        drawn = _chance(self.seed, "strange", symbol, ts_utc_ns)
        return _NONSENSE[int(drawn / NONSENSE_SHARE * len(_NONSENSE))] if drawn < NONSENSE_SHARE else 10.0


def _chance(*parts: object) -> float:
    """A number in [0, 1) that these parts always give."""
    return crc32(" ".join(map(str, parts)).encode()) / 2**32
