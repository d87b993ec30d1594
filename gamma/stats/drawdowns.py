"""Falls of equity below its highest value before: the deepest, and each one by itself."""

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from gamma.errors import InputInvalid
from gamma.stats.observations import Floats, Ints, observed

DAY_NS = 86_400 * 10**9


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall of equity below its highest value before."""

    depth_usd: float
    depth_frac: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One fall, from the last observation at the peak to the first one back at it.

    `end` is the last observation where it was not `recovered`. `depth_frac` is of the peak, NaN where that is not
    above 0.
    """

    peak: int
    trough: int
    end: int
    recovered: bool
    depth_usd: float
    depth_frac: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Falls:
    """All falls of a record. Without one all but `count` and the depths, which are 0, are NaN.

    `longest_days` runs from a peak until equity is back at it, or to the end of the record where it never was;
    `recovery_longest_days` from a trough until then, of those that recovered. Days are of 24 hours.
    """

    count: int
    depth_max_usd: float
    depth_max_frac: float
    depth_mean_usd: float
    depth_mean_frac: float
    longest_days: float
    recovery_longest_days: float


def drawdown(equity_usd: ArrayLike) -> Drawdown:
    """The deepest fall on equity with open P&L, in usd and as a fraction of the peak before it, each by itself.

    No values have none, 0. The fraction is NaN when a peak is not above 0.
    """
    x = observed(equity_usd)
    if not len(x):
        return Drawdown(depth_usd=0.0, depth_frac=0.0)
    peaks = np.maximum.accumulate(x)
    depth = peaks - x
    frac = float(np.max(depth / peaks)) if bool(np.all(peaks > 0)) else math.nan
    return Drawdown(depth_usd=float(depth.max()), depth_frac=frac)


def drawdown_of_returns(returns: ArrayLike) -> float:
    """The deepest fall of compounded returns [1], which begin at 1; 0 of none."""
    return drawdown(_compounded(returns)).depth_frac


def episodes(equity_usd: ArrayLike) -> list[Episode]:
    """Every fall of equity, the earliest first. One value, or a rising row, has none."""
    x = observed(equity_usd)
    if not len(x):
        return []
    under = x < np.maximum.accumulate(x)
    edges = np.diff(under.astype(np.int8), prepend=0, append=0)
    found = []
    for first, after in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        trough = int(first + np.argmin(x[first:after]))
        peak = float(x[first - 1])
        depth = peak - float(x[trough])
        recovered = int(after) < len(x)
        found.append(
            Episode(
                peak=int(first) - 1,
                trough=trough,
                end=int(after) if recovered else len(x) - 1,
                recovered=recovered,
                depth_usd=depth,
                depth_frac=depth / peak if peak > 0 else math.nan,
            )
        )
    return found


def falls(equity_usd: ArrayLike, ts_utc_ns: Ints) -> Falls:
    """What all falls of equity come to; `ts_utc_ns` says when each value was.

    Raises: InputInvalid when there is not one time for each value.
    """
    x = observed(equity_usd)
    if len(x) != len(ts_utc_ns):
        raise InputInvalid(f"{len(x)} values of equity and {len(ts_utc_ns)} times; give one for each")
    found, deepest = episodes(x), drawdown(x)
    days = np.asarray(ts_utc_ns, dtype=np.int64) / DAY_NS
    return Falls(
        count=len(found),
        depth_max_usd=deepest.depth_usd,
        depth_max_frac=deepest.depth_frac,
        depth_mean_usd=float(np.mean([one.depth_usd for one in found])) if found else 0.0,
        depth_mean_frac=float(np.mean([one.depth_frac for one in found])) if found else 0.0,
        longest_days=max((float(days[one.end] - days[one.peak]) for one in found), default=math.nan),
        recovery_longest_days=max(
            (float(days[one.end] - days[one.trough]) for one in found if one.recovered), default=math.nan
        ),
    )


def _compounded(returns: ArrayLike) -> Floats:
    return np.concatenate(([1.0], np.cumprod(1.0 + observed(returns))))
