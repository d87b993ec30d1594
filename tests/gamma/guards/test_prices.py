"""Guards on prices: the collar and the spread."""

import pytest

from gamma.guards.price_collar import PriceCollar
from gamma.guards.spread_width import SpreadWidth
from gamma.markets import Kind
from gamma.reasons import Reason
from tests.views_example import example_order, example_view

NAN = float("nan")
COLLAR = PriceCollar(ticks_max=20, mid_frac_max=0.005, credit_frac_max=0.15, cents_max=10)
SPREAD = SpreadWidth(medians_max=3)


@pytest.mark.parametrize(("price", "lots"), [(20_100.0, 4), (20_100.25, 0), (19_900.0, 4), (19_899.75, 0), (NAN, 4)])
def test_a_futures_price_is_within_half_a_percent_of_mid(price: float, lots: int) -> None:
    # 0.5 % of 20,000 is 100 points, more than 20 ticks (5 points).
    assert COLLAR(example_view(), example_order(price_points=price)).lots == lots


def test_twenty_ticks_are_allowed_where_they_are_more() -> None:
    view = example_view(liquidity={"mid_points": 100.0})
    assert COLLAR(view, example_order(price_points=105.0)).lots == 4
    verdict = COLLAR(view, example_order(price_points=105.25))
    assert (verdict.lots, verdict.reason, verdict.facts["limit"]) == (0, Reason.PRICE_COLLAR, 5.0)


@pytest.mark.parametrize(
    ("price", "lots"), [(2.50, 4), (2.85, 4), (2.90, 0), (2.15, 4), (2.10, 0), (5.0, 0), (0.0, 0), (NAN, 0)]
)
def test_a_credit_is_between_zero_and_the_width_and_near_its_mid(price: float, lots: int) -> None:
    # 15 % of 2.50 is 0.375: 2.125 to 2.875.
    view = example_view(
        market={"kind": Kind.OPTION_SPREAD, "tick_points": 0.05}, signal={"credit_points": 2.50, "width_points": 5.0}
    )
    assert COLLAR(view, example_order(price_points=price)).lots == lots


def test_a_spread_whose_credit_at_mid_or_width_is_unknown_is_not_sold() -> None:
    for known in ({"credit_points": 2.5}, {"width_points": 5.0}):
        view = example_view(market={"kind": Kind.OPTION_SPREAD}, signal=known)
        assert COLLAR(view, example_order(price_points=2.5)).reason is Reason.PRICE_COLLAR


@pytest.mark.parametrize(("price", "lots"), [(50.0, 4), (51.0, 0), (30.0, 4), (29.0, 0), (NAN, 0)])
def test_an_event_contract_is_within_ten_cents_and_never_at_the_market(price: float, lots: int) -> None:
    view = example_view(market={"kind": Kind.EVENT, "tick_points": 1.0}, liquidity={"mid_points": 40.0})
    assert COLLAR(view, example_order(price_points=price)).lots == lots


def test_without_a_mid_there_is_no_collar_and_no_order() -> None:
    view = example_view(liquidity={"mid_points": NAN})
    assert COLLAR(view, example_order()).reason is Reason.INPUT_MISSING


@pytest.mark.parametrize(
    ("spread", "lots"),
    [(0.0, 8), (0.5, 8), (1.5, 8), (1.75, 6), (3.0, 4), (12.0, 1), (12.25, 0), (-0.25, 0)],
)
def test_an_order_shrinks_as_the_spread_passes_three_medians(spread: float, lots: int) -> None:
    # The median is 0.5, so 1.5 is full size: 8 * 1.5 / 1.75 = 6.86, 8 * 1.5 / 3 = 4, 8 * 1.5 / 12 = 1.
    view = example_view(market={"bid_points": 20_000.0, "ask_points": 20_000.0 + spread})
    verdict = SPREAD(view, example_order(lots=8))
    assert verdict.lots == lots
    assert verdict.reason is (Reason.OK if lots == 8 else Reason.SPREAD_WIDE)


def test_an_unknown_spread_lets_nothing_in() -> None:
    assert SPREAD(example_view(market={"ask_points": NAN}), example_order()).reason is Reason.INPUT_MISSING
