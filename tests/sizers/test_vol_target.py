import math

import pytest

from sizers.vol_target import VolTarget
from tests.sizers.sized import facts, in_market, sized


def test_a_quarter_of_50k_a_year_bears_one_mnq_at_240_points_a_day() -> None:
    view = in_market("MNQ", market={"vol_daily_points": 240.0})
    told = facts(view, VolTarget())
    assert told["budget_usd"] == 781.25
    assert told["risk_usd_per_lot"] == 480.0
    assert told["raw_lots"] == pytest.approx(1.6276, abs=5e-5)
    assert sized(view, VolTarget()).lots == 1


def test_calmer_markets_get_more() -> None:
    assert sized(in_market("MNQ", market={"vol_daily_points": 120.0}), VolTarget()).lots == 3


def test_less_than_one_lot_says_that_the_budget_bound() -> None:
    assert facts(in_market("NQ", market={"vol_daily_points": 240.0}), VolTarget())["reason"] == "budget"


@pytest.mark.parametrize("vol", [math.nan, 0.0, -5.0, math.inf])
def test_a_volatility_that_is_none_closes_and_is_named(vol: float) -> None:
    found = sized(in_market("MNQ", market={"vol_daily_points": vol}), VolTarget())
    assert (found.lots, found.invalid.split(" ")[0]) == (0, "market.vol_daily_points")
