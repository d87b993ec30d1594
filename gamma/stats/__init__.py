"""Figures of a strategy's results: small, own, exact. What is not defined is NaN, never a guess.

`returns` are simple returns per period [1], in order of time; P&L is in usd, equity in usd with open P&L. No figure
takes prices where it says returns: `returns_of_values` makes the one of the other. A figure that needs more
observations than there are, or divides by 0, is NaN. A NaN among the observations is refused.
"""

from gamma.stats.drawdowns import Drawdown, Episode, Falls, drawdown, drawdown_of_returns, episodes, falls
from gamma.stats.observations import LEVEL, Floats, Ints
from gamma.stats.resampling import RESAMPLES, bootstrap, resampled
from gamma.stats.returns import (
    calmar,
    conditional_value_at_risk,
    downside_annual,
    growth,
    growth_annual,
    information_ratio_annual,
    mean,
    return_over_volatility,
    returns_of_values,
    sortino_annual,
    value_at_risk,
    volatility_annual,
)
from gamma.stats.selection import BLOCKS, Overfitting, overfitting
from gamma.stats.sharpe import (
    EULER_GAMMA,
    Moments,
    autocorrelation,
    deflated_sharpe,
    expected_max,
    moments,
    probabilistic_sharpe,
    sharpe_annual,
    sharpe_annual_autocorrelated,
    sharpe_interval_annual,
    sharpe_per_period,
    sharpe_scale,
    sharpe_standard_error,
    track_record_min,
)
from gamma.stats.trades import expectancy_usd, payoff_ratio, profit_factor, wilson, win_rate

__all__ = [
    "BLOCKS",
    "EULER_GAMMA",
    "LEVEL",
    "RESAMPLES",
    "Drawdown",
    "Episode",
    "Falls",
    "Floats",
    "Ints",
    "Moments",
    "Overfitting",
    "autocorrelation",
    "bootstrap",
    "calmar",
    "conditional_value_at_risk",
    "deflated_sharpe",
    "downside_annual",
    "drawdown",
    "drawdown_of_returns",
    "episodes",
    "expectancy_usd",
    "expected_max",
    "falls",
    "growth",
    "growth_annual",
    "information_ratio_annual",
    "mean",
    "moments",
    "overfitting",
    "payoff_ratio",
    "probabilistic_sharpe",
    "profit_factor",
    "resampled",
    "return_over_volatility",
    "returns_of_values",
    "sharpe_annual",
    "sharpe_annual_autocorrelated",
    "sharpe_interval_annual",
    "sharpe_per_period",
    "sharpe_scale",
    "sharpe_standard_error",
    "sortino_annual",
    "track_record_min",
    "value_at_risk",
    "volatility_annual",
    "wilson",
    "win_rate",
]
