"""Guards against sending the same thing again: duplicates, repeats, and orders against ourselves."""

from gamma.guards import Action
from gamma.guards.duplicate import Duplicate
from gamma.guards.repeat_execution import RepeatExecution
from gamma.guards.self_match import SelfMatch
from gamma.reasons import Reason
from gamma.views import PastIntent, View
from tests.views_example import NOW_UTC_NS, S, example_order, example_view

DUPLICATE = Duplicate(window_s=10)
REPEAT = RepeatExecution(executions_max=5, window_s=600)
SELF = SelfMatch()


def _past(age_s: int = 5, **fields: object) -> PastIntent:
    past: dict[str, object] = {
        "ts_event_utc_ns": NOW_UTC_NS - age_s * S,
        "strategy": "mnq",
        "market": "MNQ",
        "side": 1,
        "lots": 4,
        "signal_id": "mnq-0",
    }
    return PastIntent(**{**past, **fields})  # type: ignore[arg-type]


def _after(*intents: PastIntent) -> View:
    return example_view(activity={"intents": intents})


def test_a_signal_is_acted_on_once_however_long_ago() -> None:
    verdict = DUPLICATE(_after(_past(age_s=40_000, signal_id="mnq-1", lots=1)), example_order(signal_id="mnq-1"))
    assert (verdict.lots, verdict.reason) == (0, Reason.DUPLICATE)


def test_the_same_market_side_and_lots_wait_ten_seconds() -> None:
    assert DUPLICATE(_after(_past(age_s=9)), example_order()).lots == 0
    assert DUPLICATE(_after(_past(age_s=10)), example_order()).lots == 4


def test_another_market_side_or_size_is_another_order() -> None:
    for other in ({"market": "MES"}, {"side": -1}, {"lots": 3}):
        assert DUPLICATE(_after(_past(**other)), example_order()).lots == 4


def test_an_exit_is_no_duplicate_of_an_entry() -> None:
    assert DUPLICATE(_after(_past(reduces=True, signal_id="mnq-1")), example_order()).lots == 4


def test_an_entry_without_id_or_time_cannot_be_told_from_another() -> None:
    assert DUPLICATE(example_view(), example_order(signal_id="")).reason is Reason.INPUT_MISSING
    assert DUPLICATE(example_view(clock={"ts_event_utc_ns": 0}), example_order()).reason is Reason.INPUT_MISSING


def test_five_entries_on_one_side_in_ten_minutes_switch_the_strategy_off() -> None:
    assert REPEAT(_after(*[_past(age_s=599)] * 4), example_order()).lots == 4
    view = _after(*[_past(age_s=599)] * 5)
    verdict = REPEAT(view, example_order())
    assert (verdict.lots, verdict.reason) == (0, Reason.REPEAT_EXECUTION)
    trip = REPEAT.watch(view)
    assert trip is not None
    assert (trip.action, trip.realised) == (Action.STRATEGY_OFF, True)
    assert verdict.trip == trip


def test_old_entries_exits_and_those_of_others_are_no_repeats() -> None:
    others = (
        [_past(age_s=600)] * 5
        + [_past(reduces=True)] * 5
        + [_past(strategy="mes")] * 5
        + [_past(market="MES")] * 5
        + [_past()] * 3
        + [_past(side=-1)] * 4
    )
    assert REPEAT.watch(_after(*others)) is None


def test_repeats_need_a_time() -> None:
    assert REPEAT(example_view(clock={"ts_event_utc_ns": 0}), example_order()).reason is Reason.INPUT_MISSING


def test_our_own_order_on_the_other_side_stops_an_entry() -> None:
    for working, lots in ((("MNQ", -1), 0), (("MNQ", 1), 4), (("MES", -1), 4)):
        assert SELF(example_view(activity={"working": (working,)}), example_order()).lots == lots


def test_our_own_position_on_the_other_side_stops_an_entry() -> None:
    assert SELF(example_view(position={"lots": -1}), example_order()).reason is Reason.SELF_MATCH
    assert SELF(example_view(position={"lots": 1}), example_order()).lots == 4


def test_a_correlated_market_on_the_other_side_is_a_hedge() -> None:
    assert SELF(example_view(position={"family_short_minis": 0.1}), example_order()).reason is Reason.SELF_MATCH
    assert SELF(example_view(position={"family_long_minis": 0.1}), example_order(side=-1)).lots == 0
    assert SELF(example_view(position={"family_long_minis": 0.1}), example_order()).lots == 4


def test_an_unknown_position_stops_an_entry() -> None:
    view = example_view(position={"lots": float("nan")})
    assert SELF(view, example_order()).reason is Reason.INPUT_MISSING
