"""The records of the event environment: what an episode is like, what is known in it, what a step led to.

B is the number of environments, E the markets of the tape, T their looks, K the levels of a side of the book.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from gamma.actions import SIZES_LOTS
from gamma.feeds.events.tape import WINDOW_LOOKS, Tape
from gamma.markets import Market
from gamma.sizing import Sizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an episode is like; fixed for a run.

    `sizers` is the chain, the same objects as the daemon's. `sizes_lots` are those of the 21 actions' sizes that may be
    chosen at all: one of them makes a policy of a fixed size. The account has `balance_usd` at each market's opening.
    """

    market: Market
    sizers: Sequence[Sizer]
    balance_usd: float = 1_000.0
    sizes_lots: Sequence[int] = SIZES_LOTS
    reward_usd: float = 10.0
    open_s: float = 900.0


class World(NamedTuple):
    """The tape on the device. Shapes: [E, T], [E, T, K], [E]; prices in cents, `spread_mean` over ten minutes."""

    yes_bid: Array
    no_bid: Array
    yes_lots: Array
    no_lots: Array
    yes_taken: Array
    no_taken: Array
    volume: Array
    left_s: Array
    spread_mean: Array
    looks: Array
    payout: Array


def world_of(tape: Tape) -> World:
    """A tape as the environment takes it."""
    spread = tape.spread.astype(np.float32)
    summed = np.cumsum(spread, axis=1)
    before = np.concatenate([np.zeros_like(summed[:, :WINDOW_LOOKS]), summed[:, :-WINDOW_LOOKS]], axis=1)
    counted = np.minimum(np.arange(1, spread.shape[1] + 1), WINDOW_LOOKS)
    named = {name: jnp.asarray(getattr(tape, name)) for name in tape.names}
    return World(**named, spread_mean=jnp.asarray((summed - before[:, : summed.shape[1]]) / counted))


class Course(NamedTuple):
    """Terms and world: all that an environment is made of."""

    terms: Terms
    world: World


class State(NamedTuple):
    """B environments at a look. Shapes: [B], int32; `salt` uint32.

    `lots` are signed: YES above 0, NO below. `paid_cents` is what was paid for them, without fees. `over` where the
    episode has ended, and the next step begins another.
    """

    row: Array
    at: Array
    salt: Array
    episode: Array
    lots: Array
    paid_cents: Array
    cash_cents: Array
    over: Array


class Order(NamedTuple):
    """What an action orders, at a limit [cents of YES]. Shapes: [B], int32."""

    side: Array
    lots: Array
    price_cents: Array


class Seen(NamedTuple):
    """What a step led to. Shapes: [B].

    `filled_lots` of `ordered_lots` at `price_cents` of YES, for `fee_cents`, where the spread was `spread_cents`.
    `closed_lots` of what was held were sold, or paid out in the end, which made `pnl_cents` before fees.
    """

    reward: Array
    terminated: Array
    truncated: Array
    side: Array
    ordered_lots: Array
    filled_lots: Array
    price_cents: Array
    fee_cents: Array
    spread_cents: Array
    equity_cents: Array
    closed_lots: Array
    pnl_cents: Array
