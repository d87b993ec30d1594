import math

import pytest

from gamma.guards.position_limit import PositionLimit
from gamma.markets import Kind
from gamma.reasons import Reason
from tests.views_example import example_order, example_view

TEN_MINIS = PositionLimit(lots_max={"emini": 100, "micro": 100}, minis_max=10)
EVENTS = PositionLimit(lots_max={"event": 500}, minis_max=1)


@pytest.mark.parametrize(("held", "working"), [(60, 0), (0, 60), (25, 35)])
def test_p10_four_minis_and_sixty_micros_held_or_working_are_ten(held: int, working: int) -> None:
    # 4 NQ are 4.0 and 59 MNQ are 5.9; the 60th makes 10.0, the 61st 10.1.
    before = {"lots": held - 1 if held else 0, "working_long_lots": working if held else working - 1}
    view = example_view(position={**before, "family_long_minis": 4.0 + 59 * 0.1})
    assert TEN_MINIS(view, example_order(lots=1)).lots == 1
    full = example_view(position={"lots": held, "working_long_lots": working, "family_long_minis": 4.0 + 60 * 0.1})
    verdict = TEN_MINIS(full, example_order(lots=1))
    assert (verdict.lots, verdict.reason) == (0, Reason.POSITION_LIMIT)
    assert verdict.facts["minis"] == pytest.approx(10.1)


def test_working_orders_count_on_their_own_side_only() -> None:
    view = example_view(position={"working_long_lots": 98, "family_long_minis": 9.8})
    assert TEN_MINIS(view, example_order(side=1)).lots == 0
    assert TEN_MINIS(view, example_order(side=-1)).lots == 4


def test_a_short_position_counts_for_sells() -> None:
    view = example_view(position={"lots": -98, "family_short_minis": 9.8})
    assert TEN_MINIS(view, example_order(side=-1, lots=2)).lots == 2
    assert TEN_MINIS(view, example_order(side=-1, lots=3)).lots == 0


def test_what_another_strategy_holds_on_the_other_side_makes_no_room() -> None:
    guard = PositionLimit(lots_max={"micro": 6}, minis_max=10)
    # Another strategy is 5 short, and may get out first: then 7 long would be held.
    hedged = example_view(position={"lots": -5, "others_short_lots": 5})
    assert guard(hedged, example_order(lots=6)).lots == 6
    assert guard(hedged, example_order(lots=7)).lots == 0
    # The strategy's own 5 short are closed by the first 5 that it buys.
    own = example_view(position={"lots": -5})
    assert guard(own, example_order(lots=11)).lots == 11
    assert guard(own, example_order(lots=12)).lots == 0
    short = example_view(position={"lots": 5, "others_long_lots": 5})
    assert guard(short, example_order(lots=7, side=-1)).lots == 0


def test_event_contracts_are_limited_to_500_and_are_no_minis() -> None:
    market = {"kind": Kind.EVENT, "mini_equivalent": 0.0}
    position = {"lots": 450, "family_long_minis": 5.0}
    view = example_view(market=market, position=position)
    assert EVENTS(view, example_order(lots=50)).lots == 50
    assert EVENTS(view, example_order(lots=51)).lots == 0
    assert EVENTS(view, example_order(lots=900, side=-1)).lots == 900  # nets to 450 NO


@pytest.mark.parametrize(("firms", "lots"), [(4.0, 40), (3.9, 0), (20.0, 40), (float("nan"), 0)])
def test_the_firms_own_limit_binds_where_it_is_lower(firms: float, lots: int) -> None:
    view = example_view(account={"minis_max": firms})
    assert TEN_MINIS(view, example_order(lots=40)).lots == lots


def test_the_reading_is_of_the_heavier_side() -> None:
    reading = TEN_MINIS.reading(example_view(position={"lots": 3, "family_long_minis": 0.3, "family_short_minis": 0.5}))
    assert reading == {"limit": 100, "now": 3, "minis_max": 10, "profile_minis_max": math.inf, "minis": 0.5}
