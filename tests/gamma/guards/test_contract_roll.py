"""Out of a contract before another month is in front: expected days are those of the exchange's calendar, by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gamma.assembly import Hours
from gamma.calendar import NEW_YORK, NS, FlatBy
from gamma.guards import Action, inert
from gamma.guards.contract_roll import ContractRoll
from gamma.reasons import Reason
from gamma.views import View
from tests.views_example import example_order, example_view

GUARD = ContractRoll(cancel_before_s=600, flat_before_s=300, verify_before_s=60)


def _view(to_roll_s: float, **position: Any) -> View:
    return example_view(clock={"to_roll_s": to_roll_s, "to_flat_by_s": 30.0}, position=position)


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


def test_weeks_before_a_roll_it_lets_a_position_stand_over_night() -> None:
    assert GUARD(_view(86_400.0 * 30), example_order()).lots == 4
    assert GUARD.watch(_view(86_400.0 * 3, lots=2)) is None


@pytest.mark.parametrize(
    ("to_roll_s", "position", "action"),
    [
        (601, {"lots": 2, "working_long_lots": 1}, None),
        (600, {"working_long_lots": 1}, Action.CANCEL_ENTRIES),
        (300, {"lots": -2}, Action.FLATTEN),
        (60, {"lots": 1}, Action.FLATTEN_AND_HALT),
        (60, {}, None),
    ],
)
def test_in_the_last_session_what_is_open_is_cancelled_then_closed_then_paged(
    to_roll_s: float, position: dict[str, Any], action: Action | None
) -> None:
    trip = GUARD.watch(_view(to_roll_s, **position))
    assert (trip.action if trip else None) is action
    assert trip is None or (trip.reason is Reason.CONTRACT_ROLL and trip.realised)


def test_no_entry_goes_in_ten_minutes_before_the_roll_and_the_verdict_says_why() -> None:
    verdict = GUARD(_view(600.0, lots=1), example_order())
    assert (verdict.lots, verdict.reason) == (0, Reason.CONTRACT_ROLL)
    assert verdict.facts["now"] == 600.0
    assert GUARD.leeway(_view(600 + 900.0)) == 0.25


def test_a_market_without_months_keeps_it_from_seeing_anything() -> None:
    assert GUARD(_view(float("nan")), example_order()).reason is Reason.INPUT_MISSING
    assert inert(GUARD, _view(float("nan")))


def test_steps_that_do_not_follow_one_another_are_refused() -> None:
    with pytest.raises(ValueError, match="cancel_before_s must be above flat_before_s"):
        ContractRoll(cancel_before_s=60, flat_before_s=300, verify_before_s=600)


@pytest.mark.parametrize(
    ("day", "last"),
    [
        ("2025-12-01T15:00", "2025-12-12 16:59"),  # the 19th expires; from the Monday before it March is in front
        ("2026-03-13T15:00", "2026-03-13 16:59"),
        ("2026-03-15T22:30", "2026-06-12 16:59"),  # Sunday evening is Monday's session
        ("2026-06-18T15:00", "2026-09-11 16:59"),  # June ends on a Thursday, for Friday is a holiday
        ("2026-12-11T15:00", "2026-12-11 16:59"),
        ("2027-03-12T15:00", "2027-03-12 16:59"),
    ],
)
def test_the_session_of_a_day_knows_when_its_contract_is_to_be_left(day: str, last: str) -> None:
    session = Hours().session("MNQ", utc(day))
    assert session is not None
    at = datetime.fromtimestamp(session.ts_roll_utc_ns / NS, NEW_YORK)
    assert at.strftime("%Y-%m-%d %H:%M") == last


def test_the_accounts_own_moment_to_be_flat_by_holds_for_the_roll_too() -> None:
    session = Hours(flat_by=FlatBy(time="16:10")).session("MES", utc("2026-03-10T15:00"))
    assert session is not None
    assert datetime.fromtimestamp(session.ts_roll_utc_ns / NS, NEW_YORK).strftime("%d %H:%M") == "13 16:10"


@pytest.mark.parametrize("market", ["XAU_USD", "SPX", "KXBTC15M-X"])
def test_gold_options_and_event_contracts_never_roll(market: str) -> None:
    session = Hours().session(market, utc("2026-03-10T15:00"))
    assert session is not None
    assert session.ts_roll_utc_ns == 0


def test_bars_longer_than_the_time_in_which_it_closes_would_come_too_late() -> None:
    assert GUARD.looks_every_max_s == 300
