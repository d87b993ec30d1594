"""What a policy is shown in the environment, and what it may do there: `stance`'s functions, for B positions. Pure."""

import jax.numpy as jnp
from jax import Array

from models.futures import stance
from models.futures.features import MOVES
from models.futures.records import NO_FLOOR, Course, State
from models.futures.stance import Stance
from models.futures.tape import CLOSE, MAY_ENTER, MUST_LEAVE


def observe(course: Course, state: State) -> Array:
    """What is seen at the last closed bar. Shapes: [B, width], float32."""
    terms, world = course.terms, course.world
    own = jnp.stack(stance.own(stance_of(course, state), _drawdown_usd(course), terms.lots_max), axis=1)
    now = world.seen[state.at]
    if terms.window == 1:
        return jnp.concatenate([now, own], axis=1)
    back = state.at[:, None] - jnp.arange(1, terms.window)[None, :]
    moves = world.seen[:, : len(MOVES)][jnp.maximum(back, 0)]
    return jnp.concatenate([now, moves.reshape(moves.shape[0], -1), own], axis=1)


def legal(course: Course, state: State) -> Array:
    """What may be done at the last closed bar. Shapes: [B, actions], bool.

    A start that is forced on an episode waits for its position, and does nothing else.
    """
    acts = stance.legal(course.terms, course.terms.phase, stance_of(course, state), _drawdown_usd(course))
    return jnp.stack(acts, axis=1)


def leaving(course: Course, state: State) -> Array:
    """Whether the position leaves at the next open: the day ends, or the price is past the stop. Shapes: [B], bool."""
    past = state.side * (state.stop_ticks - course.world.ticks[state.at, CLOSE]) >= 0
    due = (course.world.flags[state.at] & MUST_LEAVE) != 0
    return (state.lots > 0) & (past | due)


def stance_of(course: Course, state: State) -> Stance:
    """How the positions and their accounts stand at the last closed bar."""
    terms, world = course.terms, course.world
    return Stance(
        side=state.side,
        lots=state.lots,
        entry_ticks=state.entry_ticks,
        stop_ticks=state.stop_ticks,
        target_ticks=state.target_ticks,
        risk_ticks=state.risk_ticks,
        held_bars=state.held,
        at_break_even=state.at_break_even,
        trailing=state.trailing,
        leaving=leaving(course, state),
        room_cents=state.balance_cents - state.floor_cents,
        has_floor=state.floor_cents != NO_FLOOR,
        close_ticks=world.ticks[state.at, CLOSE],
        atr_ticks=world.atr_points[state.at] * terms.market.ticks_per_point,
        may_enter=(world.flags[state.at] & MAY_ENTER) != 0,
    )


def _drawdown_usd(course: Course) -> float:
    floor = course.terms.floor
    return stance.NO_DRAWDOWN_USD if floor is None else floor.drawdown_usd
