"""What is told of training an event policy: sums over a rollout's decisions, and the figures that they make."""

from collections.abc import Mapping
from typing import Any, Final

import jax.numpy as jnp
from jax import Array

from gamma.actions import ACTIONS, Base, decode
from models.events.records import Course, Seen, State
from models.events.sizes import CENTS

LEARNED: Final = ("reward", "policy_loss", "value_loss", "entropy", "divergence")


def sums_of(course: Course, state: State, action: Array, seen: Seen) -> dict[str, Array]:
    """What is told of a step, summed over the environments."""
    live = state.over == 0
    base = jnp.asarray([decode(number)[0] for number in range(ACTIONS)])[action]
    ordered, closed = live & (seen.ordered_lots > 0), seen.closed_lots > 0
    return {
        "decisions": live.sum(),
        "episodes": (seen.terminated | seen.truncated).sum(),
        "earned_usd": seen.reward.sum() * course.terms.reward_usd,
        "orders": ordered.sum(),
        "ordered_lots": seen.ordered_lots.sum(),
        "filled_lots": seen.filled_lots.sum(),
        "fee_cents": seen.fee_cents.sum().astype(jnp.float32),
        "closed": closed.sum(),
        "wins": (closed & (seen.pnl_cents > seen.fee_cents)).sum(),
        **{f"took_{one.name.lower()}": (live & (base == one)).sum() for one in Base},
    }


def figures(told: Mapping[str, Any]) -> dict[str, float]:
    """The figures of an update.

    `return_usd` is what was earned, by markets that closed, fees paid and what is held at the middle of the market.
    `filled_frac` is how much of what was ordered filled, and `win_frac` how many of the sales made money, with fees.
    """
    total = {name: float(value) for name, value in told["figures"].items()}
    markets, orders = max(total["episodes"], 1.0), max(total["orders"], 1.0)
    return {
        **{name: float(told[name]) for name in LEARNED},
        "return_usd": total["earned_usd"] / markets,
        "orders": total["orders"] / markets,
        "lots_per_order": total["ordered_lots"] / orders,
        "filled_frac": total["filled_lots"] / max(total["ordered_lots"], 1.0),
        "fees_usd": total["fee_cents"] / CENTS / markets,
        "win_frac": total["wins"] / max(total["closed"], 1.0),
        **{
            f"{one.name.lower()}_frac": total[f"took_{one.name.lower()}"] / max(total["decisions"], 1.0) for one in Base
        },
    }
