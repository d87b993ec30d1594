"""What is left on later days of what was seen on those that were learned or chosen on. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, final

import numpy as np

from gamma import stats
from gamma.history import History
from gamma.history.figures import SESSIONS_A_YEAR, pnl_usd, session_returns
from gamma.stats import Floats

Measure = Callable[[Floats], float]
OF_SESSIONS: Final[dict[str, Measure]] = {
    "pnl_per_session_usd": stats.mean,
    "sharpe_annual": partial(stats.sharpe_annual, periods_per_year=SESSIONS_A_YEAR),
}
OF_TRADES: Final[dict[str, Measure]] = {
    "pnl_per_trade_usd": stats.expectancy_usd,
    "win_rate_frac": stats.win_rate,
    "profit_factor": stats.profit_factor,
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A figure on both spans, and `later` - `earlier` with its 95 % interval and two-sided p-value; NaN: not known."""

    name: str
    earlier: float
    later: float
    low: float
    high: float
    p_value: float

    @property
    def difference(self) -> float:
        """Later - earlier, in the figure's unit."""
        return self.later - self.earlier

    @property
    def significant(self) -> bool:
        """Whether the interval of the difference leaves 0 out."""
        return self.low > 0.0 or self.high < 0.0


def degradation(earlier: Sequence[History], later: Sequence[History]) -> list[Change]:
    """Hold the figures of later days against those of earlier ones.

    Both are resampled by the stationary bootstrap, apart from one another, 1,000 times; the p-value is twice the
    smaller share of differences on either side of 0.
    """
    found = []
    for row_of, measures in ((_sessions, OF_SESSIONS), (_trades, OF_TRADES)):
        before, after = row_of(earlier), row_of(later)
        found += [_change(name, measure, before, after) for name, measure in measures.items()]
    return found


def _change(name: str, measure: Measure, before: Floats, after: Floats) -> Change:
    low = high = p_value = math.nan
    if min(len(before), len(after)) > 1:
        draws = [
            stats.resampled(values, measure, block=None, seed=seed, resamples=stats.RESAMPLES)
            for seed, values in enumerate((before, after))
        ]
        gaps = draws[1] - draws[0]
        gaps = gaps[np.isfinite(gaps)]
        if 2 * len(gaps) >= stats.RESAMPLES:
            low, high = (float(edge) for edge in np.quantile(gaps, [0.025, 0.975]))
            side = min(int((gaps <= 0).sum()), int((gaps >= 0).sum()))
            p_value = min(1.0, 2 * (side + 1) / (len(gaps) + 1))
    return Change(name=name, earlier=measure(before), later=measure(after), low=low, high=high, p_value=p_value)


def _sessions(told: Sequence[History]) -> Floats:
    return session_returns(told) * told[0].start_usd


def _trades(told: Sequence[History]) -> Floats:
    return pnl_usd([trade for one in told for trade in one.trades])
