"""How many lots: the configured sizer chain, asked with a view of the environment as the daemon asks it."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

import models.pytrees  # noqa: F401  (a view may be traced)
from gamma.sizing import chain_lots
from gamma.views import AccountView, MarketView, PositionView, SignalView, View
from models.futures.records import CENTS, NO_FLOOR, Course, State
from models.futures.stance import bracket_ticks
from models.futures.tape import CLOSE


class Sized(NamedTuple):
    """An entry as it would be made. Shapes: [B], int32; `lots` may be 0."""

    lots: Array
    stop_ticks: Array
    target_ticks: Array


def sized(course: Course, state: State, side: Array) -> Sized:
    """Size an entry on this side. Shapes: `side` [B]."""
    terms = course.terms
    view, (stop_ticks, target_ticks) = view_of(course, state, side)
    lots = jnp.minimum(chain_lots(terms.sizers, view), course.lesson.lots_max)
    return Sized(
        lots=jnp.where(side != 0, lots, 0).astype(jnp.int32),
        stop_ticks=stop_ticks.astype(jnp.int32),
        target_ticks=target_ticks.astype(jnp.int32),
    )


def view_of(course: Course, state: State, side: Array) -> tuple[View, tuple[Array, Array]]:
    """What a decision sees at the last closed bar while nothing is held, and how far stop and target lie [ticks].

    Shapes: every number of the view [B], or a scalar.
    """
    terms, world = course.terms, course.world
    market = terms.market
    atr = world.atr_points[state.at]
    # Times 1.0 a whole number has as many bits as floats have; divided as it is, JAX would keep it to 32.
    close = world.ticks[state.at, CLOSE] * 1.0 / market.ticks_per_point
    balance = state.balance_cents * 1.0 / CENTS
    floor = state.floor_cents * 1.0 / CENTS
    multiplier = market.multiplier_usd_per_point
    stop_ticks, target_ticks = bracket_ticks(terms, market, atr)
    cost = market.cost_usd_per_lot()
    view = View(
        account=AccountView(
            balance_usd=balance,
            equity_usd=balance,
            starting_capital_usd=terms.balance_usd,
            peak_equity_usd=state.reference_cents * 1.0 / CENTS,
            floor_usd=jnp.where(state.floor_cents == NO_FLOOR, jnp.nan, floor),
            floor_room_start_usd=terms.floor.drawdown_usd if terms.floor else jnp.nan,
            cash_usd=balance,
        ),
        market=MarketView(
            symbol=market.symbol,
            family=market.family,
            kind=int(market.kind),
            multiplier_usd_per_point=multiplier,
            tick_points=1 / market.ticks_per_point,
            price_points=close,
            cost_usd_per_lot=cost,
            lots_max=float(market.lots_max),
            mini_equivalent=market.mini_equivalent,
            margin_usd_per_lot=market.margin_usd_per_lot(1.0),
            atr_points=atr,
        ),
        signal=SignalView(
            side=side,
            stop_points=stop_ticks / market.ticks_per_point,
            target_points=target_ticks / market.ticks_per_point,
            novelty=1.0,
            risk_usd_per_lot=stop_ticks * (multiplier / market.ticks_per_point) + cost,
        ),
        position=PositionView(portfolio_usd=balance),
    )
    return view, (stop_ticks, target_ticks)
