"""Figures of returns: growth, volatility, and what a return is weighed against."""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from gamma.errors import InputInvalid
from gamma.stats.drawdowns import drawdown_of_returns
from gamma.stats.observations import CRUMB, LEVEL, Floats, equal, observed

RUINED: Final = -1.0
_CRUMB: Final = 1e-9


def mean(values: ArrayLike) -> float:
    """The arithmetic mean, in the unit of the values; NaN of none."""
    x = observed(values)
    return float(x.mean()) if len(x) else math.nan


def returns_of_values(values: ArrayLike) -> Floats:
    """Simple returns [1] from each value to the next, of prices or of equity. Shapes: [N - 1].

    Raises: InputInvalid where a value is not above 0, for then its return says nothing.
    """
    x = observed(values)
    if len(x) and not bool(np.all(x > 0)):
        at = int(np.flatnonzero(x <= 0)[0])
        raise InputInvalid(f"value {at} is {x[at]}; prices and equity must be above 0 to have returns")
    return np.diff(x) / x[:-1]


def growth(returns: ArrayLike) -> float:
    """prod(1 + r) - 1 [1]: what they come to, compounded; 0 of none."""
    return float(np.prod(1.0 + observed(returns))) - 1.0


def growth_annual(returns: ArrayLike, periods_per_year: float) -> float:
    """prod(1 + r)^(P / T) - 1 [1], P = periods a year; NaN of none, -1 once all is lost."""
    x = observed(returns)
    if not len(x):
        return math.nan
    if bool(np.any(x <= RUINED)):
        return -1.0
    return math.expm1(float(np.log1p(x).sum()) * periods_per_year / len(x))


def volatility_annual(returns: ArrayLike, periods_per_year: float) -> float:
    """std(r, ddof 1) [1 per period] * sqrt(P), P = periods a year; NaN for fewer than two, 0 for equal ones."""
    x = observed(returns)
    if len(x) < 2:
        return math.nan
    return 0.0 if equal(x) else float(x.std(ddof=1)) * math.sqrt(periods_per_year)


def downside_annual(returns: ArrayLike, periods_per_year: float, target_per_period: float = 0.0) -> float:
    """sqrt(mean(min(r - t, 0)^2)) * sqrt(P), over all observations; NaN of none, 0 without one below t."""
    x = observed(returns) - target_per_period
    return math.sqrt(float(np.mean(np.minimum(x, 0.0) ** 2)) * periods_per_year) if len(x) else math.nan


def sortino_annual(returns: ArrayLike, periods_per_year: float, target_per_period: float = 0.0) -> float:
    """(mean(r) - t) / sqrt(mean(min(r - t, 0)^2)) * sqrt(P), over all observations; NaN without one below t.

    Source: Sortino and van der Meer (1991), Downside risk.
    """
    x = observed(returns) - target_per_period
    below = downside_annual(x, 1.0)
    return float(x.mean()) / below * math.sqrt(periods_per_year) if below > 0 else math.nan


def calmar(returns: ArrayLike, periods_per_year: float) -> float:
    """growth_annual / drawdown_of_returns, over the whole record; NaN of none, and without a drawdown.

    Source: Young (1991), Calmar ratio: a smoother tool. He took 36 months.
    """
    fell = drawdown_of_returns(returns)
    return growth_annual(returns, periods_per_year) / fell if fell > 0 else math.nan


def return_over_volatility(returns: ArrayLike, periods_per_year: float) -> float:
    """growth_annual / volatility_annual; NaN for fewer than two returns, or equal ones."""
    spread = volatility_annual(returns, periods_per_year)
    return growth_annual(returns, periods_per_year) / spread if spread > 0 else math.nan


def information_ratio_annual(returns: ArrayLike, benchmark_returns: ArrayLike, periods_per_year: float) -> float:
    """mean(r - b) / std(r - b, ddof 1) * sqrt(P); NaN for fewer than two, or where the difference never varies.

    Raises: InputInvalid when the two are not of the same length.
    Source: Grinold and Kahn, Active Portfolio Management (1999).
    """
    own, other = observed(returns), observed(benchmark_returns)
    if len(own) != len(other):
        raise InputInvalid(f"{len(own)} returns and {len(other)} of the benchmark; give both of the same periods")
    over = own - other
    # A difference is no more exact than what it is made of.
    if len(over) < 2 or np.ptp(over) <= CRUMB * max(np.max(np.abs(own)), np.max(np.abs(other))):
        return math.nan
    return float(over.mean() / over.std(ddof=1)) * math.sqrt(periods_per_year)


def value_at_risk(values: ArrayLike, level: float = LEVEL) -> float:
    """The loss over one period that is exceeded in 1 - `level` of all, in the unit of the values; NaN of none.

    Empirical: minus the (1 - level) quantile of what was seen, between two observations in a straight line. A gain
    even there is below 0. The horizon is that of one value: a session's P&L gives a session's VaR.
    Raises: InputInvalid for a level that is not between 0 and 1.
    """
    x = observed(values)
    return -float(np.quantile(x, _tail(level))) if len(x) else math.nan


def conditional_value_at_risk(values: ArrayLike, level: float = LEVEL) -> float:
    """The mean loss of the worst periods, in the unit of the values; NaN of none.

    Empirical: of N periods the worst floor((N - 1)(1 - level)) + 1, which are those that lost `value_at_risk` or more.
    Raises: InputInvalid for a level that is not between 0 and 1.
    Source: Rockafellar and Uryasev (2000), Optimization of Conditional Value-at-Risk.
    """
    x = observed(values)
    worst = math.floor((len(x) - 1) * _tail(level) + _CRUMB) + 1
    return -float(np.sort(x)[:worst].mean()) if len(x) else math.nan


def _tail(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise InputInvalid(f"level = {level}: give a share between 0 and 1, as 0.95")
    return round(1.0 - level, 12)  # 1 - 0.95 is not 0.05 in binary arithmetic
