import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.sizing import chain_lots
from sizers.fixed import Fixed
from sizers.impact_cap import ImpactCap
from tests.sizers.sized import facts, in_market, sized


def view_of(levels: Sequence[tuple[float, float]], side: float = 1, mid: float = 50.0) -> Any:
    return in_market(
        "KXINX-26",
        signal={"side": side},
        liquidity={
            "mid_points": mid,
            "book_prices_points": np.array([price for price, _ in levels]),
            "book_lots": np.array([lots for _, lots in levels]),
        },
    )


@pytest.mark.parametrize(
    ("levels", "lots"),
    [
        ([(51, 30)], 30),  # the book is all there is
        ([(51, 30), (52, 20)], 50),
        ([(51, 10), (54, 100)], 15),  # n = 15: (10 * 1 + 5 * 4) / 15 = 2
        ([(51, 10), (54, 100), (99, 500)], 15),
        ([(53, 100)], 0),  # the first level is out of reach
        ([(52, 100)], 100),  # exactly within reach
        ([(49, 10), (54, 100)], 25),  # a level better than mid pays for a worse one: (-10 + 15 * 4) / 25 = 2
        ([(51, 0), (52, 10)], 10),
        ([], 0),
        ([(0, 0), (0, 0)], 0),
    ],
)
def test_yes_takes_asks_as_far_as_their_average_is_within_two_cents(
    levels: Sequence[tuple[float, float]], lots: int
) -> None:
    assert sized(view_of(levels), Fixed(lots=1_000), ImpactCap()).lots == lots


def test_no_takes_bids() -> None:
    found = sized(view_of([(49, 10), (46, 100)], side=-1), Fixed(lots=1_000), ImpactCap())
    assert (found.lots, found.steps[1].reason) == (15, "illiquid")


def test_it_tells_the_average_fill_and_what_it_costs() -> None:
    told = facts(view_of([(51, 10), (54, 100)]), ImpactCap(), 12)
    assert told["cap_lots"] == pytest.approx(15.0)
    assert told["fill_mean_points"] == pytest.approx(51.5)  # (10 * 51 + 2 * 54) / 12
    assert told["impact_usd"] == pytest.approx(0.18)  # 12 * 1.5 cents
    assert told["reason"] == "ok"
    told = facts(view_of([(49, 10), (46, 100)], side=-1), ImpactCap(), 15)
    assert told["fill_mean_points"] == pytest.approx(48.0)
    assert told["impact_usd"] == pytest.approx(0.30)


def test_an_empty_book_fills_nothing() -> None:
    told = facts(view_of([]), ImpactCap(), 10)
    assert (told["cap_lots"], told["fill_mean_points"], told["impact_usd"]) == (0.0, 50.0, 0.0)


def test_a_future_is_walked_in_its_own_points() -> None:
    view = in_market(
        "MNQ",
        liquidity={
            "mid_points": 20_000.0,
            "book_prices_points": np.array([20_000.25, 20_000.75, 20_002.0]),
            "book_lots": np.array([2, 2, 50]),
        },
    )
    assert sized(view, Fixed(lots=100), ImpactCap(impact_max_points=0.5)).lots == 4
    assert facts(view, ImpactCap(impact_max_points=0.5), 4)["impact_usd"] == pytest.approx(4.0)  # 4 * 0.5 * 2 usd


@pytest.mark.parametrize(
    ("levels", "side", "mid", "said"),
    [
        ([(51, 30)], 1, math.nan, "liquidity.mid_points is unknown"),
        ([(math.nan, 30)], 1, 50.0, "liquidity.book_lots is unknown"),
        ([(51, math.nan)], 1, 50.0, "liquidity.book_lots is unknown"),
        ([(51, math.inf)], 1, 50.0, "liquidity.book_lots is unknown"),
        ([(51, 30)], 0, 50.0, "liquidity.book_lots is unknown"),
        ([(51, 30)], math.nan, 50.0, "liquidity.book_lots is unknown"),
    ],
)
def test_what_is_unknown_closes_and_is_named(
    levels: Sequence[tuple[float, float]], side: float, mid: float, said: str
) -> None:
    found = sized(view_of(levels, side, mid), Fixed(lots=1_000), ImpactCap())
    assert found.lots == 0
    assert found.invalid.startswith(said)


def test_padding_needs_no_price() -> None:
    assert sized(view_of([(51, 30), (math.nan, 0)]), Fixed(lots=1_000), ImpactCap()).lots == 30


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=6),
    st.sampled_from([-1, 1]),
    st.integers(1, 6),
)
def test_it_is_the_largest_size_that_a_walk_lot_by_lot_finds(
    steps: list[tuple[int, int]], side: int, impact_max: int
) -> None:
    levels, price = [], 50.0
    for step, lots in steps:
        price += side * step
        levels.append((price, float(lots)))
    paid, best, count = 0.0, 0, 0
    for level, offered in levels:
        for _ in range(int(offered)):
            paid, count = paid + side * (level - 50.0), count + 1
            best = count if paid <= impact_max * count else best
    assert sized(view_of(levels, side), Fixed(lots=10_000), ImpactCap(impact_max_points=impact_max)).lots == best


def test_a_book_is_walked_anew_for_another_side_another_limit_and_another_book() -> None:
    seen = view_of([(51, 30), (52, 20), (55, 100)])
    assert [sized(seen, Fixed(lots=200), ImpactCap(impact_max_points=most)).lots for most in (1, 2, 1)] == [30, 60, 30]
    other = replace(seen, signal=replace(seen.signal, side=-1))
    assert [sized(one, Fixed(lots=200), ImpactCap()).lots for one in (other, seen, other)] == [150, 60, 150]
    for lots in range(1, 30):
        assert sized(view_of([(51, lots)]), Fixed(lots=200), ImpactCap()).lots == lots


def test_a_book_that_was_walked_is_taken_as_it_was() -> None:
    seen = view_of([(51, 30)])
    walked = [chain_lots([Fixed(lots=lots), ImpactCap()], seen) for lots in (200, 200, 7, 30, 31)]
    assert walked == [30, 30, 7, 30, 30]
