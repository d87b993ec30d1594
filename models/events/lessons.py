"""The curriculum: at first an order pays no fee, and a purchase is given a cent a contract; both fade out.

Most orders lose: the fee is more than what can be known of the next move, nearly always. Who begins with real costs
learns to hold, everywhere, before the few looks at which an order is worth its fee were ever told apart.
"""

from typing import Final, NamedTuple

import jax.numpy as jnp
from jax import Array

FADES_FROM_FRAC: Final = 0.2
REAL_FROM_FRAC: Final = 0.7
GIVEN_CENTS: Final = 1.0


class Lesson(NamedTuple):
    """How much of the help there is, 0 to 1."""

    help_frac: Array | float = 0.0


def lesson(progress: Array | float) -> Lesson:
    """The lesson at this part of the run, 0 to 1."""
    faded = (progress - FADES_FROM_FRAC) / (REAL_FROM_FRAC - FADES_FROM_FRAC)
    return Lesson(1.0 - jnp.clip(faded, 0.0, 1.0))


def helped_cents(now: Lesson, fee_cents: Array, bought_lots: Array) -> Array:
    """What is added to what an order made [cents]. Shapes: [B]."""
    return now.help_frac * (fee_cents + GIVEN_CENTS * bought_lots)
