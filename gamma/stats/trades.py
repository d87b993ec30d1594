"""Figures of trades: how often they gained, and how much."""

import math

import numpy as np
from numpy.typing import ArrayLike

from gamma.stats.observations import LEVEL, NORMAL, observed


def profit_factor(pnl_usd: ArrayLike) -> float:
    """Sum of gains / sum of losses; infinite without a loss, NaN without any of either."""
    x = observed(pnl_usd)
    gained, lost = float(x[x > 0].sum()), float(-x[x < 0].sum())
    if lost > 0:
        return gained / lost
    return math.inf if gained > 0 else math.nan


def win_rate(pnl_usd: ArrayLike) -> float:
    """The share of trades that gained [1]; one that gained nothing did not win. NaN of none."""
    x = observed(pnl_usd)
    return float(np.mean(x > 0)) if len(x) else math.nan


def expectancy_usd(pnl_usd: ArrayLike) -> float:
    """Win rate * mean gain - loss rate * mean loss, which is the mean P&L of a trade; NaN of none."""
    x = observed(pnl_usd)
    return float(x.mean()) if len(x) else math.nan


def payoff_ratio(pnl_usd: ArrayLike) -> float:
    """Mean gain / mean loss; NaN without one of either."""
    x = observed(pnl_usd)
    gains, losses = x[x > 0], x[x < 0]
    return float(gains.mean() / -losses.mean()) if len(gains) and len(losses) else math.nan


def wilson(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval of a share [1] of which `hits` of `trials` were seen; 0 to 1 without trials.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if trials < 1:
        return 0.0, 1.0
    z = NORMAL.inv_cdf(0.5 + level / 2.0)
    share, over = hits / trials, 1.0 + z * z / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low = 0.0 if hits == 0 else (centre - spread) / over
    high = 1.0 if hits == trials else (centre + spread) / over
    return low, high
