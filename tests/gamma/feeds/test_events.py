"""Simulated event markets: books that could stand, worth that is how often they pay, and what a seed says."""

import math

import numpy as np
import pytest

from gamma.feeds.events import BITCOIN_15M, LOOK_S, WINDOW_LOOKS, Tape, simulate
from gamma.feeds.events.simulator import normal_below


def tape_of(markets: int, seed: int = 1) -> Tape:
    return simulate(BITCOIN_15M, np.random.default_rng(seed), markets)


@pytest.fixture(scope="module")
def tape() -> Tape:
    return tape_of(2_000)


def test_the_same_seed_makes_the_same_markets() -> None:
    one, two = tape_of(3, seed=7), tape_of(3, seed=7)
    assert all((getattr(one, name) == getattr(two, name)).all() for name in one.names)
    assert (one.yes_bid != tape_of(3, seed=8).yes_bid).any()


def test_a_market_is_looked_at_from_its_opening_to_just_before_its_close(tape: Tape) -> None:
    assert tape.left_s[0, 0] == BITCOIN_15M.open_s
    assert tape.left_s[0, -1] == LOOK_S
    assert (tape.looks == 180).all()
    assert set(np.unique(tape.payout).tolist()) == {0, 100}


def test_bids_lie_within_1_and_99_below_the_asks_and_an_empty_side_has_no_lots(tape: Tape) -> None:
    for bid, lots in ((tape.yes_bid, tape.yes_lots), (tape.no_bid, tape.no_lots)):
        assert bid.min() == 0
        assert bid.max() == 99
        assert (lots[bid == 0] == 0).all()
        assert (lots[..., 0][bid > 0] >= 1).all()
        below_a_cent = bid[..., None] - np.arange(lots.shape[-1]) < 1
        assert (lots[below_a_cent] == 0).all()
    assert tape.spread.min() >= 1


def test_volume_is_of_the_ten_minutes_before_or_all_since_it_opened(tape: Tape) -> None:
    traded = (tape.yes_taken + tape.no_taken)[0].astype(np.int64)
    assert tape.volume[0, 0] == 0
    assert tape.volume[0, 60] == pytest.approx(traded[:60].sum(), rel=1e-6)
    assert tape.volume[0, 170] == pytest.approx(traded[170 - WINDOW_LOOKS : 170].sum(), rel=1e-6)


def test_yes_pays_as_often_as_it_costs_at_any_price() -> None:
    many = tape_of(6_000, seed=3)
    for at in (20, 90, 150):
        middle, paid = many.middle[:, at], many.payout / 100
        for low in range(0, 100, 20):
            there = (middle >= low) & (middle < low + 20)
            error = 4 * math.sqrt(0.25 / there.sum()) + 0.005
            assert paid[there].mean() == pytest.approx(middle[there].mean() / 100, abs=error)


def test_a_part_of_a_tape_is_a_tape_of_those_markets(tape: Tape) -> None:
    part = tape.part(np.array([4, 2]))
    assert len(part) == 2
    assert (part.middle[0] == tape.middle[4]).all()
    assert part.there.all()


def test_the_normal_distribution_is_as_tabled() -> None:
    told = normal_below(np.array([-math.inf, -1.959963984540054, 0.0, 1.0, math.inf]))
    assert told == pytest.approx([0.0, 0.025, 0.5, 0.8413447460685429, 1.0], abs=1e-15)
