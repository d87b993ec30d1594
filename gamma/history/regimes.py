"""What kind of market each bar stood in, by what was known at its close: no label looks ahead. Pure."""

from dataclasses import dataclass
from datetime import date
from typing import Final, final

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gamma import calendar
from gamma.feeds.inspection import sessions_of
from gamma.feeds.series import Series
from gamma.stats import Floats, Ints

Labels = NDArray[np.str_]

UNKNOWN: Final = "unknown"
# What each dimension may say, beside `unknown` while there are too few bars.
DIMENSIONS: Final = {
    "trend": ("trending", "between", "ranging"),
    "volatility": ("volatile", "calm"),
    "direction": ("bull", "bear"),
    "hours": ("morning", "afternoon", "night"),
}
ADX_BARS: Final = 14
TRENDING_ABOVE: Final = 25.0
RANGING_BELOW: Final = 20.0
VOLATILE_QUANTILE: Final = 0.75
# Twenty sessions of a future: 23 hours each.
VOLATILE_WINDOW_S: Final = 20 * 23 * 3_600
DIRECTION_SESSIONS: Final = 20
# Of New York. Gold's session is all cash: its morning is not the evening before.
MORNING_FROM: Final = "06:00"
NOON: Final = "12:00"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regimes:
    """Labels of the bars of one market, oldest first.

    Shapes: all [N].
    """

    ts_close_utc_ns: Ints
    trend: Labels
    volatility: Labels
    direction: Labels
    hours: Labels

    def of(self, dimension: str) -> Labels:
        """The labels of one of `DIMENSIONS`."""
        found: Labels = getattr(self, dimension)
        return found

    def between(self, ts_first_utc_ns: int, ts_last_utc_ns: int) -> "Regimes":
        """The bars that close from the first of these times to the last, both with them."""
        first = int(np.searchsorted(self.ts_close_utc_ns, ts_first_utc_ns, side="left"))
        last = int(np.searchsorted(self.ts_close_utc_ns, ts_last_utc_ns, side="right"))
        rows = slice(first, last)
        labels = {dimension: self.of(dimension)[rows] for dimension in DIMENSIONS}
        return Regimes(ts_close_utc_ns=self.ts_close_utc_ns[rows], **labels)

    def at(self, dimension: str, ts_utc_ns: Ints) -> Labels:
        """What was known at each of these times: the label of the last bar that had closed. Shapes: as the times."""
        row = np.searchsorted(self.ts_close_utc_ns, ts_utc_ns, side="right") - 1
        if not len(self.ts_close_utc_ns):
            return np.full(len(row), UNKNOWN)
        return np.where(row >= 0, self.of(dimension)[np.maximum(row, 0)], UNKNOWN)


def regimes(series: Series) -> Regimes:
    """Label every bar; give bars from some weeks before those that matter, for without them labels are `unknown`.

        trend       ADX(14 bars) above 25: trending; below 20: ranging; else between
        volatility  ATR(14 bars) / close above its 75th percentile over the 460 hours of bars before: volatile
        direction   close above the mean of the closes of the 20 sessions before its own: bull; else bear
        hours       in the cash session before noon in New York: morning; after it: afternoon; else night

    Percentiles are of what came strictly before a bar, and need a quarter of that window.
    Source: Wilder, New Concepts in Technical Trading Systems (1978), for ADX and ATR.
    """
    number = sessions_of(series)
    return Regimes(
        ts_close_utc_ns=series.ts_close_utc_ns,
        trend=_trend(series),
        volatility=_volatility(series),
        direction=_direction(series, number),
        hours=_hours(series, number),
    )


def atr(series: Series, bars: int = ADX_BARS) -> Floats:
    """Wilder's average true range [points]; NaN for the first `bars` bars. Shapes: [N]."""
    return _aligned(_wilder(_true_range(series), bars), len(series))


def adx(series: Series, bars: int = ADX_BARS) -> Floats:
    """Wilder's average directional movement index [0 to 100]; NaN for the first 2 `bars` - 1 bars. Shapes: [N]."""
    up, down = np.diff(series.high_points), -np.diff(series.low_points)
    plus = _wilder(np.where((up > down) & (up > 0), up, 0.0), bars)
    minus = _wilder(np.where((down > up) & (down > 0), down, 0.0), bars)
    both = plus + minus
    # Without any movement there is no direction.
    index = 100.0 * np.divide(np.abs(plus - minus), both, out=np.zeros_like(both), where=both > 0)
    return _aligned(_wilder(index[bars - 1 :], bars), len(series))


def _true_range(series: Series) -> Floats:
    before = series.close_points[:-1]
    found: Floats = np.maximum(series.high_points[1:], before) - np.minimum(series.low_points[1:], before)
    return found


def _wilder(values: Floats, bars: int) -> Floats:
    """The mean of the first `bars`, then average + (value - average) / bars; NaN before. Shapes: as the values."""
    found = np.full(len(values), np.nan)
    if len(values) >= bars:
        seeded = np.concatenate(([values[:bars].mean()], values[bars:]))
        found[bars - 1 :] = pl.Series(seeded).ewm_mean(alpha=1.0 / bars, adjust=False).to_numpy()
    return found


def _aligned(values: Floats, length: int) -> Floats:
    """What begins some bars late, NaN before. Shapes: [length]."""
    return np.concatenate((np.full(length - len(values), np.nan), values))[:length]


def _trend(series: Series) -> Labels:
    index = adx(series)
    named = [UNKNOWN, "trending", "ranging"]
    return np.select([np.isnan(index), index > TRENDING_ABOVE, index < RANGING_BELOW], named, "between")


def _volatility(series: Series) -> Labels:
    share = atr(series) / series.close_points
    window = max(4, VOLATILE_WINDOW_S // series.bar_s)
    # A NaN would stand in the window for good; null is left out.
    before = pl.Series(share).fill_nan(None).shift(1)
    high = before.rolling_quantile(
        VOLATILE_QUANTILE, interpolation="linear", window_size=window, min_samples=window // 4
    )
    line = high.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return np.where(np.isnan(share) | np.isnan(line), UNKNOWN, np.where(share > line, "volatile", "calm"))


def _direction(series: Series, number: Ints) -> Labels:
    inside = np.flatnonzero(number >= 0)
    found = np.full(len(series), UNKNOWN, dtype="<U9")
    if not len(inside):
        return found
    last = np.append(np.flatnonzero(np.diff(number[inside])), len(inside) - 1)
    ends = series.close_points[inside][last]  # of each session, [S]
    mean = np.full(len(ends), np.nan)
    if len(ends) > DIRECTION_SESSIONS:
        mean[DIRECTION_SESSIONS:] = sliding_window_view(ends, DIRECTION_SESSIONS)[:-1].mean(axis=1)
    line = mean[np.searchsorted(last, np.arange(len(inside)))]
    labels = np.where(series.close_points[inside] > line, "bull", "bear")
    found[inside] = np.where(np.isnan(line), UNKNOWN, labels)
    return found


def _hours(series: Series, number: Ints) -> Labels:
    found = np.full(len(series), "night", dtype="<U9")
    opens, _ = calendar.bounds(series.market)
    inside = np.flatnonzero(number >= 0)
    numbers, which = np.unique(number[inside], return_inverse=True)
    edges = np.array([_edges(series.market, int(opens[n])) for n in numbers], dtype=np.int64).reshape(-1, 3)[which]
    ts = series.ts_close_utc_ns[inside]
    found[inside[(edges[:, 0] <= ts) & (ts < edges[:, 1])]] = "morning"
    found[inside[(edges[:, 1] <= ts) & (ts < edges[:, 2])]] = "afternoon"
    return found


def _edges(market: str, ts_utc_ns: int) -> tuple[int, int, int]:
    """Where a session's morning begins, its noon, and where its afternoon ends."""
    session = calendar.session_at(market, ts_utc_ns)
    if session is None:
        return 0, 0, 0
    day = date.fromisoformat(session.date)
    early, noon = calendar.utc_ns(day, MORNING_FROM), calendar.utc_ns(day, NOON)
    return max(session.ts_cash_open_utc_ns, early), noon, session.ts_cash_close_utc_ns
