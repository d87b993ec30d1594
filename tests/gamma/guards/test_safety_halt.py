import pytest
from pydantic import ValidationError

from gamma.guards import Action
from gamma.guards.safety_halt import SafetyHalt
from gamma.reasons import Reason
from tests.views_example import example_order, example_view

GUARD = SafetyHalt(halt_frac=0.50, drawdown_half_frac=0.10, drawdown_halt_frac=0.20)


def test_a_balance_of_exactly_half_the_capital_still_trades() -> None:
    # The balance is half, so the peak is put there too: this is about the balance alone.
    half = {
        "starting_capital_usd": 20_000.0,
        "balance_usd": 10_000.0,
        "equity_usd": 10_000.0,
        "peak_equity_usd": 10_000.0,
    }
    assert GUARD(example_view(account=half), example_order()).lots == 4
    assert GUARD.watch(example_view(account=half)) is None


def test_a_cent_below_half_the_capital_halts_at_once_with_its_numbers() -> None:
    below = {
        "starting_capital_usd": 20_000.0,
        "balance_usd": 9_999.99,
        "equity_usd": 12_000.0,
        "peak_equity_usd": 12_000.0,
    }
    trip = GUARD.watch(example_view(account=below))
    assert trip is not None
    assert (trip.action, trip.reason, trip.realised) == (Action.HALT, Reason.SAFETY_HALT, True)
    assert trip.facts["balance_usd"] == 9_999.99
    assert trip.facts["starting_capital_usd"] == 20_000.0
    assert trip.facts["halt_frac"] == 0.50
    verdict = GUARD(example_view(account=below), example_order())
    assert (verdict.lots, verdict.trip) == (0, trip)


def test_ten_percent_under_the_peak_trades_half_size_floored() -> None:
    view = example_view(account={"equity_usd": 45_000.0})
    verdict = GUARD(view, example_order(lots=5))
    assert (verdict.lots, verdict.reason, verdict.trip) == (2, Reason.SAFETY_HALT, None)
    assert GUARD(view, example_order(lots=1)).lots == 0
    assert GUARD(example_view(account={"equity_usd": 45_000.01}), example_order(lots=5)).lots == 5


def test_twenty_percent_under_the_peak_by_open_losses_asks_for_a_second_reading() -> None:
    trip = GUARD.watch(example_view(account={"equity_usd": 40_000.0}))
    assert trip is not None
    assert (trip.action, trip.realised) == (Action.HALT, False)


def test_twenty_percent_under_the_peak_by_the_balance_alone_is_realised() -> None:
    trip = GUARD.watch(example_view(account={"equity_usd": 40_000.0, "balance_usd": 40_000.0}))
    assert trip is not None
    assert trip.realised


def test_without_a_balance_nothing_is_entered_and_nothing_trips() -> None:
    view = example_view(account={"balance_usd": float("nan")})
    assert GUARD(view, example_order()).reason is Reason.INPUT_MISSING
    assert GUARD.watch(view) is None


def test_half_size_must_come_before_the_halt() -> None:
    with pytest.raises(ValidationError, match="drawdown_half_frac must be below"):
        SafetyHalt(halt_frac=0.5, drawdown_half_frac=0.2, drawdown_halt_frac=0.2)
