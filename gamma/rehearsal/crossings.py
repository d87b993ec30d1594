"""The signals of the breakout rule over whole columns of bars, to the last bit as it makes them bar by bar."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import polars as pl

from gamma.feeds.series import Series
from gamma.signals.breakout import BreakoutParams
from gamma.stats import Floats, Ints

# A target that nothing reaches lies so many ticks away.
NEVER: Final = -(2**62)
_TOLERANCE: Final = 1e-6


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """Signals of one rule: the bar that each came on, and its bracket. Shapes: all [K]."""

    row: Ints
    side: Ints
    stop_ticks: Ints
    target_ticks: Ints


@final
class Signals:
    """Makes the signals of rules, and what they share once."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._atr: dict[int, Floats] = {}
        self._crossings: dict[tuple[int, int, int], tuple[Ints, Ints]] = {}

    def of(self, params: BreakoutParams, ticks_per_point: int) -> Made:
        """As `gamma.signals.breakout` makes them, with the prices of the bracket as the engine sets them."""
        rows, sides = self._crossed(params)
        atr = self._atr_of(params.atr_bars)[rows]
        distance = np.maximum(1, np.ceil(params.stop_atr * atr * ticks_per_point - _TOLERANCE))
        reach = np.ceil(params.target_r * distance - _TOLERANCE)
        # Half to even, as Python rounds.
        reference = np.rint(self._series.close_points[rows] * ticks_per_point)
        fits = reference > np.where(sides > 0, distance, reach)
        rows, sides, distance, reach, reference = (x[fits] for x in (rows, sides, distance, reach, reference))
        target = np.where(reach > 0, reference + sides * reach, np.nan)
        return Made(
            row=rows,
            side=sides,
            stop_ticks=(reference - sides * distance).astype(np.int64),
            # Without a target the price is one that nothing reaches, on its side.
            target_ticks=np.where(np.isnan(target), -sides * NEVER, np.nan_to_num(target)).astype(np.int64),
        )

    def _crossed(self, params: BreakoutParams) -> tuple[Ints, Ints]:
        key = (params.entry_bars, params.cooldown_bars, params.atr_bars)
        if key not in self._crossings:
            self._crossings[key] = self._cross(params)
        return self._crossings[key]

    def _cross(self, params: BreakoutParams) -> tuple[Ints, Ints]:
        series, span = self._series, params.entry_bars
        high = pl.Series(series.high_points).rolling_max(span).shift(1).to_numpy()
        low = pl.Series(series.low_points).rolling_min(span).shift(1).to_numpy()
        beyond = (series.close_points > high).astype(np.int64) - (series.close_points < low)
        crossed = np.flatnonzero((beyond != 0) & (beyond != np.concatenate(([0], beyond[:-1]))))
        # The average true range must be whole too before a signal counts: only then does it begin a silence.
        rows = crossed[crossed + 1 >= params.atr_bars]
        if params.cooldown_bars:
            rows = _spaced(rows, params.cooldown_bars)
        return rows, beyond[rows]

    def _atr_of(self, bars: int) -> Floats:
        """Wilder's average, in the order of operations in which the rule takes it bar by bar."""
        if bars not in self._atr:
            series = self._series
            last = np.concatenate((series.high_points[:1], series.close_points[:-1]))
            below = np.concatenate((series.low_points[:1], series.close_points[:-1]))
            ranges = (np.maximum(series.high_points, last) - np.minimum(series.low_points, below)).tolist()
            averages, average = [], ranges[0]
            for number, true_range in enumerate(ranges):
                if number:
                    average += (true_range - average) / min(number + 1, bars)
                averages.append(average)
            self._atr[bars] = np.array(averages)
        return self._atr[bars]


def _spaced(rows: Ints, cooldown_bars: int) -> Ints:
    """The rows that do not fall into the silence after one that counts."""
    kept, silent_until = [], 0
    for row in rows.tolist():
        if row + 1 > silent_until:
            kept.append(row)
            silent_until = row + 1 + cooldown_bars
    return np.array(kept, dtype=np.int64)
