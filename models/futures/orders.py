"""What is ordered, as a program: bars become worlds, and the configured account and sizers the terms of episodes."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import jax.numpy as jnp

from gamma.calendar import FlatBy
from gamma.errors import InputInvalid
from gamma.feeds.series import Series, concatenated
from gamma.floor import TrailsOn
from gamma.markets import MICRO
from gamma.ports import TrainingBars, TrainingMarket, TrainingOrder
from models import ppo
from models.futures import env
from models.futures.lessons import Curriculum, lesson
from models.futures.records import Course, Floor, Lesson, Terms, World, world_of
from models.futures.sizes import sized
from models.futures.tape import Tape, tape_of
from models.futures.together import envs_of, market_env, together
from models.program import Program
from models.training import config_of

PHASE_ONE_FLOOR_USD: Final = 15_000.0
SIZES_LOOKED_AT: Final = 2_000


def program_of(order: TrainingOrder) -> Program:
    """The run as a program.

    Raises: InputInvalid where nothing can be trained of it.
    """
    if order.phase not in (1, 2):
        raise InputInvalid(f"phase = {order.phase}: must be 1 (entries) or 2 (positions managed too)")
    plain = ppo.Config(envs=envs_of(len(order.markets)), hidden=tuple(order.hidden))
    config = config_of(order, plain, len(order.markets))
    tapes = [_tape(order, market) for market in order.markets]
    terms, worlds = [terms_of(order, market) for market in order.markets], [world_of(tape) for tape in tapes]
    for of, world in zip(terms, worlds, strict=True):
        _check_sizes(of, world)
    curriculum = _curriculum(order)
    return Program(
        world=tuple(worlds),
        env=lambda worlds: together([market_env(of, world) for of, world in zip(terms, worlds, strict=True)]),
        lesson=lambda progress: tuple(lesson(curriculum, of.market, progress) for of in terms),
        config=config,
        seeds=tuple(order.seeds),
    )


def _tape(order: TrainingOrder, given: TrainingMarket) -> Tape:
    flat_by = FlatBy(time=order.flat_by_new_york)
    return tape_of(joined(given.bars), flat_by=flat_by, half_spread_ticks=given.half_spread_ticks)


def _curriculum(order: TrainingOrder) -> Curriculum | None:
    if order.phase == 1:
        return None
    return Curriculum(entry_bonus_usd=order.entry_bonus_usd, manage_bonus_usd=order.manage_bonus_usd)


def joined(parts: Sequence[TrainingBars]) -> Series:
    """Bars of several files as one.

    Raises: InputInvalid when one does not follow another.
    """
    series: list[Series] = [part.series for part in parts]
    for before, after in pairwise(series):
        if after.ts_open_utc_ns[0] < before.ts_close_utc_ns[-1] or after.bar_s != before.bar_s:
            raise InputInvalid(f"{after.market}: give files of bars of one length, oldest first, and none over another")
    return concatenated(series)


def terms_of(order: TrainingOrder, given: TrainingMarket) -> Terms:
    """What an episode in this market is like."""
    return Terms(
        phase=order.phase,
        market=given.market,
        sizers=tuple(given.sizers),
        window=order.window_bars,
        balance_usd=order.balance_usd,
        floor=_floor(order),
    )


def _floor(order: TrainingOrder) -> Floor | None:
    """The account's floor; that of phase 1 is relaxed, so that a policy lives to learn."""
    rule = order.floor_rule
    if rule is None:
        return None
    relaxed, drawdown_usd = order.phase == 1, rule.drawdown_microusd / MICRO
    return Floor(
        drawdown_usd=max(PHASE_ONE_FLOOR_USD, drawdown_usd) if relaxed else drawdown_usd,
        trails=rule.trails_on is not TrailsOn.NONE,
        lock_usd=None if rule.lock_microusd is None or relaxed else rule.lock_microusd / MICRO,
    )


def _check_sizes(terms: Terms, world: World) -> None:
    """Refuse a market in which the sizers give no lot anywhere: there is nothing to learn in it."""
    course = Course(terms=terms, world=world, lesson=Lesson())
    starts = world.starts[:: max(1, world.starts.size // SIZES_LOOKED_AT)]
    state = env.reset(course, jnp.arange(starts.size, dtype=jnp.uint32))._replace(at=starts)
    if not (sized(course, state, jnp.ones_like(starts)).lots > 0).any():
        raise InputInvalid(
            f"{terms.market.symbol}: its sizers give 0 lots at every bar, with a balance of {terms.balance_usd:,.0f}"
            " usd: nothing can be learned; give the sizers more room, more capital, or take a smaller market"
        )
