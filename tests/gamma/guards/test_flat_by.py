from typing import Any

import pytest
from pydantic import ValidationError

from gamma.guards import Action
from gamma.guards.flat_by import FlatBy
from gamma.reasons import Reason
from gamma.views import View
from tests.views_example import NOW_UTC_NS, S, example_order, example_view

GUARD = FlatBy(cancel_before_s=600, flat_before_s=300, verify_before_s=60)
NAN = float("nan")


def _view(to_flat_by_s: float, **position: Any) -> View:
    return example_view(clock={"to_flat_by_s": to_flat_by_s}, position=position)


def test_entries_end_ten_minutes_before_the_time_to_be_flat() -> None:
    assert GUARD(_view(600.1), example_order()).lots == 4
    assert GUARD(_view(600.0), example_order()).reason is Reason.FLAT_BY
    assert GUARD(_view(-100.0), example_order()).lots == 0


@pytest.mark.parametrize(
    ("to_flat_by_s", "position", "action"),
    [
        (601, {"lots": 2, "working_long_lots": 1}, None),
        (600, {"working_long_lots": 1}, Action.CANCEL_ENTRIES),
        (600, {"lots": 2}, None),
        (300, {"lots": -2}, Action.FLATTEN),
        (300, {"working_short_lots": 1}, Action.FLATTEN),
        (300, {}, None),
        (60, {"lots": 1}, Action.FLATTEN_AND_HALT),
        (-30, {"lots": 1}, Action.FLATTEN_AND_HALT),
        (60, {}, None),
        (300, {"lots": NAN}, Action.FLATTEN),
        (300, {"working_long_lots": NAN}, Action.FLATTEN),
        (NAN, {"lots": 1}, None),
    ],
)
def test_what_is_open_is_cancelled_then_closed_then_paged(
    to_flat_by_s: float, position: dict[str, Any], action: Action | None
) -> None:
    trip = GUARD.watch(_view(to_flat_by_s, **position))
    assert (trip.action if trip else None) is action
    assert trip is None or trip.realised


def test_a_position_that_would_not_close_halts_the_session() -> None:
    trip = GUARD.watch(_view(59, lots=1))
    assert trip is not None
    assert trip.until_utc_ns == NOW_UTC_NS + 7_200 * S
    closing = GUARD.watch(_view(299, lots=1))
    assert closing is not None
    assert closing.until_utc_ns == 0


def test_an_unknown_time_or_calendars_that_disagree_allow_no_entry() -> None:
    assert GUARD(_view(NAN), example_order()).reason is Reason.INPUT_MISSING
    assert GUARD(example_view(control={"calendar_agrees": False}), example_order()).reason is Reason.FLAT_BY


def test_the_steps_come_in_their_order() -> None:
    with pytest.raises(ValidationError, match="must be above"):
        FlatBy(cancel_before_s=300, flat_before_s=300, verify_before_s=60)
