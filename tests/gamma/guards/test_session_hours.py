import pytest

from gamma.guards.session_hours import SessionHours
from gamma.reasons import Reason
from tests.views_example import example_order, example_view

GUARD = SessionHours(open_quiet_s=300, close_quiet_s=1200)


@pytest.mark.parametrize(
    ("clock", "lots"),
    [
        ({"since_open_s": 299.9}, 0),
        ({"since_open_s": 300.0}, 4),
        ({"to_close_s": 1_200.0}, 0),
        ({"to_close_s": 1_200.1}, 4),
        ({"in_session": False}, 0),
        ({"in_news_window": True}, 0),
    ],
)
def test_entries_are_allowed_between_the_first_five_and_the_last_twenty_minutes(
    clock: dict[str, object], lots: int
) -> None:
    verdict = GUARD(example_view(clock=clock), example_order())
    assert verdict.lots == lots
    assert verdict.reason is (Reason.OK if lots else Reason.SESSION_HOURS)


def test_calendars_that_disagree_allow_no_entry() -> None:
    assert GUARD(example_view(control={"calendar_agrees": False}), example_order()).lots == 0


def test_an_unknown_close_allows_no_entry() -> None:
    assert GUARD(example_view(clock={"to_close_s": float("nan")}), example_order()).reason is Reason.INPUT_MISSING
