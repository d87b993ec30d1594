from typing import Any

import pytest

from gamma.guards import Action
from gamma.guards.armed import Armed
from gamma.reasons import Reason
from gamma.views import View
from tests.views_example import NOW_UTC_NS, S, example_order, example_view

GUARD = Armed()


def _live(*, day_pnl_usd: float = 0.0, day_realised_usd: float = 0.0, **control: Any) -> View:
    armed: dict[str, Any] = {
        "mode": "live",
        "config_hash": "c1",
        "armed_config_hash": "c1",
        "armed_until_utc_ns": NOW_UTC_NS + S,
        "armed_loss_max_usd": 500.0,
    }
    account = {"day_pnl_usd": day_pnl_usd, "day_realised_usd": day_realised_usd}
    return example_view(account=account, control={**armed, **control})


def test_paper_needs_no_arming() -> None:
    assert GUARD(example_view(), example_order()).lots == 4


def test_live_trades_the_config_that_was_armed() -> None:
    assert GUARD(_live(), example_order()).lots == 4


@pytest.mark.parametrize(
    ("control", "why"),
    [
        ({"armed_config_hash": ""}, "not armed"),
        ({"armed_until_utc_ns": 0}, "not armed"),
        ({"armed_until_utc_ns": NOW_UTC_NS}, "not armed"),
        ({"armed_config_hash": "c0"}, "another config"),
        ({"armed_loss_max_usd": float("nan")}, "what was armed"),
        ({"mode": "practice", "armed_until_utc_ns": 0}, "not armed"),
    ],
)
def test_live_is_refused_without_an_arming_of_this_config_for_this_session(control: dict[str, Any], why: str) -> None:
    verdict = GUARD(_live(**control), example_order())
    assert (verdict.lots, verdict.reason) == (0, Reason.NOT_ARMED)
    assert why in str(verdict.facts["why"])


def test_the_armed_loss_closes_all_until_the_arming_ends() -> None:
    assert GUARD.watch(_live(day_pnl_usd=-499.99)) is None
    trip = GUARD.watch(_live(day_pnl_usd=-500.0))
    assert trip is not None
    assert (trip.action, trip.reason) == (Action.FLATTEN_AND_HALT, Reason.DAILY_LOSS)
    assert (trip.until_utc_ns, trip.realised) == (NOW_UTC_NS + S, False)
    assert GUARD(_live(day_pnl_usd=-500.0), example_order()).trip == trip


def test_an_armed_loss_that_is_realised_latches_at_once() -> None:
    trip = GUARD.watch(_live(day_pnl_usd=-600.0, day_realised_usd=-500.0))
    assert trip is not None
    assert trip.realised


def test_nothing_trips_on_paper_or_without_an_arming() -> None:
    assert GUARD.watch(_live(day_pnl_usd=-600.0, mode="paper")) is None
    assert GUARD.watch(_live(day_pnl_usd=-600.0, armed_until_utc_ns=0)) is None
