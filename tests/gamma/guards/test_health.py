"""Guards on who and what may trade: kill switch, loops, books that agree, models that make sense."""

from typing import Any

import pytest
from pydantic import ValidationError

from gamma.guards import Action, Trip
from gamma.guards.balance_match import BalanceMatch
from gamma.guards.heartbeat import Heartbeat
from gamma.guards.kill_switch import KillSwitch
from gamma.guards.model_sanity import ModelSanity
from gamma.guards.position_match import PositionMatch
from gamma.reasons import Reason
from gamma.views import View
from tests.views_example import NOW_UTC_NS, S, example_order, example_view

NAN = float("nan")
EXIT = example_order(side=-1, reduces=True)
HEARTBEAT = Heartbeat(silence_max_s=15, silence_halt_s=60)
POSITIONS = PositionMatch(mismatches_halt=2)
BALANCE = BalanceMatch(gap_max_usd=0.01)
MODEL = ModelSanity(actions=21, age_max_days=90)


def _what(trip: Trip | None) -> tuple[Action, bool] | None:
    return (trip.action, trip.realised) if trip else None


def test_the_kill_switch_lets_closing_orders_out_only_where_it_flattens() -> None:
    on = example_view(control={"kill_switch": True})
    for flatten, exits, action in ((True, 4, Action.FLATTEN_AND_HALT), (False, 0, Action.HALT)):
        guard = KillSwitch(flatten=flatten)
        assert guard(on, example_order()).reason is Reason.KILL_SWITCH
        assert guard(on, EXIT).lots == exits
        assert _what(guard.watch(on)) == (action, True)


def test_without_the_kill_switch_everything_passes() -> None:
    guard = KillSwitch(flatten=True)
    assert guard(example_view(), example_order()).lots == 4
    assert guard.watch(example_view()) is None


@pytest.mark.parametrize("loop", ["broker", "data", "strategy"])
def test_a_silent_loop_cuts_new_risk_and_later_halts(loop: str) -> None:
    def silent(age_s: float) -> View:
        return example_view(control={f"{loop}_age_s": age_s})

    assert HEARTBEAT(silent(15.0), example_order()).lots == 4
    trip = HEARTBEAT.watch(silent(15.1))
    assert _what(trip) == (Action.REDUCING, False)
    assert trip is not None
    assert (trip.facts["loop"], trip.until_utc_ns) == (loop, NOW_UTC_NS + 15 * S)
    assert _what(HEARTBEAT.watch(silent(60.0))) == (Action.REDUCING, False)
    assert _what(HEARTBEAT.watch(silent(60.1))) == (Action.HALT, False)
    assert HEARTBEAT(silent(15.1), example_order()).reason is Reason.HEARTBEAT
    assert HEARTBEAT(silent(NAN), example_order()).reason is Reason.INPUT_MISSING
    assert HEARTBEAT.watch(silent(NAN)) is None


def test_the_shorter_silence_comes_first() -> None:
    with pytest.raises(ValidationError, match="silence_max_s must be below"):
        Heartbeat(silence_max_s=60, silence_halt_s=60)


@pytest.mark.parametrize(
    ("mismatches", "what"),
    [(0, None), (1, (Action.LOCK_MARKET, False)), (2, (Action.HALT, True)), (3, (Action.HALT, True))],
)
def test_a_position_that_differs_locks_its_market_and_twice_halts(
    mismatches: int, what: tuple[Action, bool] | None
) -> None:
    view = example_view(control={"mismatches": mismatches})
    assert _what(POSITIONS.watch(view)) == what
    assert POSITIONS(view, example_order()).lots == (0 if what else 4)


def test_mismatches_that_are_not_known_let_nothing_in() -> None:
    view = example_view(control={"mismatches": NAN})
    assert POSITIONS(view, example_order()).reason is Reason.INPUT_MISSING


@pytest.mark.parametrize(("gap_usd", "lots"), [(0.0, 4), (0.01, 4), (-0.01, 4), (0.02, 0), (-0.02, 0), (NAN, 0)])
def test_a_balance_that_does_not_add_up_to_the_cent_takes_no_new_risk(gap_usd: float, lots: int) -> None:
    view = example_view(control={"balance_gap_usd": gap_usd})
    assert BALANCE(view, example_order()).lots == lots
    wrong = lots == 0 and gap_usd == gap_usd  # NaN is missing, not wrong
    assert _what(BALANCE.watch(view)) == ((Action.REDUCING, True) if wrong else None)


def _modelled(action: float = 3, **control: Any) -> View:
    model: dict[str, Any] = {"model_hash": "m1", "model_pinned_hash": "m1", "model_age_days": 30.0}
    return example_view(signal={"action": action}, control={**model, **control})


@pytest.mark.parametrize("action", [NAN, -1, 21, 2.5])
def test_an_action_outside_the_policys_own_switches_the_strategy_off(action: float) -> None:
    assert MODEL(_modelled(20), example_order()).lots == 4
    verdict = MODEL(_modelled(action), example_order())
    assert (verdict.lots, verdict.reason) == (0, Reason.MODEL_INSANE)
    assert _what(verdict.trip) == (Action.STRATEGY_OFF, True)
    assert MODEL.watch(_modelled(action)) is None  # between orders there is no action to judge


@pytest.mark.parametrize("control", [{"model_hash": "m2"}, {"model_age_days": 90.1}])
def test_a_checkpoint_that_is_old_or_not_the_pinned_one_switches_the_strategy_off(control: dict[str, Any]) -> None:
    assert MODEL(_modelled(**control), example_order()).lots == 0
    assert _what(MODEL.watch(_modelled(**control))) == (Action.STRATEGY_OFF, True)


def test_a_strategy_without_a_model_has_nothing_to_guard() -> None:
    assert MODEL(example_view(), example_order()).reason is Reason.INPUT_MISSING
    assert MODEL.watch(example_view()) is None
