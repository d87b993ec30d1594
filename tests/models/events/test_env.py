"""The event environment, each rule by hand: where an order stands, what of it fills, what it costs, how it ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gamma.actions import NAMES
from gamma.markets import event_fee_cents
from models.events import env
from models.events.sizes import legal
from tests.models.events.market_case import Stood, by_chance, course_of, play, written

TIGHT = Stood(bid=50, ask=51)
WIDE = Stood(bid=50, ask=53)


def filled(*looks: Stood, action: str = "BUY_YES_50", held: int = 0) -> tuple[int, int]:
    """How many lots of the first look's order fill, and at which price."""
    _, told = play(course_of(written(looks)), action, held=held)
    return int(told[0].filled_lots[0]), int(told[0].price_cents[0])


def test_an_order_at_the_best_bid_waits_behind_all_that_stands_there() -> None:
    assert filled(Stood(bid=50, ask=51, lots=30, sold=50), TIGHT) == (20, 50)
    assert filled(Stood(bid=50, ask=51, lots=30, sold=30), TIGHT) == (0, 50)
    assert filled(Stood(bid=50, ask=51, lots=30, sold=500), TIGHT) == (50, 50)


def test_an_order_that_bids_more_than_all_others_is_filled_first_and_only_by_what_is_sold() -> None:
    assert filled(Stood(bid=50, ask=53, sold=7), WIDE) == (7, 51)
    assert filled(WIDE, WIDE) == (0, 51)


@pytest.mark.parametrize("after", [Stood(bid=49, ask=50), Stood(bid=49, ask=52), Stood(bid=0, ask=1)])
def test_an_order_is_filled_whole_where_the_market_went_through_its_price(after: Stood) -> None:
    assert filled(TIGHT, after) == (50, 50)


def test_an_order_between_the_sides_is_not_filled_by_a_market_that_came_no_nearer() -> None:
    assert filled(WIDE, Stood(bid=49, ask=53)) == (0, 51)
    assert filled(WIDE, Stood(bid=49, ask=51)) == (50, 51)


def test_of_what_is_sold_while_the_market_leaves_only_a_share_comes_its_way() -> None:
    # The best bid goes from 50 to 53: a quarter of the way it was no better than the order's, and 10 stood before it.
    assert filled(Stood(bid=50, ask=51, lots=10, sold=100), Stood(bid=53, ask=54)) == (15, 50)


@pytest.mark.parametrize("action", ["BUY_NO_50", "SELL_YES_50"])
def test_the_other_side_of_the_book_is_the_same_seen_from_its_own_end(action: str) -> None:
    held = 50 if action.startswith("SELL") else 0
    stays, rises = Stood(bid=49, ask=50), Stood(bid=50, ask=51)
    assert filled(Stood(bid=49, ask=50, lots=30, bought=50), stays, action=action, held=held) == (20, 50)
    assert filled(stays, rises, action=action, held=held) == (50, 50)


def test_nothing_is_filled_after_the_last_look() -> None:
    assert filled(Stood(bid=50, ask=51, lots=0, sold=500)) == (0, 50)


def test_buying_and_selling_moves_the_position_by_what_was_filled_and_the_cash_by_its_price_and_fee() -> None:
    looks = [Stood(bid=50, ask=51, lots=30, sold=500), Stood(bid=59, ask=60, lots=0, bought=8), Stood(bid=59, ask=60)]
    states, told = play(course_of(written(looks)), "BUY_YES_50", "SELL_YES_100")
    # The best bid goes from 50 to 59: a tenth of 500 comes, behind 30. To sell 100 is more than closes 20: illegal.
    assert [int(state.lots[0]) for state in states] == [0, 20, 20]
    states, told = play(course_of(written(looks)), "BUY_YES_50", "SELL_YES_20")
    assert [int(state.lots[0]) for state in states] == [0, 20, 12]
    bought, sold = event_fee_cents(20, 50), event_fee_cents(8, 60)
    assert [int(state.cash_cents[0]) for state in states] == [100_000, 99_000 - bought, 99_000 - bought + 480 - sold]
    assert [int(state.paid_cents[0]) for state in states] == [0, 1_000, 600]
    assert [int(one.fee_cents[0]) for one in told] == [bought, sold]
    assert (int(told[1].closed_lots[0]), int(told[1].pnl_cents[0])) == (8, 8 * 10)
    assert float(told[1].equity_cents[0]) == 99_000 - bought + 480 - sold + 12 * 59.5


def test_no_is_bought_and_sold_at_what_yes_leaves_of_a_dollar() -> None:
    looks = [Stood(bid=29, ask=30, lots=0, bought=55), Stood(bid=19, ask=20, lots=0, sold=5), Stood(bid=19, ask=20)]
    states, told = play(course_of(written(looks)), "BUY_NO_5", "SELL_NO_5")
    assert [int(state.lots[0]) for state in states] == [0, -5, 0]
    assert int(states[1].cash_cents[0]) == 100_000 - 5 * 70 - event_fee_cents(5, 30)
    assert int(states[2].cash_cents[0]) == int(states[1].cash_cents[0]) + 5 * 81 - event_fee_cents(5, 19)
    assert int(told[1].pnl_cents[0]) == 5 * 11


@pytest.mark.parametrize(
    ("held", "paid", "payout", "pnl"), [(10, 300, 100, 700), (10, 300, 0, -300), (-10, 700, 0, 300)]
)
def test_a_question_that_is_decided_pays_out_and_ends(held: int, paid: int, payout: int, pnl: int) -> None:
    states, told = play(course_of(written([TIGHT], payout)), "HOLD", "HOLD", held=held, paid_cents=paid)
    assert bool(told[0].terminated[0])
    assert not bool(told[0].truncated[0])
    assert (int(told[0].closed_lots[0]), int(told[0].pnl_cents[0])) == (10, pnl)
    assert float(told[0].equity_cents[0]) == 100_000 + paid + pnl
    # The step behind it orders nothing, and begins another market with all the money.
    assert int(told[1].ordered_lots[0]) == 0
    assert [int(states[-1].lots[0]), int(states[-1].cash_cents[0]), int(states[-1].episode[0])] == [0, 100_000, 1]


def test_a_question_whose_end_nobody_recorded_is_cut_off_at_its_last_middle() -> None:
    _, told = play(course_of(written([TIGHT])), "HOLD", held=10)
    assert bool(told[0].truncated[0])
    assert not bool(told[0].terminated[0])
    assert float(told[0].equity_cents[0]) == 100_000 + 10 * 50.5


def test_a_decided_market_is_not_bought_for_a_sure_profit_and_what_is_held_of_it_is_sold_to_who_bids() -> None:
    decided = Stood(bid=99, ask=100, lots=12_000)
    course = course_of(written([decided, decided], 100))
    _, told = play(course, "BUY_YES_100")
    assert (int(told[0].ordered_lots[0]), int(told[0].filled_lots[0])) == (100, 0)  # it waits behind 12,000 others
    _, told = play(course, "BUY_NO_5")
    assert int(told[0].ordered_lots[0]) == 0
    states, told = play(course, "SELL_YES_10", held=7)
    assert (int(told[0].filled_lots[0]), int(told[0].price_cents[0]), int(states[-1].lots[0])) == (7, 99, 0)


def test_no_more_is_sold_to_who_bids_at_the_end_of_the_book_than_is_bid_there() -> None:
    decided = Stood(bid=99, ask=100, lots=4)
    states, _ = play(course_of(written([decided, decided], 100)), "SELL_YES_10", held=7)
    assert int(states[-1].lots[0]) == 3


def test_what_is_illegal_is_held_instead() -> None:
    _, told = play(course_of(written([TIGHT, TIGHT])), "SELL_NO_5")
    assert int(told[0].ordered_lots[0]) == 0
    _, told = play(course_of(written([TIGHT, TIGHT])), "BUY_NO_5", held=3)
    assert int(told[0].ordered_lots[0]) == 0


@pytest.mark.parametrize("held", [3, -3, 17, -23])
def test_a_policy_of_one_size_opens_and_closes_with_it(held: int) -> None:
    course = course_of(written([TIGHT, TIGHT]), sizes_lots=(10,))
    state = play(course, held=held)[0][0]
    side = "YES" if held > 0 else "NO"
    allowed = {
        name for name, is_legal in zip(NAMES, np.asarray(legal(course, state))[0].tolist(), strict=True) if is_legal
    }
    assert allowed == {"HOLD", f"BUY_{side}_10", f"SELL_{side}_10"}


def test_the_fee_is_the_exchange_s_to_the_cent() -> None:
    lots, price = np.meshgrid(np.arange(1, 501), np.arange(1, 100))
    traced = np.asarray(env.fee_cents(jnp.asarray(lots), jnp.asarray(price)))
    assert traced.tolist() == [
        [event_fee_cents(int(n), int(p)) for n, p in zip(*row, strict=True)] for row in zip(lots, price, strict=True)
    ]


def test_early_in_a_market_little_has_traded_and_little_may_be_bought() -> None:
    course = by_chance(4)
    begun = env.reset(course, jnp.arange(8, dtype=jnp.uint32))
    first = np.asarray(jax.jit(lambda state: legal(course, state))(begun))
    assert first.sum() == 8  # nothing has traded yet: all that may be done is to hold
