import pytest
from pydantic import ValidationError

from gamma.guards.order_size import OrderSize
from gamma.reasons import Reason
from tests.views_example import example_order, example_view


def test_the_kinds_limit_holds_and_one_lot_more_is_denied() -> None:
    guard = OrderSize(lots_max={"micro": 12})
    assert guard(example_view(), example_order(lots=12)).lots == 12
    verdict = guard(example_view(), example_order(lots=13))
    assert (verdict.lots, verdict.reason) == (0, Reason.ORDER_TOO_LARGE)


def test_the_markets_own_limit_beats_its_kinds() -> None:
    guard = OrderSize(lots_max={"micro": 12, "MNQ": 3})
    assert guard(example_view(), example_order(lots=4)).lots == 0
    assert guard(example_view(market={"symbol": "MES"}), example_order(lots=4)).lots == 4


def test_a_market_without_a_limit_gets_no_order() -> None:
    assert OrderSize(lots_max={"emini": 1})(example_view(), example_order(lots=1)).lots == 0


@pytest.mark.parametrize("limits", [{}, {"micros": 12}, {"micro": 0}])
def test_a_limit_of_nothing_known_is_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        OrderSize(lots_max=limits)


def test_an_event_ticker_may_have_a_limit_of_its_own() -> None:
    assert OrderSize(lots_max={"KXHIGHNY-26": 50}).lots_max == {"KXHIGHNY-26": 50}
