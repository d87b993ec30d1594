"""What is odd in bars that can be read: holes in sessions, spikes, prices that stand still."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gamma import calendar
from gamma.bars import Session
from gamma.feeds.series import NS, Series

# A spike stands out beyond both neighbours by this many median ranges of the bars around it.
SPIKE_RANGES: Final = 20.0
SPIKE_WINDOW_BARS: Final = 61
# The least that a median range counts as, of the price: quiet nights are no measure.
RANGE_MIN_FRAC: Final = 1e-4
# In the cash session a price that stands still for so long has stopped coming.
FROZEN_S: Final = 1_800
FROZEN_MIN_BARS: Final = 10
# The index futures of CME paused from 16:15 to 16:30 New York time, every day until this one.
PAUSE_ENDED: Final = date(2021, 6, 28)
PAUSE: Final = ("16:15", "16:30")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Bars that are missing inside one session: from the close of the bar before to the open of the one after."""

    ts_from_utc_ns: int
    ts_to_utc_ns: int
    bars: int
    in_cash: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """A bar whose high or low stands `beyond_points` outside of both its neighbours, `ranges` median ranges."""

    ts_open_utc_ns: int
    beyond_points: float
    ranges: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A price that did not move in the cash session, over `bars` bars."""

    ts_from_utc_ns: int
    ts_to_utc_ns: int
    bars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found, in order of time; none of it is left out of the bars. `idle` bars have a volume of 0."""

    holes: tuple[Hole, ...]
    spikes: tuple[Spike, ...]
    frozen: tuple[Frozen, ...]
    idle: int


def inspect(series: Series) -> Inspection:
    """Look a series over, against its market's sessions."""
    number = sessions_of(series)
    return Inspection(
        holes=tuple(_holes(series, number)),
        spikes=tuple(_spikes(series, number)),
        frozen=tuple(_frozen(series, number)),
        idle=int(np.count_nonzero(series.volume_lots == 0)),
    )


def sessions_of(series: Series) -> NDArray[np.int64]:
    """The number of the session in which each bar opens, in the calendar's order; -1 outside of all. Shapes: [N]."""
    opens, closes = calendar.bounds(series.market)
    number = np.searchsorted(opens, series.ts_open_utc_ns, side="right") - 1
    inside = (number >= 0) & (series.ts_open_utc_ns < closes[np.maximum(number, 0)])
    return np.where(inside, number, -1).astype(np.int64)


def _holes(series: Series, number: NDArray[np.int64]) -> list[Hole]:
    same = (number[1:] == number[:-1]) & (number[1:] >= 0)
    missing = np.diff(series.ts_open_utc_ns) // (series.bar_s * NS) - 1
    found = []
    for row in np.flatnonzero(same & (missing > 0)).tolist():
        start, end = int(series.ts_close_utc_ns[row]), int(series.ts_open_utc_ns[row + 1])
        session = calendar.session_at(series.market, start)
        if session is None or _paused(session, start, end):
            continue
        in_cash = session.ts_cash_open_utc_ns <= start < session.ts_cash_close_utc_ns
        found.append(Hole(ts_from_utc_ns=start, ts_to_utc_ns=end, bars=int(missing[row]), in_cash=in_cash))
    return found


def _paused(session: Session, ts_from_utc_ns: int, ts_to_utc_ns: int) -> bool:
    """Whether the bars that are missing are all of the daily pause that the market used to have."""
    day = date.fromisoformat(session.date)
    if calendar.calendar_of(session.market) != "CME_Equity" or day >= PAUSE_ENDED:
        return False
    starts, ends = (calendar.utc_ns(day, time) for time in PAUSE)
    return starts <= ts_from_utc_ns and ts_to_utc_ns <= ends


def _spikes(series: Series, number: NDArray[np.int64]) -> list[Spike]:
    if len(series) < 3:
        return []
    high, low = series.high_points, series.low_points
    usual = pl.Series(high - low).rolling_median(SPIKE_WINDOW_BARS, center=True, min_samples=1).to_numpy()
    usual = np.maximum(usual, RANGE_MIN_FRAC * np.abs(series.close_points))
    beyond = np.zeros(len(series))
    above = high[1:-1] - np.maximum(high[:-2], high[2:])
    below = np.minimum(low[:-2], low[2:]) - low[1:-1]
    # Over the break between two sessions a market may open anywhere.
    within = (number[1:-1] == number[:-2]) & (number[1:-1] == number[2:])
    beyond[1:-1] = np.where(within, np.maximum(above, below), 0.0)
    return [
        Spike(
            ts_open_utc_ns=int(series.ts_open_utc_ns[row]),
            beyond_points=float(beyond[row]),
            ranges=float(beyond[row] / usual[row]),
        )
        for row in np.flatnonzero(beyond > SPIKE_RANGES * usual).tolist()
    ]


def _frozen(series: Series, number: NDArray[np.int64]) -> list[Frozen]:
    still = (series.high_points == series.low_points) & _in_cash(series, number)
    same = still[1:] & still[:-1] & (series.close_points[1:] == series.close_points[:-1]) & (number[1:] == number[:-1])
    starts = np.flatnonzero(~np.concatenate(([False], same)))
    ends = np.append(starts[1:], len(series)) - 1
    lasted_s = (series.ts_close_utc_ns[ends] - series.ts_open_utc_ns[starts]) / NS
    long = (ends - starts + 1 >= FROZEN_MIN_BARS) & (lasted_s >= FROZEN_S)
    return [
        Frozen(
            ts_from_utc_ns=int(series.ts_open_utc_ns[start]),
            ts_to_utc_ns=int(series.ts_close_utc_ns[end]),
            bars=int(end - start + 1),
        )
        for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True)
    ]


def _in_cash(series: Series, number: NDArray[np.int64]) -> NDArray[np.bool_]:
    inside = np.flatnonzero(number >= 0)
    found = np.zeros(len(series), dtype=np.bool_)
    numbers, which = np.unique(number[inside], return_inverse=True)
    opens, _ = calendar.bounds(series.market)
    sessions = [calendar.session_at(series.market, int(opens[n])) for n in numbers]
    hours = np.array(
        [(s.ts_cash_open_utc_ns, s.ts_cash_close_utc_ns) for s in sessions if s is not None], dtype=np.int64
    ).reshape(-1, 2)[which]
    ts = series.ts_open_utc_ns[inside]
    found[inside] = (hours[:, 0] <= ts) & (ts < hours[:, 1])
    return found
