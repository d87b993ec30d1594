"""The records of the futures environment: what an episode is like, what is known in it, what a step led to.

B is the number of environments of one market, T the bars of its tape, F the columns of what is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import jax.numpy as jnp
from jax import Array

from gamma.markets import Market
from gamma.sizing import Sizer
from models.futures.schema import actions
from models.futures.stance import CENTS as CENTS  # noqa: PLC0414 - money is in them
from models.futures.tape import MAY_START, Tape

NO_FLOOR: Final = -(2**30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The account's floor: `drawdown_usd` below its reference, at most `lock_usd`; intraday it trails open equity."""

    drawdown_usd: float
    trails: bool = True
    lock_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an episode is like; fixed for a run.

    `sizers` is the chain, the same objects as the daemon's. Stops are `stop_atr` average true ranges, at most
    `loss_max_usd` for one lot; targets `target_r` stops. The rest are phase 2's conditions for each action.
    """

    phase: int
    market: Market
    sizers: Sequence[Sizer]
    window: int = 20
    bars: int = 400
    balance_usd: float = 50_000.0
    floor: Floor | None = None
    stop_atr: float = 1.5
    loss_max_usd: float = 500.0
    target_r: float = 3.0
    break_even_atr: float = 0.5
    trail_atr: float = 1.0
    trail_from_r: float = 1.0
    room_min_frac: float = 0.25
    hold_cost: float = 0.0005
    trade_bonus: float = 0.1
    slippage_ticks: int | None = None

    @property
    def slippage(self) -> int:
        """Slippage at market and at stops [ticks]: the market's own, where it is not set."""
        return self.market.slippage_ticks if self.slippage_ticks is None else self.slippage_ticks

    @property
    def tick_cents(self) -> int:
        """What a tick is worth to one lot [cents]."""
        return self.market.tick_value_microusd // 10_000

    @property
    def lots_max(self) -> int:
        """The most lots of the market, by which rewards are normalised."""
        return self.market.lots_max

    @property
    def reward_cents(self) -> float:
        """What counts as 1 in the reward: the largest loss of a whole position of all lots [cents].

        A mini's lot risks `loss_max_usd`, a micro's a tenth of it: twelve micros weigh like one mini.
        """
        return CENTS * self.loss_max_usd * self.lots_max * (self.market.mini_equivalent or 1.0)

    @property
    def actions(self) -> int:
        """How many actions there are."""
        return len(actions(self.phase))


class Lesson(NamedTuple):
    """How much help there is now; scalars, so that a curriculum moves on without compiling again."""

    forced_frac: Array | float = 0.0
    entry_bonus_usd: Array | float = 0.0
    manage_bonus_usd: Array | float = 0.0
    commission_frac: Array | float = 1.0
    lots_max: Array | float = float("inf")


class World(NamedTuple):
    """A market's tape on the device. Shapes: `ticks` [T, 8], `seen` [T, F], `starts` [S], the others [T]."""

    ticks: Array
    atr_points: Array
    seen: Array
    flags: Array
    starts: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """All that an environment does not change: the terms, the market's bars, and the lesson of now."""

    terms: Terms
    world: World
    lesson: Lesson


class State(NamedTuple):
    """B environments. Shapes: all [B]; ticks, lots, cents and flags are int32.

    `at` is the last closed bar. `best_ticks` is the most favourable price since the entry, `risk_ticks` how far
    from it the first stop lay. `reference_cents` is the highest equity that the floor has seen. `over` marks
    an episode's last state.
    """

    at: Array
    until: Array
    salt: Array
    episode: Array
    side: Array
    lots: Array
    entry_ticks: Array
    stop_ticks: Array
    target_ticks: Array
    best_ticks: Array
    risk_ticks: Array
    held: Array
    at_break_even: Array
    trailing: Array
    balance_cents: Array
    reference_cents: Array
    floor_cents: Array
    over: Array


class Seen(NamedTuple):
    """What a step led to. Shapes: all [B]; `lots` are those of the trade that ended or began, 0 where none did.

    `terminated` is the floor, `truncated` the end of the bars; `equity_low_cents` is open equity at the bar's
    adverse extreme.
    """

    reward: Array
    terminated: Array
    truncated: Array
    opened_lots: Array
    closed_lots: Array
    pnl_cents: Array
    equity_cents: Array
    equity_low_cents: Array


def world_of(tape: Tape) -> World:
    """Put a tape on the device."""
    starts = (tape.flags & MAY_START != 0).nonzero()[0]
    return World(
        ticks=jnp.asarray(tape.ticks),
        atr_points=jnp.asarray(tape.atr_points),
        seen=jnp.asarray(tape.seen),
        flags=jnp.asarray(tape.flags),
        starts=jnp.asarray(starts.astype("int32")),
    )
