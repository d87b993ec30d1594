"""Arithmetic that reads the same for plain numbers and for traced arrays.

Plain numbers stay plain Python, which costs a tenth of what NumPy takes for a scalar; anything else
goes to its own array namespace. NaN passes through every function here, so that it can close at the end.
"""

import math
from typing import Any, Final

import array_api_compat
import numpy as np

# A Python or NumPy number live; a traced JAX array [B] in training. No static type covers both.
Num = Any

INF: Final = math.inf
NAN: Final = math.nan

_SCALARS: Final = frozenset({float, int, bool, np.float64})

# A quotient that should be a whole number of lots may come out a hair below it (50,000 * 0.009 / 150
# is 2.9999...): plain truncation loses a lot at many an exact boundary. The tolerance is
# relative, and so small that the budget is passed by less than a millionth of a cent per usd.
TOLERANCE_64: Final = 1e-9
TOLERANCE_32: Final = 2e-6


def namespace(*values: Num) -> Any:
    """The array namespace of the first traced or array value; NumPy's for plain scalars."""
    for value in values:
        if not isinstance(value, int | float | np.generic | np.ndarray):
            return array_api_compat.array_namespace(value)
    return np  # its compatible namespace would load a compiler for Fortran


def _plain(a: Num, b: Num = 0.0) -> bool:
    return type(a) in _SCALARS and type(b) in _SCALARS


def scalar(value: Num) -> Num:
    """A NumPy scalar as plain Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def where(condition: Num, then: Num, otherwise: Num) -> Num:
    """`then` where the condition holds, else `otherwise`."""
    if isinstance(condition, bool | np.bool_):
        return then if condition else otherwise
    return namespace(condition, then, otherwise).where(condition, then, otherwise)


def minimum(a: Num, b: Num) -> Num:
    """The smaller; NaN where either is."""
    if _plain(a, b):
        return a if a < b or a != a else b
    return namespace(a, b).minimum(a, b)


def maximum(a: Num, b: Num) -> Num:
    """The larger; NaN where either is."""
    if _plain(a, b):
        return a if a > b or a != a else b
    return namespace(a, b).maximum(a, b)


def ratio(part: Num, whole: Num) -> Num:
    """Quotient of part and whole; 0 where `whole` is 0 or less."""
    if _plain(part, whole):
        return part / whole if whole > 0 or whole != whole else 0.0
    none = whole <= 0
    return where(none, 0.0, part / where(none, 1.0, whole))


def floor(value: Num) -> Num:
    """The largest whole number that is not above the value; NaN and infinity stay what they are."""
    if _plain(value):
        return float(math.floor(value)) if -INF < value < INF else value
    return namespace(value).floor(value)


def above_zero(*values: Num) -> Num:
    """Whether every value is above 0 and finite; NaN is not."""
    found: Num = True
    for value in values:
        found = found & (value > 0) & (value < INF)
    return found


def known(*values: Num) -> Num:
    """Whether every value is a finite number."""
    found: Num = True
    for value in values:
        found = found & (value > -INF) & (value < INF)
    return found


def beside(xp: Any, value: Num) -> Num:
    """A number [...] as [..., 1], so that it meets each place of an array [..., K]."""
    return xp.asarray(value)[..., None]


def exp(value: Num) -> Num:
    """The exponential; the value must be so small that it does not overflow."""
    return math.exp(value) if _plain(value) else namespace(value).exp(value)


def log1p(value: Num) -> Num:
    """log(1 + value); the value must be above -1."""
    return math.log1p(value) if _plain(value) else namespace(value).log1p(value)


def tolerance(value: Num) -> float:
    """The share of a number that rounding alone may have added to it or taken from it."""
    dtype = getattr(value, "dtype", None)
    return TOLERANCE_32 if dtype is not None and dtype.itemsize < 8 else TOLERANCE_64
