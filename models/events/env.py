"""The event environment: a policy that bids for both sides of one question, until it is decided.

    state = reset(course, salt);  state, seen = step(course, state, action)

Pure functions over records of arrays; shapes: B environments. At each look the policy acts once. What it orders stands
as a limit at the middle of the market, or a cent beside it, until the next look, and is taken back then. It waits
behind all that stands at its price already, and fills when more is taken there, in part or whole; and whole where the
market went through its price. Where the market went away from it, only so much of what was taken came its way as the
best bid was no better than its own, were the move even. Positions are of one side: YES above 0, NO below. Money is
whole cents, and the fee is the exchange's, once for what an order filled. The size of a buy is what the configured
sizers leave whole; there is no other source of a size.
"""

import jax.numpy as jnp
from jax import Array

from gamma.actions import LOTS, OPENS, SIDES, limit_cents
from models.events.records import Course, Order, Seen, State
from models.events.sizes import CENTS, Look, equity_cents, is_legal, look
from models.noise import chance


def reset(course: Course, salt: Array) -> State:
    """Begin in each environment, at the first look of a market of chance. Shapes: `salt` [B] uint32."""
    return _begin(course, salt, jnp.zeros(salt.shape, jnp.int32))


def step(course: Course, state: State, action: Array) -> tuple[State, Seen]:
    """One action, and what trades until the next look; an episode that is over begins anew, and orders nothing.

    What is illegal is held instead, here as live. Shapes: `action` [B] int32.
    """
    at, last = look(course, state), course.world.looks[state.row] - 1
    ends = state.at >= last
    after_look = look(course, state._replace(at=jnp.minimum(state.at + 1, last)))
    order = _ordered(course, state, at, action)
    filled = jnp.where(ends, 0, _filled(order, at, after_look, _taken(course, state)))
    traded, pnl, closed = _traded(state, order, filled)
    payout = course.world.payout[state.row]
    settles = ends & (payout >= 0)
    before = equity_cents(state, at.middle)
    after = equity_cents(traded, jnp.where(settles, payout, after_look.middle))
    paid_out = jnp.abs(traded.lots) * jnp.where(traded.lots > 0, payout, 100 - payout)
    seen = Seen(
        reward=((after - before) / (course.terms.reward_usd * CENTS)).astype(jnp.float32),
        terminated=settles,
        truncated=ends & ~settles,
        side=order.side,
        ordered_lots=order.lots,
        filled_lots=filled,
        price_cents=order.price_cents,
        fee_cents=fee_cents(filled, order.price_cents),
        spread_cents=at.spread,
        equity_cents=after,
        closed_lots=jnp.where(settles, jnp.abs(traded.lots), closed),
        pnl_cents=jnp.where(settles, paid_out - traded.paid_cents, pnl),
    )
    moved = traded._replace(at=jnp.where(ends, state.at, state.at + 1), over=ends.astype(jnp.int32))
    fresh, over = _begin(course, state.salt, state.episode + 1), state.over > 0
    return (
        State(*(jnp.where(over, new, old) for new, old in zip(fresh, moved, strict=True))),
        Seen(*(jnp.where(over, 0, told).astype(told.dtype) for told in seen)),
    )


def fee_cents(lots: Array, price_cents: Array) -> Array:
    """The exchange's fee of one order, rounded up to the cent; `gamma.markets.event_fee_cents`, traced."""
    return -(-7 * lots * price_cents * (100 - price_cents) // 10_000)


def _begin(course: Course, salt: Array, episode: Array) -> State:
    markets = course.world.looks.shape[0]
    zero = jnp.zeros(salt.shape, jnp.int32)
    return State(
        row=(chance(salt, episode, 0) * markets).astype(jnp.int32),
        at=zero,
        salt=salt,
        episode=episode,
        lots=zero,
        paid_cents=zero,
        cash_cents=zero + round(course.terms.balance_usd * CENTS),
        over=zero,
    )


def _ordered(course: Course, state: State, at: Look, action: Array) -> Order:
    """What the action orders where it is legal, a sale no more than is held; nothing where it is not."""
    act = jnp.where(is_legal(course, state, at, action), action, 0)
    side, wanted = jnp.asarray(SIDES)[act], jnp.asarray(LOTS)[act]
    return Order(
        side=side,
        lots=jnp.where(jnp.asarray(OPENS)[act], wanted, jnp.minimum(wanted, jnp.abs(state.lots))),
        price_cents=limit_cents(at.yes_bid, at.no_bid, side),
    )


def _taken(course: Course, state: State) -> tuple[Array, Array]:
    """What is sold to the bids for YES and to those for NO before the next look."""
    return course.world.yes_taken[state.row, state.at], course.world.no_taken[state.row, state.at]


def _filled(order: Order, at: Look, after: Look, taken: tuple[Array, Array]) -> Array:
    """How many lots of each order trade before the next look."""
    yes = order.side > 0
    # Seen from the side of the book on which the order stands, where all prices are bids.
    own = jnp.where(yes, order.price_cents, 100 - order.price_cents)
    best, other = jnp.where(yes, at.yes_bid, at.no_bid), jnp.where(yes, at.no_bid, at.yes_bid)
    next_best = jnp.where(yes, after.yes_bid, after.no_bid)
    before = jnp.where(own == best, jnp.where(yes, at.yes_lots[:, 0], at.no_lots[:, 0]), 0)
    passed = jnp.maximum(next_best - own, 0)  # cents by which others came to bid more, of all that the best bid rose
    came = jnp.where(yes, taken[0], taken[1]) * (own - best + 1) // (own - best + 1 + passed)
    next_ask = 100 - jnp.where(yes, after.no_bid, after.yes_bid)
    through = (next_ask <= own) | ((own == best) & (next_best < own))
    reached = jnp.where(through, order.lots, jnp.maximum(came - before, 0))
    standing = jnp.where(yes, at.no_lots[:, 0], at.yes_lots[:, 0])
    return jnp.minimum(jnp.where(own + other >= 100, standing, reached), order.lots)


def _traded(state: State, order: Order, lots: Array) -> tuple[State, Array, Array]:
    """The account after a fill and its fee; what closing made before fees [cents], and how many lots it closed."""
    cost = jnp.where(order.side > 0, order.price_cents, 100 - order.price_cents)
    closed = jnp.where(state.lots * order.side < 0, lots, 0)
    back = state.paid_cents * closed // jnp.maximum(jnp.abs(state.lots), 1)
    got, paid = closed * (100 - cost), (lots - closed) * cost
    after = state._replace(
        lots=state.lots + order.side * lots,
        paid_cents=state.paid_cents - back + paid,
        cash_cents=state.cash_cents + got - paid - fee_cents(lots, order.price_cents),
    )
    return after, got - back, closed
