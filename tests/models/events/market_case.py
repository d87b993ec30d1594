"""Event markets for tests: one written out look by look, or many by chance, and the caps that orders pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from gamma.actions import NAMES
from gamma.feeds.events import BITCOIN_15M, LEVELS, LOOK_S, Tape, simulate
from gamma.markets import event_market
from gamma.sizing import Sizer
from models.events import env
from models.events.records import Course, Seen, State, Terms, World, world_of
from sizers.cash_buffer import CashBuffer
from sizers.concentration_cap import ConcentrationCap
from sizers.encoded_size import EncodedSize
from sizers.impact_cap import ImpactCap
from sizers.liquidity_cap import LiquidityCap
from sizers.order_value_cap import OrderValueCap
from sizers.position_cap import PositionCap

MARKET: Final = event_market("KXBTC15M")
LOOKS: Final = 3
CHAIN: Final[dict[str, Sizer]] = {
    "encoded_size": EncodedSize(),
    "liquidity_cap": LiquidityCap(),
    "impact_cap": ImpactCap(),
    "order_value_cap": OrderValueCap(),
    "position_cap": PositionCap(),
    "concentration_cap": ConcentrationCap(),
    "cash_buffer": CashBuffer(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """One look: best bid and ask of YES, what is bid at each level of both sides, and what is sold to either side."""

    bid: int
    ask: int
    lots: int = 100
    sold: int = 0
    bought: int = 0


def written(looks: Sequence[Stood], payout: int = -1) -> Tape:
    """One market as it is written down; a side that nobody bids for stands at 0 or 100."""
    rows = [*looks, *[looks[-1]] * (LOOKS - len(looks))]  # all of one length, so that they share one compilation
    bids = np.array([[(one.bid, 100 - one.ask) for one in rows]], np.int32)
    there = bids[..., None] - np.arange(LEVELS) > 0
    lots = there * np.array([one.lots for one in rows], np.int32)[None, :, None, None]
    return Tape(
        yes_bid=bids[..., 0],
        no_bid=bids[..., 1],
        yes_lots=lots[:, :, 0].astype(np.int32),
        no_lots=lots[:, :, 1].astype(np.int32),
        yes_taken=np.array([[one.sold for one in rows]], np.int32),
        no_taken=np.array([[one.bought for one in rows]], np.int32),
        volume=np.full((1, LOOKS), 1e6, np.float32),
        left_s=(LOOK_S * np.arange(len(looks), len(looks) - LOOKS, -1, dtype=np.float32))[None],
        looks=np.array([len(looks)], np.int32),
        payout=np.array([payout], np.int32),
    )


def course_of(tape: Tape, sizers: Sequence[Sizer] = (EncodedSize(),), **terms: Any) -> Course:
    """An environment along a tape; without other sizers every size of an action is left whole."""
    return Course(terms=Terms(market=MARKET, sizers=sizers, **terms), world=world_of(tape))


def by_chance(markets: int, seed: int = 5, sizers: Sequence[Sizer] = tuple(CHAIN.values()), **terms: Any) -> Course:
    """Simulated markets, with the caps of event contracts in force."""
    return course_of(simulate(BITCOIN_15M, np.random.default_rng(seed), markets), sizers, **terms)


@cache
def _compiled(sizes_lots: tuple[int, ...]) -> Callable[[World, State, jax.Array], tuple[State, Seen]]:
    terms = Terms(market=MARKET, sizers=(EncodedSize(),), sizes_lots=sizes_lots)
    return jax.jit(lambda world, state, action: env.step(Course(terms, world), state, action))


def play(course: Course, *actions: str, held: int = 0, paid_cents: int = 0) -> tuple[list[State], list[Seen]]:
    """One environment without caps through these actions; states stand before each step, and the last behind it."""
    first = env.reset(course, jnp.zeros(1, jnp.uint32))
    states = [first._replace(lots=first.lots + held, paid_cents=first.paid_cents + paid_cents)]
    told: list[Seen] = []
    one = _compiled(tuple(course.terms.sizes_lots))
    for name in actions:
        state, seen = one(course.world, states[-1], jnp.array([NAMES.index(name)], jnp.int32))
        states.append(state)
        told.append(seen)
    return states, told
