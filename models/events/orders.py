"""What is ordered, as a program: markets become worlds, and the configured account and sizers the terms of episodes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from gamma.errors import InputInvalid
from gamma.feeds.events.shape import BITCOIN_15M
from gamma.feeds.events.simulator import simulate
from gamma.feeds.events.tape import Tape
from gamma.ports import EventTrainingOrder
from models import ppo
from models.events import env
from models.events.figures import sums_of
from models.events.lessons import Lesson, helped_cents, lesson
from models.events.quotes import read
from models.events.records import Course, Seen, State, Terms, World, world_of
from models.events.sight import observe
from models.events.sizes import CENTS, legal, look
from models.noise import chance
from models.program import Program
from models.training import config_of

FIRST_LOOK: Final = 9
LOOKED_AT: Final = 1_024
PLAIN: Final = ppo.Config(envs=256, steps=128, discount=0.95, smoothing=0.8, entropy=0.003)


def program_of(order: EventTrainingOrder, learned: Tape) -> Program:
    """The run as a program, which learns from these markets.

    Raises: InputInvalid where nothing can be trained of it.
    """
    config = config_of(order, replace(PLAIN, hidden=tuple(order.hidden)))
    terms, world = terms_of(order), world_of(learned)
    _check_sizes(order, market_env(terms, world))
    return Program(
        world=world,
        env=lambda world: market_env(terms, world),
        lesson=lesson,
        config=config,
        seeds=tuple(order.seeds),
    )


def terms_of(order: EventTrainingOrder) -> Terms:
    """What an episode is like."""
    return Terms(
        market=order.market,
        sizers=tuple(order.sizers),
        balance_usd=order.balance_usd,
        sizes_lots=tuple(order.sizes_lots),
    )


def tapes_of(order: EventTrainingOrder) -> tuple[Tape, Tape | None]:
    """Markets to learn from, and those that are held out: the last ones, of the simulated and of each recording's.

    Raises: InputInvalid when there is none to learn from.
    """
    found = []
    if order.simulated:
        found.append(simulate(BITCOIN_15M, np.random.default_rng(order.simulated_seed), order.simulated))
    if order.recordings:
        found.append(read(order.recordings)[0])
    learned, held = [], []
    for tape in found:
        cut = len(tape) - round(order.held_out_frac * len(tape))
        learned.append(tape.part(slice(None, cut)))
        held.append(tape.part(slice(cut, None)))
    if not sum(map(len, learned)):
        raise InputInvalid("no market is left to learn from; give --markets or --recordings, and less of --held-out")
    return _joined(learned), _joined(held) if sum(map(len, held)) else None


def _joined(tapes: Sequence[Tape]) -> Tape:
    """Markets one after another; where some have fewer looks, nothing stands in what they lack."""
    looks = max(tape.yes_bid.shape[1] for tape in tapes)

    def whole(name: str, tape: Tape) -> NDArray[Any]:
        part: NDArray[Any] = getattr(tape, name)
        return part if part.ndim == 1 else np.pad(part, [(0, 0), (0, looks - part.shape[1]), (0, 0)][: part.ndim])

    names = tapes[0].names
    return Tape(**{name: np.concatenate([whole(name, tape) for tape in tapes]) for name in names})


def market_env(terms: Terms, world: World) -> ppo.Env:
    """The environments; the first episodes begin at looks of chance, so that not all markets close at once.

    A step is rewarded for what it traded: its fills at the middle of the next look, less fees, with the help of the
    lesson. What becomes of what was held before is left out. It is chance almost alone, and so much of it that nothing
    else could be learned: a middle makes up nearly all of its lag by the next look, and is a fair price from then on.
    """
    course = Course(terms, world)

    def reset(_: Lesson, salt: Array) -> State:
        state = env.reset(course, salt)
        part = chance(state.salt, state.episode, FIRST_LOOK)
        return state._replace(at=(part * (world.looks[state.row] - 1)).astype(jnp.int32))

    def step(now: Lesson, state: State, action: Array) -> tuple[State, ppo.Told]:
        after, seen = env.step(course, state, action)
        bought = jnp.where(seen.terminated, 0, seen.filled_lots - seen.closed_lots)
        helped = helped_cents(now, seen.fee_cents, bought) / (terms.reward_usd * CENTS)
        return after, ppo.Told(
            reward=seen.reward - held_reward(course, state, seen) + helped,
            terminated=seen.terminated,
            truncated=seen.truncated,
            counted=state.over == 0,
            figures=sums_of(course, state, action, seen),
        )

    return ppo.Env(
        reset=reset,
        step=step,
        observe=lambda state: observe(course, state),
        legal=lambda state: legal(course, state),
    )


def held_reward(course: Course, state: State, seen: Seen) -> Array:
    """The part of a step's reward that what was held before it made. Shapes: [B]."""
    last = course.world.looks[state.row] - 1
    now, then = (look(course, state._replace(at=jnp.minimum(state.at + later, last))).middle for later in (0, 1))
    worth = jnp.where(seen.terminated, course.world.payout[state.row], then)
    moved = state.lots * (worth - now) / (course.terms.reward_usd * CENTS)
    return jnp.where(state.over > 0, 0.0, moved).astype(jnp.float32)


def _check_sizes(order: EventTrainingOrder, at: ppo.Env) -> None:
    """Refuse a chain that leaves no size whole anywhere: there is nothing to learn with it."""
    if not at.legal(at.reset(Lesson(), jnp.arange(LOOKED_AT, dtype=jnp.uint32)))[:, 1:].any():
        raise InputInvalid(
            f"{order.market.symbol}: its sizers leave none of the sizes {', '.join(map(str, order.sizes_lots))} whole,"
            f" with a balance of {order.balance_usd:,.0f} usd: nothing can be learned; give the sizers more room, or"
            " the account more money (--balance)"
        )
