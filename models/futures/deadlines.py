"""When one may trade: the same for a whole tape in training and for one bar live. Nothing here needs JAX."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Entries end `cancel_before_s` before the moment to be flat by, positions `flat_before_s`.

    With `cash_only` entries are made in the hours of the cash market alone.
    """

    cash_only: bool = True
    cancel_before_s: int = 600
    flat_before_s: int = 300


def may_enter(left_s: ArrayLike, in_cash: ArrayLike, deadlines: Deadlines) -> Any:
    """Whether an entry may be decided on: by the time to the moment to be flat by [s]; shapes: scalars, or [T]."""
    left: Any = left_s
    cash: Any = in_cash
    return (left > deadlines.cancel_before_s) & ((cash > 0) | (not deadlines.cash_only))
