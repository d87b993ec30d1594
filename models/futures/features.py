"""What a futures policy sees of the market: one function, bar by bar, for training and live alike.

    state, seen = update(state, bar, hours)

All is made from bars alone, forward in time: nothing that comes later can change what was seen. Averages are
exponential (Wilder's for range and RSI), so that after `BARS_NEEDED` bars nothing of what stood before them is
left in a 32-bit number. Numbers are plain floats live, and traced in training.
Sources: Wilder, New Concepts in Technical Trading Systems (1978); Appel, Technical Analysis (2005), for MACD.
"""

import hashlib
import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gamma.bars import Bar, Session
from gamma.numeric import Num, maximum, minimum, where

BARS_NEEDED: Final = 600
LAGS: Final = 10
_SPANS: Final = {"atr": 14, "atr_slow": 60, "mean": 20, "fast": 12, "slow": 26, "rsi": 14, "volume": 60}
_CLIP: Final = 10.0
_HOUR_NS: Final = 3_600_000_000_000

# Of these a policy sees a window of bars.
MOVES: Final = (
    "change", "range", "body", "wick_above", "wick_below", "from_mean", "from_vwap", "rsi", "macd", "momentum",
    "volume_z",
)  # fmt: skip
# Of these it sees the last bar's.
TIMES: Final = (
    "atr_ratio", "day_sin", "day_cos", "to_cash_open", "to_flat", "in_cash", "has_volume", "warm",
)  # fmt: skip
SEEN: Final = MOVES + TIMES
SCHEMA_HASH: Final = hashlib.sha256(repr((1, MOVES, TIMES, LAGS, sorted(_SPANS.items()), _CLIP)).encode()).hexdigest()


class BarRow(NamedTuple):
    """One bar [points, lots]; `volume_lots` is NaN where it is unknown."""

    open_points: Num
    high_points: Num
    low_points: Num
    close_points: Num
    volume_lots: Num


class HoursRow(NamedTuple):
    """Where a bar's close lies in its session; `session` is a number of its own for each."""

    session: Num
    day_sin: Num
    day_cos: Num
    to_cash_open: Num
    to_flat: Num
    in_cash: Num


class Past(NamedTuple):
    """All that is remembered of the bars so far."""

    bars: Num
    closes: tuple[Num, ...]
    atr: Num
    atr_slow: Num
    mean: Num
    fast: Num
    slow: Num
    gain: Num
    loss: Num
    volume_mean: Num
    volume_variance: Num
    session: Num
    paid: Num
    traded: Num


def begin() -> Past:
    """Before the first bar."""
    zero = 0.0
    return Past(zero, (zero,) * LAGS, *(zero,) * 9, -1.0, zero, zero)


def bar_row(bar: Bar) -> BarRow:
    """A bar as the features take it."""
    return BarRow(bar.open_points, bar.high_points, bar.low_points, bar.close_points, bar.volume_lots)


class Bounds(NamedTuple):
    """The moments of a session [UTC ns], of one or of as many as there are bars [T]."""

    open: ArrayLike
    close: ArrayLike
    cash_open: ArrayLike
    cash_close: ArrayLike
    flat_by: ArrayLike


def bounds_of(session: Session) -> Bounds:
    """The moments of one session."""
    return Bounds(
        session.ts_open_utc_ns,
        session.ts_close_utc_ns,
        session.ts_cash_open_utc_ns,
        session.ts_cash_close_utc_ns,
        session.ts_flat_by_utc_ns,
    )


def hours(ts_close_utc_ns: ArrayLike, bounds: Bounds) -> HoursRow:
    """Where the closes of bars lie in their sessions; shapes: scalars, or [T]."""
    now = np.asarray(ts_close_utc_ns, dtype=np.int64)
    first, last, cash, cash_end, flat = (np.asarray(x, dtype=np.int64) for x in bounds)
    angle = 2 * math.pi * ((now - first) / np.maximum(last - first, 1))
    return HoursRow(
        session=(first // _HOUR_NS).astype(np.float64),
        day_sin=np.sin(angle),
        day_cos=np.cos(angle),
        to_cash_open=np.clip((cash - now) / _HOUR_NS, -12, 18) / 12,
        to_flat=np.clip((flat - now) / _HOUR_NS, -1, 23) / 12,
        in_cash=((now > cash) & (now <= cash_end)).astype(np.float64),
    )


def update(past: Past, bar: BarRow, at: HoursRow) -> tuple[Past, tuple[Num, ...]]:
    """Take one closed bar; gives what is remembered, and what is seen: one number for each name of `SEEN`."""
    first = past.bars < 1
    before = where(first, bar.close_points, past.closes[0])
    true_range = maximum(bar.high_points, before) - minimum(bar.low_points, before)
    change = bar.close_points - before
    now, volume = _remember(past, bar, at, true_range, change)
    atr = where(now.atr > 0, now.atr, 1.0)
    flat = now.gain + now.loss <= 0
    rsi = where(flat, 0.0, (now.gain - now.loss) / where(flat, 1.0, now.gain + now.loss))
    lag = where(past.bars < LAGS, bar.close_points, past.closes[LAGS - 1])
    moves = (
        change / atr,
        (bar.high_points - bar.low_points) / atr,
        (bar.close_points - bar.open_points) / atr,
        (bar.high_points - maximum(bar.open_points, bar.close_points)) / atr,
        (minimum(bar.open_points, bar.close_points) - bar.low_points) / atr,
        (bar.close_points - now.mean) / atr,
        (bar.close_points - now.paid / now.traded) / atr,
        rsi,
        (now.fast - now.slow) / atr,
        (bar.close_points - lag) / atr,
        volume,
    )
    times = (
        now.atr / where(now.atr_slow > 0, now.atr_slow, 1.0) - 1.0,
        at.day_sin,
        at.day_cos,
        at.to_cash_open,
        at.to_flat,
        at.in_cash,
        where(bar.volume_lots >= 0, 1.0, 0.0),
        minimum(now.bars / _SPANS["atr_slow"], 1.0),
    )
    return now, tuple(minimum(maximum(value, -_CLIP), _CLIP) for value in (*moves, *times))


def _remember(past: Past, bar: BarRow, at: HoursRow, true_range: Num, change: Num) -> tuple[Past, Num]:
    """What is remembered after this bar, and how unusual its volume is [standard deviations]."""
    bars = past.bars + 1.0
    known = bar.volume_lots >= 0
    size = where(known, bar.volume_lots, 0.0)
    off = size - past.volume_mean
    ready = known & (past.volume_variance > 0) & (past.bars >= _SPANS["volume"])
    unusual = where(ready, off / where(ready, past.volume_variance, 1.0) ** 0.5, 0.0)
    step = maximum(1.0 / bars, 2.0 / (_SPANS["volume"] + 1))
    same = at.session == past.session
    weight = where(known, size, 1.0)
    typical = (bar.high_points + bar.low_points + bar.close_points) / 3.0
    # A bar without trades still has a price; the smallest weight keeps the quotient defined.
    weight = maximum(weight, 1e-9)
    now = Past(
        bars=bars,
        closes=(bar.close_points, *past.closes[: LAGS - 1]),
        atr=_wilder(past.atr, true_range, bars, "atr"),
        atr_slow=_smooth(past.atr_slow, true_range, past.bars, "atr_slow"),
        mean=_smooth(past.mean, bar.close_points, past.bars, "mean"),
        fast=_smooth(past.fast, bar.close_points, past.bars, "fast"),
        slow=_smooth(past.slow, bar.close_points, past.bars, "slow"),
        gain=_wilder(past.gain, maximum(change, 0.0), bars, "rsi"),
        loss=_wilder(past.loss, maximum(-change, 0.0), bars, "rsi"),
        volume_mean=past.volume_mean + step * off,
        volume_variance=(1.0 - step) * (past.volume_variance + step * off * off),
        session=at.session,
        paid=where(same, past.paid, 0.0) + typical * weight,
        traded=where(same, past.traded, 0.0) + weight,
    )
    return now, unusual


def _wilder(average: Num, value: Num, bars: Num, name: str) -> Num:
    """A plain running mean until there are as many bars as its span, then Wilder's average."""
    return average + (value - average) / minimum(bars, float(_SPANS[name]))


def _smooth(average: Num, value: Num, bars_before: Num, name: str) -> Num:
    """An exponential average that begins at the first value."""
    return where(bars_before < 1, value, average + (value - average) * (2.0 / (_SPANS[name] + 1)))
