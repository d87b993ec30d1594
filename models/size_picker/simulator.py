"""Simulated hours of gold: volatility in clusters of several time scales, fat tails, the day's rhythm, gaps, trends.

Many paths at once, each a function of the seed and its place alone: the same seed gives the same bars wherever NumPy
draws the same numbers. Extremes within a bar are those of a Brownian path between its open and its close.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gamma.feeds.series import NS, Floats, Series, Times
from models.size_picker.form import Floats as Prices
from models.size_picker.market import MarketShape

HOUR_NS: Final = 3600 * NS
MARKET: Final = "XAU_USD"
TICK_USD: Final = 0.01
# Sunday 18:00 to Friday 17:00 in New York, without the hour from 17:00.
WEEK_BARS: Final = 5 * 23
FIRST_SUNDAY: Final = "2006-01-01"
WITHIN, BREAK, WEEKEND = 0, 1, 2
# No hour moves so far: what lies beyond is no market that a fit has seen.
MOVE_MAX_LOG: Final = 0.10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clock:
    """When hourly bars of gold open, of which hour of New York each is, and what lies before it. Shapes: [T]."""

    ts_open_utc_ns: Times
    hour: Times
    gap: Times


@cache
def clock(weeks: int) -> Clock:
    """So many weeks of hours, without holidays."""
    hours = np.concatenate([np.arange(day * 24 + 18, day * 24 + 18 + 23) for day in range(5)])
    local = np.datetime64(FIRST_SUNDAY, "h") + (np.arange(weeks)[:, None] * 168 + hours).ravel()
    zoned = pl.Series(local.astype("M8[ns]")).dt.replace_time_zone("America/New_York", non_existent="null")
    ts = zoned.dt.epoch("ns").to_numpy().astype(np.int64)
    place = np.arange(len(ts)) % WEEK_BARS
    gap = np.where(place == 0, WEEKEND, np.where(place % 23 == 0, BREAK, WITHIN))
    return Clock(ts_open_utc_ns=ts, hour=np.tile(hours % 24, weeks), gap=gap)


def simulate(shape: MarketShape, rng: np.random.Generator, weeks: int, price_usd: Prices) -> list[Series]:
    """A path of so many weeks from each price, all by one clock.

    Shapes: `price_usd` [P].
    """
    when, paths = clock(weeks), len(price_usd)
    bars = len(when.hour)
    level = _clusters(shape, rng, bars, paths)
    vol = level * np.array(shape.hours)[when.hour][:, None]
    shock = np.sqrt((shape.tail - 2) / _squares(rng, shape.tail, (bars, paths)))
    local = vol * shock
    move = local * rng.standard_normal((bars, paths))
    move += vol * shape.drift_vols * _drifts(shape, rng, bars, paths)
    jumps = rng.random((bars, paths)) < shape.jump_prob
    move[jumps] += vol[jumps] * shape.jump_vols * rng.standard_normal(int(jumps.sum()))
    gap_sd = level * np.array(shape.gap_vols)[when.gap][:, None]
    gaps = gap_sd * np.sqrt((shape.gap_tail - 2) / _squares(rng, shape.gap_tail, (bars, paths)))
    gaps *= rng.standard_normal((bars, paths))
    gaps[0] = 0.0
    np.clip(move, -MOVE_MAX_LOG, MOVE_MAX_LOG, out=move)
    np.clip(gaps, -MOVE_MAX_LOG, MOVE_MAX_LOG, out=gaps)
    close = np.cumsum(move + gaps, axis=0) + np.log(price_usd)
    far = 2 * (shape.reach * local) ** 2
    reach = rng.standard_exponential((2, bars, paths))
    up, down = (np.sqrt(move**2 + far * one) for one in reach)
    prices = close - move, close - (move - up) / 2, close - (move + down) / 2, close
    return _series(when, [np.rint(np.exp(one) / TICK_USD) * TICK_USD for one in prices])


def _clusters(shape: MarketShape, rng: np.random.Generator, bars: int, paths: int) -> Floats:
    """The volatility of each bar but for its hour [share of price], `vol_frac` in the root mean square."""
    logs = np.empty((bars, paths))
    sizes, keep = np.array(shape.cluster_sd), np.array(shape.cluster_kept)[:, None]
    turns, state = np.sqrt(1 - keep**2), rng.standard_normal((len(sizes), paths))
    for bar in range(bars):
        logs[bar] = sizes @ state
        state = keep * state + turns * rng.standard_normal((len(sizes), paths))
    clustered: Floats = shape.vol_frac * np.exp(logs - np.sum(sizes**2))
    return clustered


def _squares(rng: np.random.Generator, freedom: float, size: tuple[int, int]) -> Floats:
    """Draws of chi squared."""
    drawn: Floats = 2 * rng.standard_gamma(freedom / 2, size)
    return drawn


def _drifts(shape: MarketShape, rng: np.random.Generator, bars: int, paths: int) -> NDArray[np.float64]:
    """Up, none or down (1, 0, -1): it holds until it is drawn again, which is as likely in every bar."""
    again = rng.random((bars, paths)) * shape.drift_bars < 1
    again[0] = True
    drawn = rng.integers(-1, 2, (bars, paths), dtype=np.int8)
    last = np.maximum.accumulate(np.where(again, np.arange(bars)[:, None], 0), axis=0)
    return np.take_along_axis(drawn, last, axis=0).astype(np.float64)


def _series(when: Clock, prices: list[Floats]) -> list[Series]:
    unknown = np.full(len(when.hour), np.nan)
    opened, high, low, closed = (np.ascontiguousarray(one.T) for one in prices)
    return [
        Series(
            market=MARKET,
            bar_s=3600,
            ts_open_utc_ns=when.ts_open_utc_ns,
            ts_close_utc_ns=when.ts_open_utc_ns + HOUR_NS,
            open_points=opened[path],
            high_points=high[path],
            low_points=low[path],
            close_points=closed[path],
            volume_lots=unknown,
            spread_points=unknown,
        )
        for path in range(len(opened))
    ]
