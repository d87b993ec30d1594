"""What is timed: the futures environment of phase 2 on simulated bars, with the sizer chain that gamma ships."""

from functools import cache
from itertools import islice
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gamma import plugins
from gamma.feeds.series import COLUMNS, Series
from gamma.feeds.sim import SimFeed
from models import ppo
from models.futures.records import Floor, Lesson, State, Terms, World, world_of
from models.futures.tape import Tape, tape_of
from models.futures.together import market_env
from models.noise import mixed

MARKET: Final = "MNQ"
SIZERS: Final = ("atr_risk", "floor_room", "contract_cap")
FROM_UTC_NS: Final = 1_767_571_200_000_000_000  # 2026-01-05
BARS: Final = 20_000
ENV_STEPS: Final = 256


@cache
def tape() -> Tape:
    """The bars that are trained on."""
    bars = list(islice(SimFeed(markets=(MARKET,)).bars(FROM_UTC_NS), BARS))
    columns = {name: np.array([getattr(bar, name) for bar in bars]) for name in COLUMNS}
    bar_s = (bars[0].ts_close_utc_ns - bars[0].ts_open_utc_ns) // 1_000_000_000
    return tape_of(Series(market=MARKET, bar_s=bar_s, **columns))


def terms(window: int) -> Terms:
    """Phase 2, above a floor that trails by $2,500; `window` bars are seen."""
    chain = tuple(plugins.named(plugins.SIZERS, name).load()() for name in SIZERS)
    return Terms(phase=2, market=tape().market, sizers=chain, window=window, floor=Floor(drawdown_usd=2_500.0))


@cache
def world() -> World:
    """The tape on the device."""
    return world_of(tape())


def env(given: Terms, on: World) -> ppo.Env:
    """The environment as a policy is trained in it, in production: no help, real costs."""
    trained, production = market_env(given, on), Lesson()
    return trained._replace(
        reset=lambda _, salt: trained.reset(production, salt),
        step=lambda _, state, action: trained.step(production, state, action),
    )


def walk(given: Terms, on: World, state: State) -> tuple[State, Array]:
    """The environment alone: `ENV_STEPS` steps of actions by chance, each entry sized by the chain."""
    lanes, choices = env(given, on), given.actions

    def one(state: State, n: Array) -> tuple[State, Array]:
        action = (mixed(state.salt ^ mixed(n.astype(jnp.uint32))) % choices).astype(jnp.int32)
        state, told = lanes.step(None, state, action)
        return state, told.reward.sum() + told.figures["trades"]

    state, told = jax.lax.scan(one, state, jnp.arange(ENV_STEPS))
    return state, told.sum()[None]
