"""Environments of several markets as one, batched by market: what `models.ppo` trains in.

Neighbours are of different markets, so that every block of environments, and so every minibatch, has all of them.

Shapes: E environments of M markets, E / M of each.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax import Array

from models import ppo
from models.futures import env as futures
from models.futures.figures import peaks_of, sums_of
from models.futures.records import Course, Lesson, Seen, State, Terms, World
from models.futures.sight import legal, observe
from models.futures.tape import MAY_ENTER
from models.noise import chance

ENVS_LEAST: Final = 256
FIRST_LENGTH: Final = 9


def envs_of(markets: int) -> int:
    """How many environments there are: as many of each market, and 256 or a few more together."""
    return markets * ppo.BLOCKS * -(-ENVS_LEAST // (markets * ppo.BLOCKS))


def together(parts: Sequence[ppo.Env]) -> ppo.Env:
    """Environments of several markets as one; state, lesson and figures are tuples with one of each market."""
    count = len(parts)

    def split(x: Array) -> list[Array]:
        rows = x.reshape(-1, count, *x.shape[1:])
        return [rows[:, n] for n in range(count)]

    def mixed(xs: Sequence[Array]) -> Array:
        return jnp.stack(list(xs), axis=1).reshape(-1, *xs[0].shape[1:])

    def reset(lessons: Any, salt: Array) -> tuple[Any, ...]:
        return tuple(part.reset(lesson, own) for part, lesson, own in zip(parts, lessons, split(salt), strict=True))

    def step(lessons: Any, states: Any, action: Array) -> tuple[tuple[Any, ...], ppo.Told]:
        given = zip(parts, lessons, states, split(action), strict=True)
        after, told = zip(*(part.step(lesson, state, act) for part, lesson, state, act in given), strict=True)
        shared = {name: mixed([getattr(one, name) for one in told]) for name in ppo.Told._fields[:4]}
        return after, ppo.Told(
            **shared, figures=tuple(one.figures for one in told), peaks=tuple(one.peaks for one in told)
        )

    def every(part: Callable[[ppo.Env], Callable[[Any], Array]]) -> Callable[[Any], Array]:
        return lambda states: mixed([part(one)(state) for one, state in zip(parts, states, strict=True)])

    return ppo.Env(reset=reset, step=step, observe=every(lambda one: one.observe), legal=every(lambda one: one.legal))


def market_env(terms: Terms, world: World) -> ppo.Env:
    """The environments of one market.

    First episodes are of all lengths, so that the market's day is not the same in all environments at once. Who holds
    nothing is taken on to the next bar at which one may enter: at night there is nothing to decide.
    """
    wake = _wake(world)

    def course(now: Lesson) -> Course:
        return Course(terms=terms, world=world, lesson=now)

    plain = course(Lesson())

    def reset(now: Lesson, salt: Array) -> State:
        state = futures.reset(course(now), salt)
        part = chance(state.salt, state.episode, FIRST_LENGTH)
        return state._replace(until=state.at + 1 + (part * (state.until - state.at - 1)).astype(jnp.int32))

    def step(now: Lesson, state: State, action: Array) -> tuple[State, ppo.Told]:
        after, seen = _woken(wake, *futures.step(course(now), state, action))
        return after, ppo.Told(
            reward=seen.reward,
            terminated=seen.terminated,
            truncated=seen.truncated,
            counted=state.over == 0,
            figures=sums_of(plain, state, action, seen),
            peaks=peaks_of(state, after, seen),
        )

    return ppo.Env(
        reset=reset,
        step=step,
        observe=lambda state: observe(plain, state),
        legal=lambda state: legal(plain, state),
    )


def _wake(world: World) -> Array:
    """For each bar the next one, or itself, at which one may enter; the last bar where there is none. Shapes: [T]."""
    last = world.flags.shape[0] - 1
    may = jnp.where((world.flags & MAY_ENTER) != 0, jnp.arange(last + 1, dtype=jnp.int32), last)
    return jax.lax.cummin(may, reverse=True)


def _woken(wake: Array, after: State, seen: Seen) -> tuple[State, Seen]:
    """Go on to where there is something to decide, or to the episode's end; while nothing is held, nothing changes."""
    idle = (after.over == 0) & (after.lots == 0) & (after.side == 0)
    at = jnp.where(idle, jnp.minimum(wake[after.at], after.until), after.at)
    ends = idle & (at >= after.until)
    return (
        after._replace(at=at, over=jnp.where(ends, 1, after.over)),
        seen._replace(truncated=seen.truncated | ends),
    )
