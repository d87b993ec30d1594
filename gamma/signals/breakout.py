"""`breakout`: buy a close above the channel of the last bars, sell one below it."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Self, final

from pydantic import BaseModel, Field

from gamma.bars import Bar
from gamma.events import SignalMade
from gamma.markets import Kind, Market
from gamma.params import parse

# Wilder's average never forgets; after ten times its length less than 0.01 % of what came before is left in it.
_MEMORY: Final = 10
# A distance that is a whole number of ticks comes out of binary arithmetic a hair beside it.
_TOLERANCE_TICKS: Final = 1e-6


@final
class BreakoutParams(BaseModel, frozen=True, extra="forbid"):
    """`entry_bars` the channel, `stop_atr` the stop's distance [ATR], `target_r` the target's [stops], 0 for none.

    Without a stop there is no target either: for brokers that hold none, where a lot cannot lose more than it costs.
    `limit_ticks`: the entry is by limit, so far beyond the close; without it, it is at market. After a signal there is
    no other for `cooldown_bars` bars.
    """

    entry_bars: Annotated[int, Field(ge=1, le=10_000)] = 55
    atr_bars: Annotated[int, Field(ge=1, le=1_000)] = 14
    stop_atr: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 1.5
    target_r: Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)] = 3.0
    cooldown_bars: Annotated[int, Field(ge=0, le=10_000)] = 0
    limit_ticks: Annotated[int, Field(ge=0, le=10_000)] | None = None


@final
class Breakout:
    """A Donchian channel breakout with a stop by average true range.

        long:   close > highest high of the `entry_bars` bars before          [points]
        short:  close < lowest low of the `entry_bars` bars before            [points]
        stop:   stop_atr * ATR, up to whole ticks;  target: target_r * stop   [ticks]

    A signal comes on the bar that crosses, and not again while closes stay beyond. ATR is Wilder's: the mean of
    the first `atr_bars` true ranges, then ATR + (true range - ATR) / atr_bars.
    Source: Faith, Way of the Turtle (2007); Wilder, New Concepts in Technical Trading Systems (1978).
    """

    Params: ClassVar = BreakoutParams

    def __init__(self, params: BreakoutParams, *, strategy: str, market: Market) -> None:
        self._params = params
        self._strategy = strategy
        self._market = market
        self._bars = 0
        self._ts_utc_ns = 0
        self._close = math.nan
        self._atr = math.nan
        self._beyond = 0
        self._silent_until = 0
        # (bar number, price), the extreme first: each bar enters once and leaves once.
        self._highs: deque[tuple[int, float]] = deque()
        self._lows: deque[tuple[int, float]] = deque()

    @classmethod
    def open(cls, params: Mapping[str, Any], *, strategy: str, market: Market) -> Self:
        """Open it from its table in the configuration.

        Raises: ConfigInvalid when a parameter is wrong.
        """
        return cls(parse(BreakoutParams, params, f"strategies.{strategy}.signal"), strategy=strategy, market=market)

    @property
    def bars_needed(self) -> int:
        """History that makes the channel whole and leaves the average true range no memory of its beginning."""
        return max(self._params.entry_bars + 1, _MEMORY * self._params.atr_bars)

    def warm_up(self, bars: Sequence[Bar]) -> None:
        """Take history without answering."""
        for bar in bars:
            self.on_bar(bar)

    def on_bar(self, bar: Bar) -> SignalMade | None:
        """Take one closed bar; it is judged by the channel of the bars before it.

        A bar of another market, one that is not news, or one whose prices are no numbers changes nothing.
        """
        whole = -math.inf < bar.low_points <= bar.close_points <= bar.high_points < math.inf
        if bar.market != self._market.symbol or bar.ts_close_utc_ns <= self._ts_utc_ns or not whole:
            return None
        high = self._highs[0][1] if self._highs else math.nan
        low = self._lows[0][1] if self._lows else math.nan
        full = self._bars >= self._params.entry_bars
        self._remember(bar)
        beyond = (int(bar.close_points > high) - int(bar.close_points < low)) if full else 0
        crossed, self._beyond = beyond not in (0, self._beyond), beyond
        if not crossed or self._bars < self._params.atr_bars or self._bars <= self._silent_until:
            return None
        self._silent_until = self._bars + self._params.cooldown_bars
        return self._signal(bar, beyond, high, low)

    def _remember(self, bar: Bar) -> None:
        number, keep = self._bars, self._bars - self._params.entry_bars + 1
        while self._highs and self._highs[-1][1] <= bar.high_points:
            self._highs.pop()
        while self._lows and self._lows[-1][1] >= bar.low_points:
            self._lows.pop()
        self._highs.append((number, bar.high_points))
        self._lows.append((number, bar.low_points))
        while self._highs[0][0] < keep:
            self._highs.popleft()
        while self._lows[0][0] < keep:
            self._lows.popleft()
        first = number == 0
        true_range = max(bar.high_points, bar.high_points if first else self._close) - min(
            bar.low_points, bar.low_points if first else self._close
        )
        span = min(number + 1, self._params.atr_bars)
        self._atr = true_range if first else self._atr + (true_range - self._atr) / span
        self._close, self._ts_utc_ns, self._bars = bar.close_points, bar.ts_close_utc_ns, number + 1

    def _signal(self, bar: Bar, side: int, high_points: float, low_points: float) -> SignalMade:
        stop_ticks = max(1, _up(self._params.stop_atr * self._atr * self._market.ticks_per_point))
        if not self._params.stop_atr:
            stop_ticks = 0
        return SignalMade(
            strategy=self._strategy,
            market=self._market.symbol,
            signal_id=f"{self._strategy}-{bar.ts_close_utc_ns}",
            slot_utc_ns=bar.ts_close_utc_ns,
            side=side,
            stop_ticks=stop_ticks,
            target_ticks=_up(self._params.target_r * stop_ticks),
            ts_event_utc_ns=bar.ts_close_utc_ns,
            price_ticks=self._limit_ticks(side, bar.close_points),
            risk_microusd_per_lot=0 if stop_ticks else self._cost_microusd(side, bar.close_points),
            notes={
                "close_points": bar.close_points,
                "channel_high_points": high_points,
                "channel_low_points": low_points,
                "atr_points": self._atr,
            },
        )

    def _limit_ticks(self, side: int, close_points: float) -> int:
        """The limit of an entry; 0 at market. An event contract has prices from 1 to 99 cents."""
        if self._params.limit_ticks is None:
            return 0
        ticks = self._market.ticks(close_points) + side * self._params.limit_ticks
        most = 100 * self._market.ticks_per_point - 1 if self._market.kind is Kind.EVENT else ticks
        return min(max(ticks, 1), most)

    def _cost_microusd(self, side: int, close_points: float) -> int:
        """What a contract costs that ends at 0 or 1 usd, and so the most that it can lose; 0 of other markets."""
        if self._market.kind is not Kind.EVENT:
            return 0
        paid = close_points if side > 0 else 100 - close_points
        return round(paid * self._market.ticks_per_point * self._market.tick_value_microusd)


def _up(ticks: float) -> int:
    return math.ceil(ticks - _TOLERANCE_TICKS)
