import pytest
from pydantic import ValidationError

from gamma.guards import Action
from gamma.guards.trailing_drawdown import TrailingDrawdown
from gamma.reasons import Reason
from gamma.views import View
from tests.views_example import example_order, example_view

GUARD = TrailingDrawdown(half_room_frac=0.25, flatten_room_frac=0.10)


def _with_room(room_usd: float) -> View:
    return example_view(account={"equity_usd": 47_500.0 + room_usd})


def test_a_quarter_of_the_room_left_is_still_full_size_and_less_is_half() -> None:
    # A quarter of 2,500 is 625.
    assert GUARD(_with_room(625), example_order(lots=5)).lots == 5
    verdict = GUARD(_with_room(624), example_order(lots=5))
    assert (verdict.lots, verdict.reason) == (2, Reason.TRAILING_DRAWDOWN)


def test_under_a_tenth_of_the_room_everything_is_closed_but_nothing_latches() -> None:
    assert GUARD.watch(_with_room(250)) is None
    trip = GUARD.watch(_with_room(249))
    assert trip is not None
    assert (trip.action, trip.realised) == (Action.FLATTEN, False)
    assert GUARD(_with_room(249), example_order()).lots == 0


def test_touching_the_floor_closes_all_and_halts() -> None:
    trip = GUARD.watch(_with_room(0))
    assert trip is not None
    assert (trip.action, trip.until_utc_ns, trip.realised) == (Action.FLATTEN_AND_HALT, 0, False)


def test_a_balance_at_the_floor_is_money_that_has_really_gone() -> None:
    trip = GUARD.watch(example_view(account={"equity_usd": 47_500.0, "balance_usd": 47_500.0}))
    assert trip is not None
    assert trip.realised


@pytest.mark.parametrize("field", ["equity_usd", "floor_usd", "floor_room_start_usd"])
def test_without_a_floor_or_equity_nothing_is_entered(field: str) -> None:
    view = example_view(account={field: float("nan")})
    assert GUARD(view, example_order()).reason is Reason.INPUT_MISSING
    assert GUARD.watch(view) is None


def test_half_size_must_come_before_closing_all() -> None:
    with pytest.raises(ValidationError, match="flatten_room_frac must be below"):
        TrailingDrawdown(half_room_frac=0.1, flatten_room_frac=0.25)
