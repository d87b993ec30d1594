"""The law of the mask: what a policy may do in training is what `decide()` leaves of it live, action by action.

The state is the same on both sides: the books, the cash, and a position of either sign, of any size. Live it stands in
the daemon's own book, and the view is made of it as the daemon makes it. `GAMMA_LAW_STATES` asks for more states.
"""

import os
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from gamma.actions import ACTIONS, LOTS, OPENS, SIDES, SIZES_LOTS, limit_cents, permitted
from gamma.bars import Bar
from gamma.book import Book, Setup, fold, open_book
from gamma.books import BookLevel, EventBook
from gamma.decision import decide, decide_exit
from gamma.events import BarClosed, SignalMade
from gamma.orders import Position
from gamma.outlook import look
from gamma.rules import StrategyRules
from gamma.views import OrderView
from models.events import env
from models.events.records import Course, State
from models.events.sizes import legal
from tests.engine_case import rules_of
from tests.models.events.market_case import CHAIN, MARKET, by_chance

STATES: Final = int(os.environ.get("GAMMA_LAW_STATES", "500"))
NS: Final = 1_000_000_000
T0: Final = 1_795_000_000 * NS
STRATEGY: Final = StrategyRules(name="btc", market=MARKET, sizers=tuple(CHAIN.items()), guards=(), adds=True)
RULES: Final = rules_of(STRATEGY)


def drawn(course: Course, states: int) -> State:
    """States that may be met and more: flat, on the grid and off it, rich and almost without cash."""
    rng = np.random.default_rng(17)
    begun = env.reset(course, jnp.arange(states, dtype=jnp.uint32))
    price = rng.integers(1, 100, states)
    lots = rng.choice([0, 0, 0, 5, 100, 1], states) + rng.integers(0, 500, states) * (rng.random(states) < 0.4)
    lots *= rng.choice([-1, 1], states)
    paid = np.abs(lots) * np.where(lots > 0, price, 100 - price)
    cash = np.where(rng.random(states) < 0.6, rng.integers(4_900, 16_000, states), rng.integers(5_000, 400_000, states))
    at = rng.integers(1, 180, states)
    found = {"at": at, "lots": lots, "paid_cents": paid, "cash_cents": cash}
    return begun._replace(**{name: jnp.asarray(value, jnp.int32) for name, value in found.items()})


def book_of(course: Course, state: State, at: int) -> EventBook:
    """The books of one state, as a feed tells them: only levels at which something is bid, and some that lie deeper."""
    where = int(state.row[at]), int(state.at[at])
    world = course.world
    sides = []
    for bid, lots in ((world.yes_bid, world.yes_lots), (world.no_bid, world.no_lots)):
        best, sizes = int(bid[where]), np.asarray(lots[where]).tolist()
        deeper = [500] * (best - len(sizes))
        levels = enumerate([*sizes, *deeper])
        sides.append(tuple(BookLevel(price_ticks=best - k, lots=size) for k, size in levels if size))
    return EventBook(
        market=MARKET.symbol,
        yes_bids=sides[0],
        no_bids=sides[1],
        ts_event_utc_ns=T0,
        volume_10min_lots=float(world.volume[where]),
    )


def daemon_of(state: State, at: int, told: EventBook) -> Book:
    """The daemon's book of the same account: what it holds at what it paid for it, and the market at its middle."""
    lots, paid, cash = int(state.lots[at]), int(state.paid_cents[at]), int(state.cash_cents[at])
    setup = Setup(
        account="law",
        mode="paper",
        starting_capital_microusd=(cash + paid) * 10_000,
        markets={MARKET.symbol: MARKET},
    )
    price = told.middle_cents
    bar = Bar(
        market=MARKET.symbol,
        ts_open_utc_ns=T0 - 5 * NS,
        ts_close_utc_ns=T0,
        open_points=price,
        high_points=price,
        low_points=price,
        close_points=price,
        book=told,
    )
    book = fold(open_book(setup), BarClosed(bar=bar, ts_event_utc_ns=T0)).at(T0)
    if not lots:
        return book
    each = paid // abs(lots)
    entry = each if lots > 0 else 100 - each
    held = Position(strategy="btc", market=MARKET.symbol, lots=lots, lots_open=((abs(lots), entry),))
    return Book(**{**vars(book), "positions": {("btc", MARKET.symbol): held}})


def live_mask(book: Book, told: EventBook, lots: int) -> list[bool]:
    """What the rules permit, and of that to buy what `decide()` leaves whole."""
    allowed = permitted(told.yes_bid_cents, told.no_bid_cents, lots).tolist()
    return [allowed[a] and (not OPENS[a] or _left(book, told, a) == LOTS[a]) for a in range(ACTIONS)]


def _left(book: Book, told: EventBook, action: int) -> int:
    signal = SignalMade(
        strategy="btc",
        market=MARKET.symbol,
        signal_id="law",
        slot_utc_ns=T0,
        side=SIDES[action],
        stop_ticks=0,
        target_ticks=0,
        ts_event_utc_ns=T0,
        price_ticks=int(limit_cents(told.yes_bid_cents, told.no_bid_cents, SIDES[action])),
        action=action,
        novelty=1.0,
    )
    return decide(look(book, RULES, STRATEGY, signal), STRATEGY.sizers, STRATEGY.guards).lots


@pytest.mark.slow
def test_the_mask_in_training_is_what_decide_leaves_live() -> None:
    course = by_chance(200)
    thin = jnp.where(jnp.arange(200) % 2, 40, 1)[:, None, None]  # in half of the markets the book bounds the size
    sides = {name: getattr(course.world, name) for name in ("yes_lots", "no_lots")}
    thinned = {name: jnp.maximum(lots // thin, jnp.minimum(lots, 1)) for name, lots in sides.items()}
    course = course._replace(world=course.world._replace(**thinned))
    state = drawn(course, STATES)
    world = jax.device_get(course.world)
    trained: NDArray[np.bool_] = np.asarray(jax.jit(lambda s: legal(course, s))(state))
    on_host = Course(course.terms, world)
    for at in range(STATES):
        told = book_of(on_host, state, at)
        book = daemon_of(state, at, told)
        live = live_mask(book, told, int(state.lots[at]))
        named = (at, told, int(state.lots[at]), int(state.cash_cents[at]))
        assert trained[at].tolist() == live, named
    # All of it is met: buys allowed and forbidden, of every size, and sales of either side.
    assert trained.any(axis=0).all()
    assert not trained[:, 1:].all(axis=0).any()


@pytest.mark.parametrize("sizes_lots", [SIZES_LOTS, (10,), (20, 100)])
def test_whatever_is_held_in_whatever_book_can_be_sold_until_nothing_is_left(sizes_lots: tuple[int, ...]) -> None:
    yes_bid, no_bid = (side.ravel() for side in np.meshgrid(np.arange(100), np.arange(100)))
    possible = yes_bid + no_bid < 100
    yes_bid, no_bid = yes_bid[possible], no_bid[possible]
    lots, sides = np.array(LOTS), np.array(SIDES)
    for held in (*range(1, 24), 49, 50, 51, 99, 100, 101, 250, 499, 500):
        for sign in (-1, 1):
            left, orders = np.full(len(yes_bid), sign * held), 0
            while left.any():
                sells = permitted(yes_bid, no_bid, left, sizes_lots) & ~np.array(OPENS) & (sides != 0)
                assert sells[left != 0].any(axis=1).all(), (held, sign)
                sold = np.where(sells, lots, 0).max(axis=1)
                left, orders = left - sign * np.minimum(sold, np.abs(left)), orders + 1
            assert orders <= -(-held // max(sizes_lots)) + len(sizes_lots)


@pytest.mark.parametrize("held", [1, 7, 99, -3, -42, -500])
def test_a_sale_is_left_whole_without_cash_and_never_sells_more_than_is_held(held: int) -> None:
    course = by_chance(3)
    begun = env.reset(course, jnp.arange(1, dtype=jnp.uint32))
    zero = jnp.zeros(1, jnp.int32)
    state = begun._replace(at=zero + 30, lots=zero + held, paid_cents=zero + 50 * abs(held), cash_cents=zero)
    told = book_of(Course(course.terms, jax.device_get(course.world)), state, 0)
    view = look(daemon_of(state, 0, told), RULES, STRATEGY)
    assert view.account.cash_usd == pytest.approx(0.0)
    for action in np.flatnonzero(permitted(told.yes_bid_cents, told.no_bid_cents, held))[1:].tolist():
        if not OPENS[action]:
            order = OrderView(market=MARKET.symbol, side=SIDES[action], lots=LOTS[action], price_points=50.0)
            assert decide_exit(view, order, ()).lots == min(LOTS[action], abs(held))
