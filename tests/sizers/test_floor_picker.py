import math
from dataclasses import replace

import pytest

from sizers.floor_picker import FloorPicker
from tests.picker.gold import SHA256, picking_of
from tests.sizers.sized import facts, sized
from tests.views_example import example_view

SIZER = FloorPicker(checkpoint="oracle", sha256=SHA256, by="return", bar_age_max_bars=100)


def test_it_takes_as_many_as_keep_the_floor_untouched() -> None:
    """Room for 2,500 usd at 20,000 and 2 usd a point: 3.125 % for two lots, 2 Phi(-3.125 / 2) = 11.8 %."""
    view = example_view()
    found = replace(view, curve=picking_of(SIZER).curve(view))
    told = facts(found, SIZER)
    assert (sized(found, SIZER).lots, told["chosen_lots"], told["room_usd"]) == (1, 1.0, 2_500.0)
    assert told["next_why"] == "ruin 11.82%"


@pytest.mark.parametrize(("floor_usd", "lots"), [(47_500.0, 1), (47_499.0, 1), (47_501.0, 0)])
def test_less_room_than_was_judged_is_no_answer(floor_usd: float, lots: int) -> None:
    view = example_view()
    later = replace(example_view(account={"floor_usd": floor_usd}), curve=picking_of(SIZER).curve(view))
    found = sized(later, SIZER)
    assert (found.lots, found.steps[0].reason) == (lots, "ok" if lots else "curve_stale")


def test_at_the_floor_there_are_no_lots() -> None:
    view = example_view(account={"floor_usd": 50_000.0})
    found = sized(replace(view, curve=picking_of(SIZER).curve(view)), SIZER)
    assert (found.lots, found.steps[0].reason) == (0, "budget")


def test_an_account_without_a_floor_gets_none() -> None:
    view = example_view(account={"floor_usd": math.nan})
    found = sized(replace(view, curve=picking_of(SIZER).curve(view)), SIZER)
    assert found.lots == 0
    assert "account.floor_usd" in found.invalid
