import pytest
from pydantic import ValidationError

from gamma.guards import Action
from gamma.guards.daily_loss import DailyLoss
from gamma.reasons import Reason
from tests.views_example import NOW_UTC_NS, S, example_order, example_view

GUARD = DailyLoss(soft_frac=0.02, hard_frac=0.03)
CLOSE_UTC_NS = NOW_UTC_NS + 7_200 * S


def test_a_loss_short_of_two_percent_trades_on() -> None:
    view = example_view(account={"day_pnl_usd": -999.99})
    assert GUARD(view, example_order()).lots == 4
    assert GUARD.watch(view) is None


def test_two_percent_cuts_new_risk_until_the_day_ends() -> None:
    trip = GUARD.watch(example_view(account={"day_pnl_usd": -1_000.0}))
    assert trip is not None
    assert (trip.action, trip.until_utc_ns, trip.realised) == (Action.REDUCING, CLOSE_UTC_NS, False)
    assert GUARD(example_view(account={"day_pnl_usd": -1_000.0}), example_order()).reason is Reason.DAILY_LOSS


def test_three_percent_closes_all_and_halts_the_day() -> None:
    trip = GUARD.watch(example_view(account={"day_pnl_usd": -1_500.0, "day_realised_usd": -1_200.0}))
    assert trip is not None
    assert (trip.action, trip.until_utc_ns, trip.realised) == (Action.FLATTEN_AND_HALT, CLOSE_UTC_NS, False)


def test_the_realised_part_alone_beyond_the_limit_is_realised() -> None:
    trip = GUARD.watch(example_view(account={"day_pnl_usd": -1_600.0, "day_realised_usd": -1_500.0}))
    assert trip is not None
    assert trip.realised


def test_p9_a_profiles_soft_daily_loss_pauses_the_session_and_lifts_with_it() -> None:
    loose = DailyLoss(soft_frac=0.10, hard_frac=0.20)
    account = {"day_loss_max_usd": 1_000.0, "day_pnl_usd": -1_000.0}
    trip = loose.watch(example_view(account=account))
    assert trip is not None
    assert (trip.action, trip.until_utc_ns) == (Action.FLATTEN_AND_HALT, CLOSE_UTC_NS)
    assert loose.watch(example_view(account={**account, "day_pnl_usd": -999.0})) is None


@pytest.mark.parametrize("field", ["day_start_equity_usd", "day_pnl_usd", "day_realised_usd", "day_loss_max_usd"])
def test_an_unknown_day_lets_nothing_in(field: str) -> None:
    view = example_view(account={field: float("nan")})
    assert GUARD(view, example_order()).reason is Reason.INPUT_MISSING
    assert GUARD.watch(view) is None


def test_the_soft_limit_is_not_above_the_hard_one() -> None:
    with pytest.raises(ValidationError, match="soft_frac must not be above"):
        DailyLoss(soft_frac=0.04, hard_frac=0.03)
