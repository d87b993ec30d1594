"""What the 21 actions of an event policy are, at which price they order, and which of them the rules allow."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from gamma.actions import ACTIONS, LOTS, NAMES, OPENS, SIDES, SIZES_LOTS, Base, decode, encode, limit_cents, permitted
from gamma.errors import InputInvalid


def names(allowed: Any) -> set[str]:
    return {name for name, is_allowed in zip(NAMES, np.asarray(allowed).tolist(), strict=True) if is_allowed}


def test_every_action_says_what_it_does_in_which_size() -> None:
    assert NAMES[:7] == ("HOLD", "BUY_YES_5", "BUY_YES_10", "BUY_YES_20", "BUY_YES_50", "BUY_YES_100", "SELL_YES_5")
    assert NAMES[11::5] == ("BUY_NO_5", "SELL_NO_5")
    assert (0, *SIZES_LOTS * 4) == LOTS


def test_buying_yes_and_selling_no_bid_for_yes_and_the_others_offer_it() -> None:
    assert {base: SIDES[encode(base, 3)] for base in (Base.BUY_YES, Base.SELL_YES, Base.BUY_NO, Base.SELL_NO)} == {
        Base.BUY_YES: 1,
        Base.SELL_YES: -1,
        Base.BUY_NO: -1,
        Base.SELL_NO: 1,
    }
    assert SIDES[0] == 0
    assert [action for action in range(ACTIONS) if OPENS[action]] == [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]


def test_encoding_is_the_inverse_of_decoding_on_every_action() -> None:
    assert [encode(*decode(action)) for action in range(ACTIONS)] == list(range(ACTIONS))


@pytest.mark.parametrize("action", [-1, 21, 2.5])
def test_there_is_no_other_action(action: int) -> None:
    with pytest.raises(InputInvalid, match=r"must be a whole number of 0\.\.20"):
        decode(action)


@pytest.mark.parametrize(("base", "size_index"), [(0, 1), (5, 0), (-1, 0), (1, 5), (4, -1)])
def test_there_is_no_other_base_and_no_other_size(base: int, size_index: int) -> None:
    with pytest.raises(InputInvalid, match="must be 0"):
        encode(base, size_index)


@pytest.mark.parametrize(
    ("yes_bid", "no_bid", "bids", "offers"),
    [
        (50, 48, 51, 51),  # 50 to 52: both in the middle
        (50, 47, 51, 52),  # 50 to 53: the cents beside it
        (50, 49, 50, 51),  # one cent wide: each joins its own side
        (99, 0, 99, 99),  # decided for YES, nothing offered: a bid at 99 waits, an offer takes the bid
        (98, 0, 99, 99),
        (0, 99, 1, 1),  # decided for NO
        (0, 95, 2, 3),  # nobody bids for YES, which is offered at 5
        (0, 0, 50, 50),  # an empty book
    ],
)
def test_a_limit_is_the_middle_or_the_cent_beside_it_that_takes_nothing(
    yes_bid: int, no_bid: int, bids: int, offers: int
) -> None:
    assert (limit_cents(yes_bid, no_bid, 1), limit_cents(yes_bid, no_bid, -1)) == (bids, offers)


def test_every_limit_lies_in_the_book_and_takes_nothing_unless_the_other_side_stands_at_its_end() -> None:
    for yes_bid in range(100):
        for no_bid in range(100 - yes_bid):
            ask = 100 - no_bid
            bids, offers = limit_cents(yes_bid, no_bid, 1), limit_cents(yes_bid, no_bid, -1)
            assert yes_bid <= bids <= 99, (yes_bid, no_bid)
            assert 1 <= offers <= ask, (yes_bid, no_bid)
            assert bids < ask or ask == 1, (yes_bid, no_bid)
            assert offers > yes_bid or yes_bid == 99, (yes_bid, no_bid)


def test_who_holds_nothing_may_buy_either_side_and_sell_none() -> None:
    buys = {f"BUY_{side}_{lots}" for side in ("YES", "NO") for lots in SIZES_LOTS}
    assert names(permitted(50, 48, 0)) == {"HOLD"} | buys


@pytest.mark.parametrize(
    ("held", "sells"),
    [(3, {5}), (5, {5}), (7, {5, 10}), (20, {5, 10, 20}), (21, {5, 10, 20, 50}), (499, {5, 10, 20, 50, 100})],
)
@pytest.mark.parametrize("side", ["YES", "NO"])
def test_what_is_held_is_sold_up_to_the_smallest_size_that_closes_it(held: int, sells: set[int], side: str) -> None:
    signed = held if side == "YES" else -held
    sold = {name for name in names(permitted(50, 48, signed)) if name.startswith("SELL")}
    assert sold == {f"SELL_{side}_{lots}" for lots in sells}


@pytest.mark.parametrize("held", [1, -1, 500, -500])
def test_nothing_is_bought_against_what_is_held(held: int) -> None:
    against = "BUY_NO" if held > 0 else "BUY_YES"
    assert not any(name.startswith(against) for name in names(permitted(50, 48, held)))


@pytest.mark.parametrize(("held", "allowed"), [(0, {"BUY_YES_10", "BUY_NO_10"}), (3, {"BUY_YES_10", "SELL_YES_10"})])
def test_a_policy_of_one_size_buys_and_closes_with_it(held: int, allowed: set[str]) -> None:
    assert names(permitted(50, 48, held, (10,))) == {"HOLD"} | allowed


def test_where_no_bid_could_wait_nothing_is_bought_and_what_is_held_is_still_sold() -> None:
    assert names(permitted(99, 0, 7, (5, 10))) == {"HOLD", "BUY_YES_5", "BUY_YES_10", "SELL_YES_5", "SELL_YES_10"}
    assert names(permitted(0, 99, 7, (5, 10))) == {"HOLD", "SELL_YES_5", "SELL_YES_10"}
    assert names(permitted(99, 0, -7, (5, 10))) == {"HOLD", "SELL_NO_5", "SELL_NO_10"}
    assert names(permitted(0, 99, 0, (5,))) == {"HOLD", "BUY_NO_5"}


def test_arrays_are_answered_as_each_of_their_numbers_is() -> None:
    rng = np.random.default_rng(3)
    yes_bid = rng.integers(0, 100, 200)
    no_bid = rng.integers(0, 100 - yes_bid)
    held = rng.integers(-600, 600, 200)
    together = np.asarray(permitted(jnp.asarray(yes_bid), jnp.asarray(no_bid), jnp.asarray(held)))
    alone = [permitted(*row) for row in zip(yes_bid.tolist(), no_bid.tolist(), held.tolist(), strict=True)]
    assert together.shape == (200, ACTIONS)
    assert (together == np.array(alone)).all()
    limits = np.asarray(limit_cents(jnp.asarray(yes_bid), jnp.asarray(no_bid), 1)).tolist()
    assert limits == [limit_cents(*bids, 1) for bids in zip(yes_bid.tolist(), no_bid.tolist(), strict=True)]
