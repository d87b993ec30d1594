"""The Sharpe ratio, how sure it is, and what is left of it after luck: per period unless it says annual."""

import math
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import ArrayLike

from gamma.errors import InputInvalid
from gamma.stats.observations import LEVEL, NORMAL, equal, observed

EULER_GAMMA: Final = 0.57721566490153286


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Of returns per period: their count, Sharpe ratio per period, skewness and kurtosis (a normal's is 3).

    Skewness and kurtosis are those of the observations themselves (with 1/T), as in the papers cited below.
    """

    observations: int
    sharpe: float
    skewness: float
    kurtosis: float


def sharpe_per_period(returns: ArrayLike, risk_free_per_period: float = 0.0) -> float:
    """mean(r - f) / std(r, ddof 1), not annualised; NaN for fewer than two returns, or equal ones.

    Source: Sharpe (1994), The Sharpe Ratio.
    """
    x = observed(returns)
    if len(x) < 2 or equal(x):
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


def sharpe_interval_annual(returns: ArrayLike, periods_per_year: float, level: float = LEVEL) -> tuple[float, float]:
    """sharpe_annual +- z * sharpe_standard_error * sqrt(P), for independent returns; NaNs where it is not defined.

    Source: Lo (2002), The Statistics of Sharpe Ratios.
    """
    x = observed(returns)
    sharpe = sharpe_per_period(x)
    spread = NORMAL.inv_cdf(0.5 + level / 2.0) * sharpe_standard_error(sharpe, len(x))
    root = math.sqrt(periods_per_year)
    return (sharpe - spread) * root, (sharpe + spread) * root


def autocorrelation(returns: ArrayLike, lag: int = 1) -> float:
    """Sum (r_t - m)(r_{t-lag} - m) / sum (r_t - m)^2 [1]; NaN for no more than `lag` + 1 returns, or equal ones.

    Raises: InputInvalid for a lag below 1.
    """
    x = observed(returns)
    if lag < 1:
        raise InputInvalid(f"lag = {lag}: one period is the least")
    if len(x) < lag + 2 or equal(x):
        return math.nan
    y = x - x.mean()
    return float((y[lag:] * y[:-lag]).sum() / (y * y).sum())


def sharpe_annual_autocorrelated(returns: ArrayLike, periods_per_year: int) -> float:
    """sharpe_per_period * eta(P), eta as of an AR(1) with the autocorrelation seen at one lag; NaN without one.

    Returns that hang together make sharpe_annual too high, ones that alternate too low.
    Source: Lo (2002), The Statistics of Sharpe Ratios.
    """
    x = observed(returns)
    rho = autocorrelation(x)
    return sharpe_per_period(x) * sharpe_scale(periods_per_year, rho) if math.isfinite(rho) else math.nan


def moments(returns: ArrayLike) -> Moments:
    """What the probabilistic and deflated Sharpe ratios need."""
    x = observed(returns)
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
    return NORMAL.cdf((seen.sharpe - benchmark) * math.sqrt(seen.observations - 1) / math.sqrt(width))


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
    first, second = NORMAL.inv_cdf(1.0 - 1.0 / trials), NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
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
    return 1.0 + width * (NORMAL.inv_cdf(level) / (seen.sharpe - benchmark)) ** 2


def _width(seen: Moments) -> float:
    return 1.0 - seen.skewness * seen.sharpe + (seen.kurtosis - 1.0) / 4.0 * seen.sharpe**2
