"""The curriculum: how much help there is at each part of a training run, and how large a position may be.

Boot camp begins half of the episodes inside a position and rewards entries and management; what comes between takes
the help away; production has none of it, and real costs. A micro begins with one lot, goes on with half of its cap,
and ends with all of it, so that the policy comes to know the size at which it will trade.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from gamma.markets import Market
from models.futures.records import Lesson


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    """Shares of the run, 0 to 1, and what helps in them; phase 1 has none of the help.

    `commission_usd` is what a lot pays a side in boot camp, where that is less than it really is.
    """

    boot_camp_ends_frac: float = 0.2
    production_begins_frac: float = 0.8
    forced_frac: float = 0.5
    forced_least_frac: float = 0.1
    entry_bonus_usd: float = 300.0
    manage_bonus_usd: float = 400.0
    commission_usd: float = 0.25
    graduated: bool = True


def lesson(curriculum: Curriculum | None, market: Market, progress: Array | float) -> Lesson:
    """The lesson at this part of the run, 0 to 1; without a curriculum it is production from the start."""
    if curriculum is None:
        return Lesson()
    first, last = curriculum.boot_camp_ends_frac, curriculum.production_begins_frac
    way = jnp.clip((progress - first) / (last - first), 0.0, 1.0)
    done = progress >= last
    commission = market.commission_microusd / 1e6
    least = min(1.0, curriculum.commission_usd / commission) if commission else 1.0
    forced = curriculum.forced_frac + (curriculum.forced_least_frac - curriculum.forced_frac) * way
    graduated = curriculum.graduated and market.lots_max > 1
    cap = jnp.where(progress < first, 1.0, jnp.where(done, market.lots_max, max(1, market.lots_max // 2)))
    return Lesson(
        forced_frac=jnp.where(done, 0.0, forced),
        entry_bonus_usd=curriculum.entry_bonus_usd * (1.0 - way),
        manage_bonus_usd=curriculum.manage_bonus_usd * (1.0 - way),
        commission_frac=least + (1.0 - least) * way,
        lots_max=cap if graduated else float("inf"),
    )
