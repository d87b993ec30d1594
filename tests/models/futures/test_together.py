"""Environments of several markets as one, and the nights that nobody has to sit through."""

import jax
import jax.numpy as jnp
import numpy as np

from gamma.markets import market
from models.futures import env as futures
from models.futures.records import Course, Lesson, State, Terms, world_of
from models.futures.schema import Action
from models.futures.tape import MAY_ENTER, tape_of
from models.futures.together import envs_of, market_env, together
from sizers.fixed import Fixed
from tests.models.futures.market_case import simulated

SALTS = jnp.arange(64, dtype=jnp.uint32)


def _terms(symbol: str) -> Terms:
    return Terms(phase=2, market=market(symbol), sizers=(Fixed(lots=1),), window=1)


def test_whoever_holds_nothing_comes_to_the_bar_that_waiting_would_have_come_to() -> None:
    terms, world = _terms("MNQ"), world_of(tape_of(simulated("MNQ", 900)))
    course = Course(terms=terms, world=world, lesson=Lesson())
    hold = jnp.zeros(SALTS.shape, jnp.int32)
    env, flags = market_env(terms, world), np.asarray(world.flags)
    evening = np.flatnonzero((flags[:-1] & MAY_ENTER != 0) & (flags[1:] & MAY_ENTER == 0))
    first = futures.reset(course, SALTS)
    first = first._replace(at=first.at.at[:32].set(int(evening[0])), until=jnp.minimum(first.until, len(flags) - 1))
    woken, told = jax.jit(env.step)(Lesson(), first, hold)

    def walk(state: State, _: None) -> tuple[State, None]:
        idle = (((world.flags[state.at] & MAY_ENTER) == 0) | (state.at == first.at)) & (state.over == 0)
        after, _seen = futures.step(course, state, hold)
        return State(*(jnp.where(idle, new, old) for new, old in zip(after, state, strict=True))), None

    walked, _ = jax.lax.scan(walk, first, None, length=terms.bars)
    for one, other in zip(woken, walked, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(np.asarray(told.truncated), np.asarray(woken.over) > 0)
    skipped = np.asarray(woken.at) - np.asarray(first.at)
    assert (skipped > 1).any()
    assert (skipped == 1).any()


def test_neighbours_are_of_different_markets_and_each_is_as_it_would_be_alone() -> None:
    symbols = ("MNQ", "MES")
    parts = [market_env(_terms(symbol), world_of(tape_of(simulated(symbol, 900)))) for symbol in symbols]
    both, lessons = together(parts), (Lesson(), Lesson())
    state = both.reset(lessons, SALTS)
    action = jnp.where(both.legal(state)[:, Action.BUY], Action.BUY, Action.HOLD).astype(jnp.int32)
    after, told = both.step(lessons, state, action)
    for n, part in enumerate(parts):
        alone = part.reset(Lesson(), SALTS[n::2])
        assert np.array_equal(part.observe(alone), both.observe(state)[n::2])
        then, said = part.step(Lesson(), alone, action[n::2])
        assert np.array_equal(said.reward, told.reward[n::2])
        assert all(np.array_equal(one, other) for one, other in zip(then, after[n], strict=True))


def test_every_market_has_as_many_environments_in_whole_blocks() -> None:
    for markets in range(1, 9):
        assert envs_of(markets) % markets == 0
        assert envs_of(markets) >= 256
