"""The size of an event order in training: the daemon's sizers, called on a view as the daemon makes it.

Shapes: B environments, A actions: all that buy, or the one that was chosen.
"""

from typing import Final, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

import models.pytrees  # noqa: F401  (a view may be traced)
from gamma import actions
from gamma.actions import ACTIONS, limit_cents, permitted
from gamma.feeds.events.tape import LEVELS
from gamma.sizing import chain_lots
from gamma.views import AccountView, LiquidityView, MarketView, PositionView, SignalView, View
from models.events.records import Course, State

CENTS: Final = 100
OPENING: Final = np.flatnonzero(actions.OPENS)


class Look(NamedTuple):
    """The books at their looks. Shapes: [B], prices in cents; `yes_lots`, `no_lots` [B, K]."""

    yes_bid: Array
    no_bid: Array
    yes_lots: Array
    no_lots: Array
    volume: Array
    left_s: Array
    spread_mean: Array

    @property
    def middle(self) -> Array:
        """Halfway between the best bids of both sides [cents]."""
        return (self.yes_bid + 100 - self.no_bid) * 0.5

    @property
    def spread(self) -> Array:
        """How far apart they are [cents]."""
        return 100 - self.no_bid - self.yes_bid


def look(course: Course, state: State) -> Look:
    """What stands in the books now."""
    return Look(*(getattr(course.world, name)[state.row, state.at] for name in Look._fields))


def equity_cents(state: State, middle: Array) -> Array:
    """Cash and what is held, at the middle of the market [cents]. Shapes: [B], float32."""
    return state.cash_cents + held_cents(state, middle)


def held_cents(state: State, middle: Array) -> Array:
    """What is held at the middle of the market [cents]: YES at it, NO at what it leaves of 100. Shapes: [B]."""
    return jnp.abs(state.lots) * jnp.where(state.lots > 0, middle, 100 - middle)


def legal(course: Course, state: State) -> Array:
    """What may be done: what the rules of the policy permit, and of that to buy what the chain leaves whole.

    Shapes: [B, 21], bool.
    """
    at = look(course, state)
    sized = jnp.ones((state.lots.shape[0], ACTIONS), bool)
    sized = sized.at[:, OPENING].set(_left_whole(course, state, at, jnp.asarray(OPENING)[None, :]))
    return _permitted(course, state, at) & sized


def is_legal(course: Course, state: State, at: Look, action: Array) -> Array:
    """Whether one action may be done; as `legal` says of it. Shapes: `action` and result [B]."""
    chosen = action[:, None]
    by_rule = jnp.take_along_axis(_permitted(course, state, at), chosen, axis=1)
    sized = _left_whole(course, state, at, chosen) | ~jnp.asarray(actions.OPENS)[chosen]
    return (by_rule & sized)[:, 0]


def _permitted(course: Course, state: State, at: Look) -> Array:
    found: Array = permitted(at.yes_bid, at.no_bid, state.lots, course.terms.sizes_lots)
    return found


def _left_whole(course: Course, state: State, at: Look, action: Array) -> Array:
    """Whether the chain leaves the full size of actions that buy. Shapes: `action` [B, A] or [1, A]; result [B, A]."""
    lots: Array = chain_lots(course.terms.sizers, view_of(course, state, at, action))
    return lots >= jnp.asarray(actions.LOTS)[action]


def view_of(course: Course, state: State, at: Look, action: Array) -> View:
    """What a decision sees at a look, for each of some actions that buy.

    Shapes: `action` [B, A] or [1, A]; numbers [B, A] or [B, 1], books [B, A, K].
    """
    terms, side = course.terms, jnp.asarray(actions.SIDES)[action]
    market, middle, volume = terms.market, at.middle[:, None], at.volume[:, None]
    multiplier = market.multiplier_usd_per_point
    equity, value = equity_cents(state, at.middle)[:, None] / CENTS, held_cents(state, at.middle)[:, None] / CENTS
    steps, takes_no_bids = jnp.arange(LEVELS), side[..., None] > 0
    asks, bids = ((100 - at.no_bid)[:, None, None] + steps, at.yes_bid[:, None, None] - steps)
    return View(
        account=AccountView(
            balance_usd=equity,
            equity_usd=equity,
            starting_capital_usd=terms.balance_usd,
            peak_equity_usd=equity,
            cash_usd=state.cash_cents[:, None] / CENTS,
        ),
        market=MarketView(
            symbol=market.symbol,
            family=market.family,
            kind=int(market.kind),
            multiplier_usd_per_point=multiplier,
            tick_points=1 / market.ticks_per_point,
            price_points=middle,
            lots_max=float(market.lots_max),
            bid_points=at.yes_bid[:, None] * 1.0,
            ask_points=(100 - at.no_bid)[:, None] * 1.0,
        ),
        signal=SignalView(
            side=side,
            action=action,
            price_points=limit_cents(at.yes_bid[:, None], at.no_bid[:, None], side) * 1.0,
            novelty=1.0,
        ),
        liquidity=LiquidityView(
            volume_10min_lots=volume,
            volume_10min_usd=volume * middle * multiplier,
            mid_points=middle,
            book_prices_points=jnp.where(takes_no_bids, asks, bids) * 1.0,
            book_lots=jnp.where(takes_no_bids, at.no_lots[:, None, :], at.yes_lots[:, None, :]) * 1.0,
        ),
        position=PositionView(
            lots=state.lots[:, None],
            value_usd=value,
            market_value_usd=value,
            family_value_usd=value,
            portfolio_usd=equity,
        ),
    )
