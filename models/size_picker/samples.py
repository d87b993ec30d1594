"""Days of trades drawn anew: trades overlap and come in clusters, and a day's belong together."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gamma.stats.resampling import draws
from models.size_picker.form import Floats, Ints, Trades

DAY_NS: Final = 86_400 * 10**9
BLOCK_DAYS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Days:
    """The days of trades, and how often each was drawn: once for all figures, so that differences are paired.

    Shapes: `of` [N], the day of each trade; `times` [R, D]; `trades` [R], how many a resample has.
    """

    of: Ints
    times: Floats
    trades: Floats

    @classmethod
    def drawn(cls, trades: Trades) -> "Days":
        """The days on which trades began, drawn in blocks."""
        _, of = np.unique(trades.ts_entry_utc_ns // DAY_NS, return_inverse=True)
        counts = np.bincount(of)
        times = np.array([np.bincount(rows, minlength=len(counts)) for rows in draws(len(counts), BLOCK_DAYS)])
        return cls(of=of, times=times.astype(np.float64), trades=(times @ counts).astype(np.float64))
