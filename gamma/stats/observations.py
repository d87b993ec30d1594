"""Observations: one row of finite numbers, or a refusal that names the one that is not."""

from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma.errors import InputInvalid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL: Final = 0.95
CRUMB: Final = 1e-10
NORMAL: Final = NormalDist()


def observed(values: ArrayLike) -> Floats:
    """The values as one row of finite numbers. Shapes: [N].

    Raises: InputInvalid for another shape, or a NaN or infinity among them, named by its place.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise InputInvalid(f"observations have {x.ndim} dimensions; give one row of numbers")
    if not bool(np.all(np.isfinite(x))):
        at = int(np.flatnonzero(~np.isfinite(x))[0])
        raise InputInvalid(f"observation {at} is {x[at]}; leave out what is not known, or mend it")
    return x


def equal(values: Floats) -> bool:
    """Whether all are one number, but for the crumbs of binary arithmetic: returns that come from sums leave some."""
    return not len(values) or bool(np.ptp(values) <= CRUMB * np.max(np.abs(values)))
