"""What a policy is shown in the environment: `features`' function, for B environments. Pure."""

import jax.numpy as jnp
from jax import Array

from models.events.features import LAGS, Sight, features
from models.events.records import Course, State
from models.events.sizes import CENTS, look


def observe(course: Course, state: State) -> Array:
    """What is seen at a look. Shapes: [B, width], float32."""
    world, row = course.world, state.row
    at = look(course, state)

    def middle(back: int) -> Array:
        then = jnp.maximum(state.at - back, 0)
        return (world.yes_bid[row, then] + 100 - world.no_bid[row, then]) * 0.5

    last = jnp.maximum(state.at - 1, 0)
    traded = jnp.where(state.at > 0, world.yes_taken[row, last] + world.no_taken[row, last], 0)
    seen = features(
        Sight(
            yes_bid=at.yes_bid,
            no_bid=at.no_bid,
            yes_lots=at.yes_lots,
            no_lots=at.no_lots,
            volume=at.volume,
            traded=traded,
            left_s=at.left_s,
            open_s=course.terms.open_s,
            spread_mean=at.spread_mean,
            before=tuple(middle(lag) for lag in LAGS),
            lots=state.lots,
            paid_usd=state.paid_cents / CENTS,
            cash_usd=state.cash_cents / CENTS,
        )
    )
    return jnp.stack([jnp.asarray(one, jnp.float32) for one in seen], axis=1)
