"""Figures of a strategy's results: small, own, exact. What is not defined is NaN, never a guess.

`returns` are simple returns per period [1], in order of time; P&L is in usd, equity in usd with open P&L. A figure
that needs more observations than there are, or divides by 0, is NaN. A NaN among the observations is refused.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma.errors import InputInvalid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EULER_GAMMA: Final = 0.57721566490153286
RESAMPLES: Final = 1_000
LEVEL: Final = 0.95
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Of returns per period: their count, Sharpe ratio per period, skewness and kurtosis (a normal's is 3).

    Skewness and kurtosis are those of the observations themselves (with 1/T), as in the papers cited below.
    """

    observations: int
    sharpe: float
    skewness: float
    kurtosis: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall of equity below its highest value before."""

    depth_usd: float
    depth_frac: float


def mean(values: ArrayLike) -> float:
    """The arithmetic mean, in the unit of the values; NaN of none."""
    x = _observed(values)
    return float(x.mean()) if len(x) else math.nan


def volatility_annual(returns: ArrayLike, periods_per_year: float) -> float:
    """std(r, ddof 1) [1 per period] * sqrt(P), P = periods a year."""
    x = _observed(returns)
    return float(x.std(ddof=1)) * math.sqrt(periods_per_year) if len(x) > 1 else math.nan


def sharpe_per_period(returns: ArrayLike, risk_free_per_period: float = 0.0) -> float:
    """mean(r - f) / std(r, ddof 1), not annualised; NaN for fewer than two returns, or equal ones.

    Source: Sharpe (1994), The Sharpe Ratio.
    """
    x = _observed(returns)
    # The deviation of equal numbers need not come out as 0 in binary arithmetic.
    if len(x) < 2 or bool(np.all(x == x[0])):
        return math.nan
    return float((x.mean() - risk_free_per_period) / x.std(ddof=1))


def sharpe_annual(returns: ArrayLike, periods_per_year: float, risk_free_per_period: float = 0.0) -> float:
    """sharpe_per_period * sqrt(P), P = periods a year."""
    return sharpe_per_period(returns, risk_free_per_period) * math.sqrt(periods_per_year)


def sharpe_standard_error(sharpe: float, observations: int) -> float:
    """sqrt((1 + SR^2 / 2) / T) for independent returns, SR and result per period.

    Source: Lo (2002), The Statistics of Sharpe Ratios, equation 9.
    """
    return math.sqrt((1.0 + sharpe * sharpe / 2.0) / observations) if observations > 0 else math.nan


def sharpe_scale(periods: int, autocorrelation: float) -> float:
    """eta(q) = q / sqrt(q + 2 sum_k (q - k) rho^k): what makes a Sharpe ratio of q periods of one of one period.

    `autocorrelation` is rho of an AR(1); without any, eta is sqrt(q).
    Source: Lo (2002), equation 20.
    """
    if not -1.0 < autocorrelation < 1.0:
        raise InputInvalid(f"autocorrelation = {autocorrelation}: must lie between -1 and 1")
    k = np.arange(1, periods)
    return float(periods / math.sqrt(periods + 2.0 * np.sum((periods - k) * autocorrelation**k)))


def sortino_annual(returns: ArrayLike, periods_per_year: float, target_per_period: float = 0.0) -> float:
    """(mean(r) - t) / sqrt(mean(min(r - t, 0)^2)) * sqrt(P), over all observations; NaN without one below t.

    Source: Sortino and van der Meer (1991), Downside risk.
    """
    x = _observed(returns) - target_per_period
    below = math.sqrt(float(np.mean(np.minimum(x, 0.0) ** 2))) if len(x) else 0.0
    return float(x.mean()) / below * math.sqrt(periods_per_year) if below > 0 else math.nan


def moments(returns: ArrayLike) -> Moments:
    """What the probabilistic and deflated Sharpe ratios need."""
    x = _observed(returns)
    sharpe = sharpe_per_period(x)
    if math.isnan(sharpe):
        return Moments(observations=len(x), sharpe=math.nan, skewness=math.nan, kurtosis=math.nan)
    z = (x - x.mean()) / x.std()
    return Moments(observations=len(x), sharpe=sharpe, skewness=float(np.mean(z**3)), kurtosis=float(np.mean(z**4)))


def probabilistic_sharpe(seen: Moments, benchmark: float = 0.0) -> float:
    """PSR [1]: the probability that the true Sharpe ratio is above `benchmark`, both per period.

        PSR = Phi((SR - SR*) sqrt(T - 1) / sqrt(1 - skew SR + (kurt - 1) / 4 SR^2))

    Source: Bailey and Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier.
    """
    width = _width(seen)
    if seen.observations < 2 or not width > 0:
        return math.nan
    return _NORMAL.cdf((seen.sharpe - benchmark) * math.sqrt(seen.observations - 1) / math.sqrt(width))


def expected_max(trials: int) -> float:
    """E[max] of N independent standard normals, about: (1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e)), g Euler's constant.

    0 for one trial, which nothing was chosen from.
    Source: Bailey and Lopez de Prado (2014), The Deflated Sharpe Ratio.
    Raises: InputInvalid for fewer than one trial.
    """
    if trials < 1:
        raise InputInvalid(f"trials = {trials}: one is the fewest; the run registry counts them")
    if trials == 1:
        return 0.0
    first, second = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return (1.0 - EULER_GAMMA) * first + EULER_GAMMA * second


def deflated_sharpe(seen: Moments, trials: int, variance_of_trials: float) -> float:
    """DSR [1]: the probability that the best of N trials has a true Sharpe ratio above 0, luck of choosing taken out.

        DSR = PSR(sqrt(V) * E[max of N])

    `variance_of_trials` is V, the variance of the trials' Sharpe ratios per period.
    Source: Bailey and Lopez de Prado (2014), The Deflated Sharpe Ratio.
    """
    if not variance_of_trials >= 0:
        return math.nan
    return probabilistic_sharpe(seen, math.sqrt(variance_of_trials) * expected_max(trials))


def track_record_min(seen: Moments, benchmark: float = 0.0, level: float = LEVEL) -> float:
    """MinTRL [periods]: how long a record must be for PSR to reach `level`; NaN when SR is not above the benchmark.

    Source: Bailey and Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier.
    """
    width = _width(seen)
    if not seen.sharpe > benchmark or not width > 0:
        return math.nan
    return 1.0 + width * (_NORMAL.inv_cdf(level) / (seen.sharpe - benchmark)) ** 2


def _width(seen: Moments) -> float:
    return 1.0 - seen.skewness * seen.sharpe + (seen.kurtosis - 1.0) / 4.0 * seen.sharpe**2


def drawdown(equity_usd: ArrayLike) -> Drawdown:
    """The deepest fall on equity with open P&L, in usd and as a fraction of the peak before it, each by itself.

    No values have none, 0. The fraction is NaN when a peak is not above 0.
    """
    x = _observed(equity_usd)
    if not len(x):
        return Drawdown(depth_usd=0.0, depth_frac=0.0)
    peaks = np.maximum.accumulate(x)
    depth = peaks - x
    frac = float(np.max(depth / peaks)) if bool(np.all(peaks > 0)) else math.nan
    return Drawdown(depth_usd=float(depth.max()), depth_frac=frac)


def drawdown_of_returns(returns: ArrayLike) -> float:
    """The deepest fall of compounded returns [1], which begin at 1."""
    return drawdown(np.concatenate(([1.0], np.cumprod(1.0 + _observed(returns))))).depth_frac


def profit_factor(pnl_usd: ArrayLike) -> float:
    """Sum of gains / sum of losses; infinite without a loss, NaN without any of either."""
    x = _observed(pnl_usd)
    gained, lost = float(x[x > 0].sum()), float(-x[x < 0].sum())
    if lost > 0:
        return gained / lost
    return math.inf if gained > 0 else math.nan


def win_rate(pnl_usd: ArrayLike) -> float:
    """The share of trades that gained [1]; one that gained nothing did not win."""
    x = _observed(pnl_usd)
    return float(np.mean(x > 0)) if len(x) else math.nan


def wilson(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval of a share [1] of which `hits` of `trials` were seen; 0 to 1 without trials.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if trials < 1:
        return 0.0, 1.0
    z = _NORMAL.inv_cdf(0.5 + level / 2.0)
    share, over = hits / trials, 1.0 + z * z / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low = 0.0 if hits == 0 else (centre - spread) / over
    high = 1.0 if hits == trials else (centre + spread) / over
    return low, high


def bootstrap(
    values: ArrayLike,
    figure: Callable[[Floats], float],
    *,
    block: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """The 95 % interval of a figure of values in order of time, by the stationary bootstrap.

    Blocks begin anywhere, go round the end, and last `block` values in the mean: T^(1/3) by default. Resamples in
    which the figure is not defined are left out; (NaN, NaN) for fewer than two values, or where half are.
    Source: Politis and Romano (1994), The Stationary Bootstrap.
    """
    x = _observed(values)
    if len(x) < 2:
        return math.nan, math.nan
    mean_block = max(1.0, len(x) ** (1 / 3) if block is None else block)
    rng = np.random.default_rng(seed)
    found = np.array([figure(x[_rows(rng, len(x), mean_block)]) for _ in range(resamples)])
    known = found[np.isfinite(found)]
    if 2 * len(known) < resamples:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return float(low), float(high)


def _rows(rng: np.random.Generator, length: int, block: float) -> NDArray[np.int64]:
    begins = rng.random(length) < 1.0 / block
    begins[0] = True
    starts = rng.integers(0, length, size=length)
    at = np.flatnonzero(begins)
    of = np.cumsum(begins) - 1
    return np.asarray((starts[at][of] + np.arange(length) - at[of]) % length, dtype=np.int64)


def _observed(values: ArrayLike) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise InputInvalid(f"observations have {x.ndim} dimensions; give one row of numbers")
    if not bool(np.all(np.isfinite(x))):
        at = int(np.flatnonzero(~np.isfinite(x))[0])
        raise InputInvalid(f"observation {at} is {x[at]}; leave out what is not known, or mend it")
    return x
