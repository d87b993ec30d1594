"""What a policy is shown, and what it may do: the same for training and live. Pure."""

from typing import Final

import jax.numpy as jnp
from jax import Array

from models.futures.features import MOVES
from models.futures.records import CENTS, NO_FLOOR, Course, State, Terms
from models.futures.tape import CLOSE, MAY_ENTER

HELD_BARS: Final = 100.0
_CLIP: Final = 10.0


def observe(course: Course, state: State) -> Array:
    """What is seen at the last closed bar. Shapes: [B, width], float32."""
    terms, world = course.terms, course.world
    own = jnp.stack(_own(course, state), axis=1)
    now = world.seen[state.at]
    if terms.window == 1:
        return jnp.concatenate([now, own], axis=1)
    back = state.at[:, None] - jnp.arange(1, terms.window)[None, :]
    moves = world.seen[:, : len(MOVES)][jnp.maximum(back, 0)]
    return jnp.concatenate([now, moves.reshape(moves.shape[0], -1), own], axis=1)


def legal(course: Course, state: State) -> Array:
    """What may be done at the last closed bar. Shapes: [B, actions], bool.

    Holding is always legal. A start that is forced on an episode waits for its position, and does nothing else.
    """
    terms, world = course.terms, course.world
    flat = (state.lots == 0) & (state.side == 0)
    enters = flat & ((world.flags[state.at] & MAY_ENTER) != 0) & (_room_left(terms, state) >= terms.room_min_frac)
    hold = jnp.ones_like(flat)
    if terms.phase == 1:
        return jnp.stack([hold, enters, enters], axis=1)
    held = state.lots > 0
    close, atr_ticks = world.ticks[state.at, CLOSE], world.atr_points[state.at] * terms.market.ticks_per_point
    profit = state.side * (close - state.entry_ticks)
    tightens = state.side * (state.entry_ticks - state.stop_ticks) > 0
    break_even = held & (profit >= terms.break_even_atr * atr_ticks) & (state.at_break_even == 0) & tightens
    trail_on = held & (state.trailing == 0) & (profit >= terms.trail_from_r * state.risk_ticks)
    trail_off = held & (state.trailing == 1)
    return jnp.stack([hold, enters, enters, break_even, trail_on, trail_off], axis=1)


def _room_left(terms: Terms, state: State) -> Array:
    """The share of the drawdown room that is left; 1 without a floor."""
    if terms.floor is None:
        return jnp.ones(state.at.shape, jnp.float32)
    room = (state.balance_cents - state.floor_cents).astype(jnp.float32)
    return room / (CENTS * terms.floor.drawdown_usd)


def _own(course: Course, state: State) -> tuple[Array, ...]:
    """The position, the room and the limits; distances in average true ranges."""
    terms, world = course.terms, course.world
    atr_ticks = jnp.maximum(world.atr_points[state.at] * terms.market.ticks_per_point, 1e-3)
    close, held = world.ticks[state.at, CLOSE], state.lots > 0

    def off(ticks: Array) -> Array:
        return jnp.where(held, jnp.clip(state.side * (ticks - close) / atr_ticks, -_CLIP, _CLIP), 0.0)

    from_entry = -off(state.entry_ticks)
    left = _room_left(terms, state)
    zero = jnp.zeros(state.at.shape, jnp.float32)
    return (
        jnp.where(held, state.side, 0).astype(jnp.float32),
        state.lots / terms.lots_max,
        from_entry,
        off(state.stop_ticks),
        off(state.target_ticks),
        jnp.minimum(state.held / HELD_BARS, _CLIP),
        jnp.where(held, jnp.clip(from_entry * atr_ticks / jnp.maximum(state.risk_ticks, 1), -_CLIP, _CLIP), 0.0),
        state.trailing.astype(jnp.float32),
        state.at_break_even.astype(jnp.float32),
        jnp.clip(1.0 - left, -_CLIP, _CLIP),
        jnp.clip(left, -_CLIP, _CLIP),
        (state.floor_cents != NO_FLOOR).astype(jnp.float32),
        ((world.flags[state.at] & MAY_ENTER) != 0).astype(jnp.float32),
        zero + terms.lots_max / 12.0,
    )
