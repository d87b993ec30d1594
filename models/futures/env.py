"""The futures environment: a policy that opens positions (phase 1), then one that manages them too (phase 2).

    state = reset(course, salt);  state, seen = step(course, state, action)

Pure functions over records of arrays; shapes: B environments of one market. A decision falls on a bar's close, as
live: an entry fills at the next bar's open, at which its stop and target begin to work; inside a bar the stop counts
before the target. A trail moves at each close, before the next decision; where the price is past the stop by then,
the position leaves at the next open, as the daemon's does. Money is whole cents and prices are whole ticks, so that
N lots make N times what one lot makes, exactly. The lots come from the configured sizer chain, called with a view as
the daemon calls it; there is no other source of a size, and no default.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from models.futures.fills import Exit, Filled, entry_ticks, through_bar
from models.futures.records import CENTS, NO_FLOOR, Course, Seen, State, Terms
from models.futures.schema import Action
from models.futures.sight import leaving, legal
from models.futures.sizes import sized
from models.futures.stance import ceil_ticks
from models.futures.tape import CLOSE
from models.noise import chance


class _Booked(NamedTuple):
    """Money after a bar [cents]. Shapes: [B], int32."""

    balance: Array
    pnl: Array
    equity: Array
    equity_low: Array
    reference: Array
    floor: Array
    breached: Array


def reset(course: Course, salt: Array) -> State:
    """Begin an episode in each environment, at a bar of chance. Shapes: `salt` [B] uint32."""
    return _begin(course, salt, jnp.zeros(salt.shape, jnp.int32))


def step(course: Course, state: State, action: Array) -> tuple[State, Seen]:
    """One decision on a closed bar, then the next bar; an episode that is over begins anew, and decides nothing.

    So the last observation of an episode is shown like any other, and its worth can be told. What is illegal is held
    instead, here as live. Shapes: `action` [B] int32.
    """
    allowed = jnp.take_along_axis(legal(course, state), action[:, None], axis=1)[:, 0]
    act = jnp.where(allowed, action, Action.HOLD)
    managed = _manage(course, state, act)
    opened = _open(course, managed, act)
    row = course.world.ticks[state.at + 1]
    filled = through_bar(opened, row, leaving(course, managed), course.terms.slippage)
    booked = _book(course, state, opened, filled)
    after = _after(course, state, opened, filled, booked)
    seen = _seen(course, state, opened, filled, booked)
    seen = seen._replace(reward=seen.reward + _bonus(course, state, opened, act))
    fresh = _begin(course, state.salt, state.episode + 1)
    over = state.over > 0
    after = State(*(jnp.where(over, new, old) for new, old in zip(fresh, after, strict=True)))
    return after, Seen(*(jnp.where(over, 0, told).astype(told.dtype) for told in seen))


def _begin(course: Course, salt: Array, episode: Array) -> State:
    terms, world = course.terms, course.world
    at = world.starts[(chance(salt, episode, 0) * world.starts.shape[0]).astype(jnp.int32)]
    zero = jnp.zeros(salt.shape, jnp.int32)
    side = jnp.where(chance(salt, episode, 2) < 0.5, 1, -1)
    balance = zero + round(terms.balance_usd * CENTS)
    return State(
        at=at,
        until=jnp.minimum(at + terms.bars, world.flags.shape[0] - 1),
        salt=salt,
        episode=episode,
        # A forced start waits for its size: the side is set, and no lots.
        side=jnp.where(chance(salt, episode, 1) < course.lesson.forced_frac, side, 0).astype(jnp.int32),
        lots=zero,
        entry_ticks=zero,
        stop_ticks=zero,
        target_ticks=zero,
        best_ticks=zero,
        risk_ticks=zero,
        held=zero,
        at_break_even=zero,
        trailing=zero,
        balance_cents=balance,
        reference_cents=balance,
        floor_cents=_floor(terms, balance, zero + NO_FLOOR),
        over=zero,
    )


def _manage(course: Course, state: State, act: Array) -> State:
    """Break-even and the trail, by the action: where the stop belongs from now on; it only ever tightens.

    A trail that is switched off has moved at this bar's close already.
    """
    break_even, starts = act == Action.SL_TO_BE, act == Action.TRAIL_ON
    stop = jnp.where(break_even, _tighter(state.side, state.stop_ticks, state.entry_ticks), state.stop_ticks)
    return state._replace(
        stop_ticks=jnp.where(starts, _trailed(course, state), stop),
        trailing=jnp.where(starts, 1, jnp.where(act == Action.TRAIL_OFF, 0, state.trailing)),
        at_break_even=jnp.where(break_even, 1, state.at_break_even),
    )


def _trailed(course: Course, state: State) -> Array:
    """The stop behind the best price, by the true range of the last closed bar [ticks]."""
    atr_ticks = course.world.atr_points[state.at] * course.terms.market.ticks_per_point
    behind = state.best_ticks - state.side * ceil_ticks(course.terms.trail_atr * atr_ticks).astype(jnp.int32)
    return _tighter(state.side, state.stop_ticks, behind)


def _tighter(side: Array, stop: Array, candidate: Array) -> Array:
    return jnp.where(side * (candidate - stop) > 0, candidate, stop)


def _open(course: Course, state: State, act: Array) -> State:
    """The entry that was decided on, or the start inside a position that was forced on the episode."""
    world, terms = course.world, course.terms
    forced = (state.lots == 0) & (state.side != 0)
    wanted = jnp.where(act == Action.BUY, 1, jnp.where(act == Action.SELL, -1, 0))
    side = jnp.where(forced, state.side, wanted)
    size = sized(course, state, side)
    opens = size.lots > 0
    close = world.ticks[state.at, CLOSE]
    atr_ticks = world.atr_points[state.at] * terms.market.ticks_per_point
    offset = jnp.rint((2 * chance(state.salt, state.episode, 3) - 1) * atr_ticks).astype(jnp.int32)
    entry = jnp.where(forced, close + offset, entry_ticks(world.ticks[state.at + 1], side, terms.slippage))
    stop = close - side * size.stop_ticks
    zero = jnp.zeros_like(side)

    def taken(new: Array, old: Array) -> Array:
        return jnp.where(opens, new, jnp.where(forced, 0, old)).astype(jnp.int32)

    return state._replace(
        side=taken(side, state.side),
        lots=taken(size.lots, state.lots),
        entry_ticks=taken(entry, state.entry_ticks),
        stop_ticks=taken(stop, state.stop_ticks),
        target_ticks=taken(close + side * size.target_ticks, state.target_ticks),
        best_ticks=taken(entry, state.best_ticks),
        risk_ticks=taken(jnp.abs(entry - stop), state.risk_ticks),
        held=taken(zero, state.held),
        at_break_even=taken(zero, state.at_break_even),
        trailing=taken(zero, state.trailing),
    )


def _book(course: Course, before: State, opened: State, filled: Filled) -> _Booked:
    """What the bar did to the money and to the floor.

    Equity is looked at where the bar went best, which may raise the floor, then where it went worst.
    """
    terms = course.terms
    fee = jnp.rint(course.lesson.commission_frac * (terms.market.commission_microusd / 10_000)).astype(jnp.int32)
    entered = jnp.where(before.lots == 0, opened.lots, 0)
    closed = jnp.where(filled.exit > Exit.NONE, opened.lots, 0)
    made = _cents(terms, opened, filled.exit_ticks, closed)
    balance = before.balance_cents + made - fee * (entered + closed)
    held = opened.lots - closed
    last, best, worst = (
        balance + _cents(terms, opened, ticks, held)
        for ticks in (course.world.ticks[before.at + 1, CLOSE], filled.best_ticks, filled.worst_ticks)
    )
    reference = jnp.maximum(before.reference_cents, jnp.maximum(best, last))
    trails = terms.floor is not None and terms.floor.trails
    floor = _floor(terms, reference, before.floor_cents) if trails else before.floor_cents
    breached = worst <= floor
    return _Booked(
        balance=balance,
        pnl=made - 2 * fee * closed,
        equity=jnp.where(breached, worst, last),
        equity_low=worst,
        reference=reference,
        floor=floor,
        breached=breached,
    )


def _after(course: Course, before: State, opened: State, filled: Filled, booked: _Booked) -> State:
    ended = filled.exit > Exit.NONE
    side, at = opened.side, before.at + 1

    def kept(value: Array) -> Array:
        return jnp.where(ended, 0, value)

    after = opened._replace(
        at=at,
        side=kept(side),
        lots=kept(opened.lots),
        best_ticks=side * jnp.maximum(side * opened.best_ticks, side * filled.best_ticks),
        held=kept(opened.held + (opened.lots > 0)),
        at_break_even=kept(opened.at_break_even),
        trailing=kept(opened.trailing),
        balance_cents=booked.balance,
        reference_cents=booked.reference,
        floor_cents=booked.floor,
        over=(booked.breached | (at >= before.until)).astype(jnp.int32),
    )
    trails = (after.trailing > 0) & (after.lots > 0)
    return after._replace(stop_ticks=jnp.where(trails, _trailed(course, after), after.stop_ticks))


def _seen(course: Course, before: State, opened: State, filled: Filled, booked: _Booked) -> Seen:
    """What is told of the step; the reward is what the account made, in whole positions' largest losses."""
    terms = course.terms
    ended = filled.exit > Exit.NONE
    closed = jnp.where(ended, opened.lots, 0)
    close = course.world.ticks[before.at, CLOSE]
    earned = booked.equity - before.balance_cents - _cents(terms, before, close, before.lots)
    in_r = booked.pnl / jnp.maximum(opened.risk_ticks * terms.tick_cents * jnp.maximum(closed, 1), 1)
    reward = earned / terms.reward_cents - terms.hold_cost * (opened.lots > closed)
    reward += terms.trade_bonus * jnp.where(ended, jnp.clip(in_r, -1.0, terms.target_r), 0.0)
    return Seen(
        reward=reward.astype(jnp.float32),
        terminated=booked.breached,
        truncated=~booked.breached & (before.at + 1 >= before.until),
        opened_lots=jnp.where(before.lots == 0, opened.lots, 0),
        closed_lots=closed,
        pnl_cents=jnp.where(ended, booked.pnl, 0),
        equity_cents=booked.equity,
        equity_low_cents=booked.equity_low,
    )


def _bonus(course: Course, before: State, opened: State, act: Array) -> Array:
    """What the curriculum adds for an entry, and for an action that manages a position; 0 in production."""
    entered = (before.lots == 0) & (before.side == 0) & (opened.lots > 0)
    usd = entered * course.lesson.entry_bonus_usd + (act >= Action.SL_TO_BE) * course.lesson.manage_bonus_usd
    return (usd * CENTS / course.terms.reward_cents).astype(jnp.float32)


def _floor(terms: Terms, reference_cents: Array, floor_cents: Array) -> Array:
    """Where the floor lies under this reference; it never falls."""
    if terms.floor is None:
        return floor_cents
    below = reference_cents - round(terms.floor.drawdown_usd * CENTS)
    if terms.floor.lock_usd is not None:
        below = jnp.minimum(below, round(terms.floor.lock_usd * CENTS))
    return jnp.maximum(floor_cents, below)


def _cents(terms: Terms, state: State, ticks: Array, lots: Array) -> Array:
    """What so many lots of the position made at this price [cents]."""
    return state.side * (ticks - state.entry_ticks) * lots * terms.tick_cents
