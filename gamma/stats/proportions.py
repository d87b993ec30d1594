"""How sure a share is: the exact interval of Clopper and Pearson, without SciPy."""

import math
from typing import Final

from gamma.errors import InputInvalid
from gamma.stats.observations import LEVEL

HALVINGS: Final = 60
TERMS: Final = 500
TINY: Final = 1e-300


def clopper_pearson(count: float, of: float, level: float = LEVEL) -> tuple[float, float]:
    """The interval of a share of which `count` were seen in `of` independent tries; (0, 1) where there were none.

    Both may be fractions, as effective counts of weighted tries are.
    Source: Clopper and Pearson (1934), The Use of Confidence or Fiducial Limits.
    Raises: InputInvalid for a count that is not between 0 and `of`.
    """
    if not 0.0 <= count <= of < math.inf:
        raise InputInvalid(f"{count} of {of} is no share; give a count from 0 to the number of tries")
    if of == 0.0:
        return 0.0, 1.0
    tail = (1.0 - level) / 2.0
    low = 0.0 if count == 0.0 else _quantile(tail, count, of - count + 1.0)
    high = 1.0 if count == of else _quantile(1.0 - tail, count + 1.0, of - count)
    return low, high


def _quantile(prob: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _beta_cdf(middle, a, b) < prob else (low, middle)
    return (low + high) / 2.0


def _beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz), on the side where that converges."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta_cdf(1.0 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    found, c, d = 1.0, 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0) or TINY)
    found = d
    for m in range(1, TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / (1.0 + term * d or TINY)
            c = 1.0 + term / c or TINY
            found *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return front * found
