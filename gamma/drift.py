"""Whether a record still looks like what was validated: chances of as bad a one, if nothing had changed. Pure.

Each function gives a p-value [1]: the probability of a record at least so bad from a strategy that is as it was. One
that cannot be told is NaN.
"""

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Final

SHIFT_STD: Final = 0.5
_NORMAL: Final = NormalDist()


def win_rate_p(wins: int, trades: int, validated_frac: float) -> float:
    """P(at most so many wins) of a binomial with the validated win rate; exact."""
    if not 0 <= validated_frac <= 1 or trades < 1:
        return math.nan
    if validated_frac in (0, 1):  # one that never won, or always did
        return 1.0 if validated_frac == 0 or wins == trades else 0.0
    log_win, log_loss = math.log(validated_frac), math.log1p(-validated_frac)
    return min(1.0, math.fsum(_binomial(k, trades, log_win, log_loss) for k in range(wins + 1)))


def r_multiples_p(r_multiples: Iterable[float], mean: float, std: float) -> float:
    """A CUSUM of R-multiples against a fall of their mean by half a standard deviation, as a p-value.

        S_n = max(0, S_(n-1) - d z_n - d^2 / 2),  z = (R - mean) / std,  d = 1/2;  p <= exp(-S_n)

    S_n is the largest log-likelihood ratio of the last trades, however many of them; of a record that has not changed
    its exponential, looked at backwards, is a martingale, whence the bound (Ville). R-multiples that are not known are
    left out.
    Source: Page (1954), Continuous inspection schemes.
    """
    if not (std > 0 and math.isfinite(mean)):
        return math.nan
    known = [r for r in r_multiples if math.isfinite(r)]
    total = 0.0
    for r in known:
        total = max(0.0, total - SHIFT_STD * (r - mean) / std - SHIFT_STD**2 / 2)
    return math.exp(-total) if known else math.nan


def slippage_p(slippage_ticks: Sequence[float], expected_ticks: float) -> float:
    """P(a mean slippage as large) if the expected one held, by the normal distribution and the sample's own spread."""
    known = [x for x in slippage_ticks if math.isfinite(x)]
    if len(known) < 2 or not math.isfinite(expected_ticks):
        return math.nan
    mean = math.fsum(known) / len(known)
    variance = math.fsum((x - mean) ** 2 for x in known) / (len(known) - 1)
    if variance <= 0:
        return 1.0 if mean <= expected_ticks else 0.0
    return 1.0 - _NORMAL.cdf((mean - expected_ticks) / math.sqrt(variance / len(known)))


def worst_p(values: Iterable[float]) -> float:
    """The smallest of several p-values, times how many are known: none of them is a lucky find; NaN where none is."""
    known = [value for value in values if not math.isnan(value)]
    return min(1.0, len(known) * min(known)) if known else math.nan


def _binomial(hits: int, trials: int, log_win: float, log_loss: float) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1)
    return math.exp(ways + hits * log_win + (trials - hits) * log_loss)
