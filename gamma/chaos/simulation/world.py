"""The world of a schedule: markets that move by themselves, the bars that are made of it, and eyes that see signals.

All of it is a function of the seed, so that a daemon that starts again sees the world that it left.
"""

import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final
from zlib import crc32

from gamma.bars import Bar
from gamma.clock import NS
from gamma.events import Leg, SignalMade
from gamma.feeds.pace import as_they_close
from gamma.markets import Kind, Market, market

# 10:00 in New York on a Tuesday.
START_UTC_NS: Final = 1_772_550_000 * NS
MOVE_S: Final = 5
BAR_S: Final = 20
MOVES: Final = BAR_S // MOVE_S
HISTORY_BARS: Final = 30
BARS_MAX: Final = 140
MISSING_SHARE: Final = 0.15
# First price and largest step of a move [ticks].
_BEGIN: Final[Mapping[str, tuple[int, int]]] = {"MNQ": (80_000, 12), "MES": (24_000, 6), "XSP": (60, 2)}
_LEGS: Final = (Leg(symbol="XSP P 580", ratio=-1), Leg(symbol="XSP P 575", ratio=1))


@dataclass(frozen=True, slots=True)
class Move:
    """What a market did in a few seconds [ticks]."""

    ts_utc_ns: int
    low: int
    high: int
    close: int


@lru_cache(maxsize=8)
def moves(seed: int, symbol: str) -> tuple[Move, ...]:
    """Every move of one market, from the history on."""
    draw = random.Random(f"moves {seed} {symbol}").random
    price, step = _BEGIN[symbol]
    made = []
    for n in range((HISTORY_BARS + BARS_MAX) * MOVES):
        before, price = price, max(4, price + int(draw() * (2 * step + 1)) - step)
        ts = START_UTC_NS + ((n + 1) * MOVE_S - HISTORY_BARS * BAR_S) * NS
        made.append(Move(ts, min(before, price) - int(draw() * 2), max(before, price) + int(draw() * 2), price))
    return tuple(made)


@lru_cache(maxsize=8)
def bars(seed: int, symbol: str) -> tuple[Bar, ...]:
    """Every bar of one market, from the history on."""
    traded, all_moves = market(symbol), moves(seed, symbol)
    return tuple(_bar(traded, all_moves[n : n + MOVES], all_moves[n - 1]) for n in range(MOVES, len(all_moves), MOVES))


def _bar(traded: Market, parts: Sequence[Move], before: Move) -> Bar:
    points = traded.points
    close_ns = parts[-1].ts_utc_ns
    return Bar(
        market=traded.symbol,
        ts_open_utc_ns=close_ns - BAR_S * NS,
        ts_close_utc_ns=close_ns,
        open_points=points(before.close),
        high_points=points(max(before.close, *(p.high for p in parts))),
        low_points=points(min(before.close, *(p.low for p in parts))),
        close_points=points(parts[-1].close),
        volume_lots=1_000.0,
        spread_points=points(1),
    )


@final
@dataclass(frozen=True, slots=True)
class WorldFeed:
    """Live bars of the world's markets; with `missing`, some never come."""

    seed: int
    markets: tuple[str, ...]
    now_ns: Callable[[], int]
    missing: bool = False
    provides: frozenset[str] = frozenset({"bar", "volume", "spread"})
    bar_s: int = BAR_S

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        return [bar for bar in self._of(market) if bar.ts_close_utc_ns <= until_utc_ns][-bars:]

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        every = [bar for symbol in self.markets for bar in self._of(symbol) if bar.ts_close_utc_ns > after_utc_ns]
        yield from sorted(every, key=lambda bar: (bar.ts_close_utc_ns, bar.market))

    def closing(self, after_utc_ns: int) -> AsyncIterator[Bar]:
        """Bars as they close by true time, whatever the daemon takes for the time."""
        return as_they_close(self.bars(min(after_utc_ns, self.now_ns())), self.now_ns)

    def _of(self, symbol: str) -> list[Bar]:
        return [bar for bar in bars(self.seed, symbol) if not self.missing or not self._is_missing(bar)]

    def _is_missing(self, bar: Bar) -> bool:
        late = bar.ts_close_utc_ns > START_UTC_NS
        return late and _chance(self.seed, "missing", bar.market, bar.ts_close_utc_ns) < MISSING_SHARE


@final
@dataclass(frozen=True, slots=True)
class Eyes:
    """A strategy that draws its signals, the same for the same bar; from `quiet_utc_ns` on it wants nothing."""

    seed: int
    strategy: str
    market: Market
    quiet_utc_ns: int
    stops: bool = True
    limits: bool = False
    bars_needed: int = 1

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Nothing to remember."""

    def on_bar(self, bar: Bar) -> SignalMade | None:
        """A signal on every second bar or so."""
        ts, symbol = bar.ts_close_utc_ns, self.market.symbol
        rng = random.Random(f"signal {self.seed} {self.strategy} {ts}")
        if ts >= self.quiet_utc_ns or rng.random() < 0.4:
            return None
        step = _BEGIN[symbol][1]
        spread = self.market.kind is Kind.OPTION_SPREAD
        side = -1 if spread else rng.choice((-1, 1))
        close = self.market.ticks(bar.close_points)
        stop, target = rng.randint(2 * step, 5 * step), rng.randint(2 * step, 6 * step)
        return SignalMade(
            strategy=self.strategy,
            market=symbol,
            signal_id=f"{self.strategy}@{ts}",
            slot_utc_ns=ts,
            side=side,
            stop_ticks=stop if self.stops else 0,
            target_ticks=target if self.stops and rng.random() < 0.7 else 0,
            ts_event_utc_ns=ts,
            price_ticks=max(1, close - side * rng.randint(-2, 3)) if self.limits else 0,
            credit_ticks=close if spread else 0,
            width_ticks=100 if spread else 0,
            risk_microusd_per_lot=max(1, 100 - close) * self.market.tick_value_microusd if spread else 0,
            legs=_LEGS if spread else (),
        )


def _chance(*parts: object) -> float:
    """A number in [0, 1) that these parts always give."""
    return crc32(" ".join(map(str, parts)).encode()) / 2**32
