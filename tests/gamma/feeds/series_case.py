"""Bars made by hand for the tests of files that are joined."""

import math
from dataclasses import replace
from itertools import takewhile
from typing import Any

import numpy as np

from gamma import calendar
from gamma.feeds.series import NS, PRICES, Floats, Series
from gamma.feeds.sim import SimFeed


def made(market: str, first: str, last: str, bar_s: int = 60, *, price: float = 20_000.0) -> Series:
    """Every bar of the sessions of `first` to `last`: a slow wave in whole ticks, ten lots a bar."""
    ts = np.concatenate(
        [
            np.arange(s.ts_open_utc_ns, s.ts_close_utc_ns, bar_s * NS, dtype=np.int64)
            for s in calendar.sessions(market, first, last)
        ]
    )
    ends = np.concatenate(
        [
            np.minimum(np.arange(s.ts_open_utc_ns, s.ts_close_utc_ns, bar_s * NS) + bar_s * NS, s.ts_close_utc_ns)
            for s in calendar.sessions(market, first, last)
        ]
    ).astype(np.int64)
    closes = price + np.round(40 * np.sin(np.arange(len(ts)) / 50)) * 0.25
    opens = np.concatenate(([price], closes[:-1]))
    return Series(
        market=market,
        bar_s=bar_s,
        ts_open_utc_ns=ts,
        ts_close_utc_ns=ends,
        open_points=opens,
        high_points=np.maximum(opens, closes) + 0.5,
        low_points=np.minimum(opens, closes) - 0.5,
        close_points=closes,
        volume_lots=np.full(len(ts), 10.0),
        spread_points=np.full(len(ts), math.nan),
    )


def moved(series: Series, points: float | Floats) -> Series:
    """The same bars at other prices."""
    return replace(
        series,
        open_points=series.open_points + points,
        high_points=series.high_points + points,
        low_points=series.low_points + points,
        close_points=series.close_points + points,
    )


def simulated(market: str, first: str, last: str, bar_s: int = 300, seed: int = 7) -> Series:
    """The simulator's bars of the sessions of `first` to `last`."""
    days = calendar.sessions(market, first, last)
    feed = SimFeed(markets=(market,), seed=seed, bar_s=bar_s)
    bars = list(takewhile(lambda b: b.ts_close_utc_ns <= days[-1].ts_close_utc_ns, feed.bars(days[0].ts_open_utc_ns)))
    names = ("ts_open_utc_ns", "ts_close_utc_ns", *PRICES, "volume_lots", "spread_points")
    columns: dict[str, Any] = {name: np.array([getattr(bar, name) for bar in bars]) for name in names}
    return Series(market=market, bar_s=bar_s, **columns)
