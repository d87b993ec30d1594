import math

import pytest

from sizers.floor_room import FloorRoom
from tests.sizers.sized import facts, sized
from tests.views_example import example_view


@pytest.mark.parametrize(
    ("room", "lots"), [(2_500, 2), (1_390, 1), (100, 0), (0, 0), (-500, 0), (1_200, 1), (1_199, 0)]
)
def test_a_tenth_of_the_room_at_120_usd_a_lot(room: float, lots: int) -> None:
    view = example_view(account={"floor_usd": 50_000.0 - room}, signal={"risk_usd_per_lot": 120.0})
    assert sized(view, FloorRoom()).lots == lots


def test_it_tells_the_room() -> None:
    view = example_view(signal={"risk_usd_per_lot": 120.0})
    assert facts(view, FloorRoom()) == {
        "equity_usd": 50_000.0,
        "floor_usd": 47_500.0,
        "room_usd": 2_500.0,
        "room_frac": 0.10,
        "budget_usd": 250.0,
        "risk_usd_per_lot": 120.0,
        "raw_lots": pytest.approx(25 / 12),
        "reason": "ok",
    }


def test_an_account_without_a_floor_has_no_room() -> None:
    found = sized(example_view(account={"floor_usd": math.nan}), FloorRoom())
    assert found.lots == 0
    assert found.steps[0].reason == "input_missing"
    assert found.invalid == "account.floor_usd is unknown (nan): set [account] profile, or give --room"
