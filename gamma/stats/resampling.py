"""How sure a figure is: the stationary block bootstrap."""

import math
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from gamma.stats.observations import LEVEL, Floats, Ints, observed

RESAMPLES: Final = 1_000


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
    x = observed(values)
    if len(x) < 2:
        return math.nan, math.nan
    found = resampled(x, figure, block=block, seed=seed, resamples=resamples)
    known = found[np.isfinite(found)]
    if 2 * len(known) < resamples:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return float(low), float(high)


def resampled(
    values: Floats, figure: Callable[[Floats], float], *, block: float | None, seed: int, resamples: int
) -> Floats:
    """The figure of each resample, as `bootstrap` draws them. Shapes: [resamples]."""
    mean_block = len(values) ** (1 / 3) if block is None else block
    return np.array([figure(values[rows]) for rows in draws(len(values), mean_block, seed=seed, resamples=resamples)])


def draws(length: int, block: float, *, seed: int = 0, resamples: int = RESAMPLES) -> Iterator[Ints]:
    """The rows of each resample, as `bootstrap` draws them, so that one draw serves many figures. Shapes: [length]."""
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield _rows(rng, length, max(1.0, block))


def _rows(rng: np.random.Generator, length: int, block: float) -> Ints:
    begins = rng.random(length) < 1.0 / block
    begins[0] = True
    starts = rng.integers(0, length, size=length)
    at = np.flatnonzero(begins)
    of = np.cumsum(begins) - 1
    return np.asarray((starts[at][of] + np.arange(length) - at[of]) % length, dtype=np.int64)
