"""What hourly bars are like, in numbers that real and simulated ones can be compared by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from gamma.errors import InputInvalid
from gamma.feeds.series import NS, Floats, Series, Times

HOUR_NS: Final = 3600 * NS
HOURS: Final = 24
# An hour of the day in which fewer than so many of its bars are there is one that does not trade.
TRADED_MIN: Final = 0.6
LAGS: Final = (
    1,
    2,
    3,
    5,
    8,
    12,
    18,
    23,
    35,
    46,
    69,
    92,
    115,
    172,
    230,
    345,
    460,
    690,
    1_150,
    1_725,
    2_300,
    3_450,
    4_600,
)
# Squares are cut off at this share of them, or one bar of 16 years would be all that their correlation tells of.
SQUARES_CUT: Final = 0.9995
SHARES: Final = (0.5, 0.75, 0.9, 0.99, 0.999, 0.9999)
HORIZONS: Final = (23, 115, 500)
SUMS: Final = (5, 23, 46, 115)
BARS_MIN: Final = 5_000
GAPS: Final = ("within the day", "over the daily break", "over the weekend")
# Longer than an hour is a break; as long as this, a weekend. What is longer is a holiday, and is left out.
WEEKEND_NS: Final = (47 * HOUR_NS, 55 * HOUR_NS)
BREAK_NS: Final = (HOUR_NS, 3 * HOUR_NS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measures:
    """Bars in numbers; returns are open to close [log], and "by hour" means as multiples of that hour's volatility.

    `rms_frac` is their root mean square, and `hours` each New York hour's share of it, 0 where none is traded.
    `tail` and `range_tail` are quantiles, at `SHARES`, of absolute returns and of ranges by hour. `mean_absolute`
    is the mean of the former; `absolute` and `squares` autocorrelations, at `LAGS`. `range_ratio`
    is mean range over mean absolute return. `gap_rms` and `gap_peak` are of the steps between bars by kind (`GAPS`):
    root mean square, and that over the median. `sums` are variances of closes over so many bars (`SUMS`), against
    those over one. `falls` are quantiles, at `SHARES`, of the largest fall and rise within each of `HORIZONS`.
    """

    bars: int
    rms_frac: float
    hours: Floats
    kurtosis: float
    tail: Floats
    range_tail: Floats
    range_ratio: float
    mean_absolute: float
    absolute: Floats
    squares: Floats
    gap_rms: Floats
    gap_peak: Floats
    sums: Floats
    falls: Floats
    by_hour: Floats
    worst: tuple[Floats, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """Real bars beside simulated markets of the same length."""

    real: Measures
    simulated: Sequence[Measures]


def measured(series: Series) -> Measures:
    """The measures of bars, which should be of years.

    Raises: InputInvalid when they are too few, or of another length.
    """
    if series.bar_s != 3600 or len(series) < BARS_MIN:
        there = f"{len(series):,} bars of {series.bar_s} s"
        raise InputInvalid(f"{there}: a fit needs {BARS_MIN:,} of 3,600 s or more; give years of hours")
    hour = new_york_hours(series.ts_open_utc_ns)
    moved = np.log(series.close_points / series.open_points)
    ranged = np.log(series.high_points / series.low_points)
    counts = np.bincount(hour, minlength=HOURS)
    traded = counts >= TRADED_MIN * counts.max()
    squares = np.bincount(hour, weights=moved**2, minlength=HOURS) / np.maximum(counts, 1)
    shares = np.where(traded, np.sqrt(squares / squares[traded].mean()), 0.0)
    kept = traded[hour]
    by_hour = moved[kept] / shares[hour[kept]]
    rms = float(np.sqrt(np.mean(by_hour**2)))
    by_hour /= rms
    range_by_hour = ranged[kept] / shares[hour[kept]] / rms
    gap_rms, gap_peak = _gaps(series, traded[hour])
    worst = tuple(_worst(series, bars) for bars in HORIZONS)
    return Measures(
        bars=len(series),
        rms_frac=rms,
        hours=shares,
        kurtosis=float(np.mean(by_hour**4)),
        tail=np.quantile(np.abs(by_hour), SHARES),
        range_tail=np.quantile(range_by_hour, SHARES),
        range_ratio=float(range_by_hour.mean() / np.abs(by_hour).mean()),
        mean_absolute=float(np.abs(by_hour).mean()),
        absolute=_correlations(np.abs(by_hour)),
        squares=_correlations(np.minimum(by_hour**2, np.quantile(by_hour**2, SQUARES_CUT))),
        gap_rms=gap_rms,
        gap_peak=gap_peak,
        sums=_sums(np.log(series.close_points)),
        falls=np.stack([np.quantile(one, SHARES) for one in worst]),
        by_hour=by_hour,
        worst=worst,
    )


def new_york_hours(ts_utc_ns: Times) -> Times:
    """The hour of New York's clock of each moment. Shapes: [T]."""
    local = pl.Series(ts_utc_ns).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("America/New_York")
    return local.dt.hour().to_numpy().astype(np.int64)


def _covariances(values: Floats) -> Floats:
    """Autocovariances at `LAGS`. Shapes: [T] to [LAGS]."""
    apart = values - values.mean()
    return np.array([float(np.mean(apart[:-lag] * apart[lag:])) for lag in LAGS])


def _correlations(values: Floats) -> Floats:
    return _covariances(values) / float(np.var(values))


def _gaps(series: Series, traded: Times) -> tuple[Floats, Floats]:
    """Root mean square of each kind of gap, and that over the median absolute gap."""
    steps = np.log(series.open_points[1:] / series.close_points[:-1])[traded[1:]]
    apart = np.diff(series.ts_open_utc_ns)[traded[1:]]
    kinds = (
        apart == HOUR_NS,
        (apart > BREAK_NS[0]) & (apart < BREAK_NS[1]),
        (apart >= WEEKEND_NS[0]) & (apart <= WEEKEND_NS[1]),
    )
    found: Sequence[Floats] = [steps[kind] if kind.any() else np.zeros(1) for kind in kinds]
    rms = np.array([np.sqrt(np.mean(one**2)) for one in found])
    middle = np.array([np.median(np.abs(one)) for one in found])
    return rms, np.divide(rms, middle, out=np.ones(len(rms)), where=middle > 0)


def _sums(close_log: Floats) -> Floats:
    """Variance over so many bars against that over one. Shapes: [T] to [SUMS]."""
    one = float(np.var(np.diff(close_log)))
    return np.array([float(np.var(close_log[bars:] - close_log[:-bars])) / bars / one for bars in SUMS])


def _worst(series: Series, bars: int) -> Floats:
    """The largest fall below, and rise above, the open of each tenth bar within so many [share of the open]."""
    starts = np.arange(0, len(series) - bars, 10)
    lows = np.lib.stride_tricks.sliding_window_view(series.low_points, bars)[starts].min(axis=1)
    highs = np.lib.stride_tricks.sliding_window_view(series.high_points, bars)[starts].max(axis=1)
    opened = series.open_points[starts]
    return np.concatenate([1 - lows / opened, highs / opened - 1])
