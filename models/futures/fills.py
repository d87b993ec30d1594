"""What one bar does to a position: the paper broker's rules of filling, for B positions at once. Pure.

`slippage` is what a fill at market or at a stop costs beyond its price [ticks].
A side sees the prices at which it would trade: who sells gets the lower neighbour of a price off the tick, who buys
the upper one. At the open a stop or a target that is passed fills there; inside the bar the stop counts first.
"""

from enum import IntEnum
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from models.futures.records import State
from models.futures.tape import HALF_SPREAD, HIGH_DOWN, HIGH_UP, LOW_DOWN, LOW_UP, OPEN_DOWN, OPEN_UP


class Exit(IntEnum):
    """Why a position ended."""

    NONE = 0
    STOP = 1
    TARGET = 2
    LEFT = 3


class Filled(NamedTuple):
    """What became of the positions. Shapes: [B], int32; `exit_ticks` is 0 where nothing ended.

    `best_ticks` and `worst_ticks` are the bar's extremes as the position sees them.
    """

    exit: Array
    exit_ticks: Array
    best_ticks: Array
    worst_ticks: Array


def entry_ticks(row: Array, side: Array, slippage: int) -> Array:
    """At what price an order at market fills at the bar's open. Shapes: `row` [B, 8], `side` [B]."""
    first = jnp.where(side > 0, row[:, OPEN_UP], row[:, OPEN_DOWN])
    return first + side * (row[:, HALF_SPREAD] + slippage)


def through_bar(state: State, row: Array, leave: Array, slippage: int) -> Filled:
    """Take positions through a bar. Shapes: `row` [B, 8], `leave` [B] bool: out at market at its open."""
    long, side = state.side > 0, state.side
    first = jnp.where(long, row[:, OPEN_DOWN], row[:, OPEN_UP])
    worst = jnp.where(long, row[:, LOW_DOWN], row[:, HIGH_UP])
    best = jnp.where(long, row[:, HIGH_DOWN], row[:, LOW_UP])
    stop, target = state.stop_ticks, state.target_ticks
    stopped_first = side * (first - stop) <= 0
    reached_first = side * (first - target) >= 1
    stopped = side * (worst - stop) <= 0
    reached = side * (best - target) >= 1
    why = jnp.where(
        leave,
        Exit.LEFT,
        jnp.where(
            stopped_first | stopped,
            jnp.where(reached_first & ~stopped_first, Exit.TARGET, Exit.STOP),
            jnp.where(reached_first | reached, Exit.TARGET, Exit.NONE),
        ),
    )
    at_stop = jnp.where(stopped_first, first, stop) - side * slippage
    at_target = jnp.where(reached_first, first, target)
    left = first - side * (row[:, HALF_SPREAD] + slippage)
    price = jnp.where(why == Exit.STOP, at_stop, jnp.where(why == Exit.TARGET, at_target, left))
    held = state.lots > 0
    why = jnp.where(held, why, Exit.NONE)
    return Filled(
        exit=why.astype(jnp.int32),
        exit_ticks=jnp.where(why > 0, price, 0).astype(jnp.int32),
        best_ticks=best,
        worst_ticks=worst,
    )
