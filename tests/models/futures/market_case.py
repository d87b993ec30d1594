"""Bars for tests of the environment: simulated ones, and ones that are written out by hand."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from gamma import calendar
from gamma.bars import Bar
from gamma.feeds.series import COLUMNS, Series
from gamma.feeds.sim import SimFeed

WEDNESDAY = "2026-03-04"
MINUTE_NS = 60_000_000_000
FRIDAY_BEFORE_DST = 1_772_834_400_000_000_000  # 2026-03-06 22:00 UTC; New York's clocks change on the 8th


def simulated(
    market: str, bars: int, after_utc_ns: int = FRIDAY_BEFORE_DST - 4 * 86_400_000_000_000, *, seed: int = 11
) -> Series:
    """So many bars of five minutes."""
    return series_of(list(islice(SimFeed(markets=(market,), seed=seed).bars(after_utc_ns), bars)))


def drawn(market: str, level: float, prices: Sequence[tuple[float, float, float, float]]) -> Series:
    """Bars of five minutes that are given as open, high, low, close [points], from 10:00 New York time on.

    Before them stand as many flat ones at the level as a tape needs to warm up, 2 points from low to high.
    """
    session = calendar.sessions(market, WEDNESDAY, WEDNESDAY)[0]
    first = session.ts_cash_open_utc_ns + 30 * MINUTE_NS
    flat = [(level, level + 1, level - 1, level)] * 120
    start = first - len(flat) * 5 * MINUTE_NS
    bars = [
        Bar(
            market=market,
            ts_open_utc_ns=start + n * 5 * MINUTE_NS,
            ts_close_utc_ns=start + (n + 1) * 5 * MINUTE_NS,
            open_points=row[0],
            high_points=row[1],
            low_points=row[2],
            close_points=row[3],
        )
        for n, row in enumerate([*flat, *prices])
    ]
    return series_of(bars)


def series_of(bars: Sequence[Bar]) -> Series:
    """Bars as columns."""
    columns = {name: np.array([getattr(bar, name) for bar in bars]) for name in COLUMNS}
    bar_s = (bars[0].ts_close_utc_ns - bars[0].ts_open_utc_ns) // 1_000_000_000
    return Series(market=bars[0].market, bar_s=bar_s, **columns)
