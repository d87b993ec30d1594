"""What a person asks of the engine, and what it answers."""

from dataclasses import replace

import pytest

from gamma.events import (
    Armed,
    ArmRequested,
    Halted,
    Level,
    ModelFailed,
    OrderKind,
    OrderState,
    PeakRebased,
    Resumed,
)
from gamma.guards import Action
from gamma.markets import MICRO
from gamma.outlook import look
from gamma.reasons import Reason
from gamma.views import View
from tests.engine_case import DAY, MES, PRICE, Case, Wire, below, strategy_rules


def fallen(view: View) -> bool:
    """Equity lies 100 usd or more under its peak."""
    return bool(view.account.peak_equity_usd - view.account.equity_usd >= 100)


# --- halt and resume ----------------------------------------------------------------------------------


def test_a_halt_is_a_row_with_a_reason_an_actor_and_a_time() -> None:
    case = Case()
    answer = case.halt()
    [halt] = case.book.halts.values()
    assert (halt.halt_id, halt.scope, halt.level, halt.reason, halt.actor) == (
        "h1",
        "account",
        Level.REDUCING,
        Reason.OPERATOR,
        "me",
    )
    assert halt.ts_event_utc_ns == case.now
    assert (answer.ok, answer.text) == (True, "the account is reducing")
    assert case.notices == ["halted:the account:operator"]


def test_the_same_halt_twice_is_one_halt_and_one_notice() -> None:
    case = Case()
    case.halt()
    assert case.halt().text == "the account is reducing already"
    assert (len(case.of(Halted)), len(case.told)) == (1, 1)
    case.halt(level=Level.HALTED)
    assert len(case.of(Halted)) == 2


def test_halts_outlive_a_crash_and_their_numbers_go_on() -> None:
    case = Case()
    case.halt()
    case.restart()
    assert list(case.book.halts) == ["h1"]
    case.resume("h1")
    case.halt()
    assert list(case.book.halts) == ["h2"]


@pytest.mark.parametrize(
    ("scope", "target", "says"),
    [
        ("strategy", "omega", "no strategy 'omega'; known: alpha"),
        ("market", "ZZ", "no market 'ZZ'; known: MNQ, MES"),
        ("planet", "", "no planet ''; known: none"),
    ],
)
def test_a_halt_on_nothing_is_refused(scope: str, target: str, says: str) -> None:
    case = Case()
    answer = case.halt(scope=scope, target=target)
    assert (answer.ok, answer.text, case.book.halts) == (False, says, {})


def test_a_resume_lifts_one_halt_and_says_so() -> None:
    case = Case()
    case.halt()
    case.halt(scope="market", target="MNQ")
    answer = case.resume("h1")
    assert (answer.ok, answer.text) == (True, "halt h1 (operator) is lifted")
    assert list(case.book.halts) == ["h2"]
    assert case.notices[-1] == "resumed:the account"
    assert [r.actor for r in case.of(Resumed)] == ["me"]


def test_a_resume_of_nothing_says_what_stands() -> None:
    case = Case()
    assert case.resume("h9").text == "no halt h9; standing: none stands"
    case.halt()
    assert case.resume("h9").text == "no halt h9; standing: h1"


def test_a_resume_is_refused_while_the_guard_would_only_trip_again() -> None:
    wire = Wire(when=below(49_950), action=Action.HALT, realised=True, facts={"now": 49_900})
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.enter(stop=0, target=0)
    case.bar(PRICE - 100)
    answer = case.resume()
    assert (answer.ok, answer.text) == (False, "wire would halt again at once (now 49900); remove the cause first")
    case.bar(PRICE)
    assert case.resume().ok
    assert case.book.halts == {}
    case.wait(60)
    assert case.book.halts == {}


def test_a_rebase_measures_drawdown_from_today_on() -> None:
    wire = Wire(when=fallen, action=Action.HALT, reason=Reason.SAFETY_HALT, realised=True)
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.enter(stop=0, target=0)
    case.bar(PRICE - 100)
    assert not case.resume().ok
    assert case.of(PeakRebased) == []
    assert case.resume(rebase=True).ok
    assert [p.equity_microusd for p in case.of(PeakRebased)] == [49_898_800_000]
    assert case.book.money.peak_microusd == 49_898_800_000
    assert case.book.halts == {}
    case.refold()


def test_a_guard_of_another_strategy_does_not_keep_a_halt_standing() -> None:
    both = Wire(when=lambda view: view.strategy == "beta", action=Action.STRATEGY_OFF, realised=True)
    case = Case(strategy_rules("alpha", guards=[("wire", both)]), strategy_rules("beta", guards=[("wire", both)]))
    case.wait(1)
    [halt] = case.book.halts.values()
    lifted = replace(halt, halt_id="h7", target="alpha")
    case.book = replace(case.book, halts={**case.book.halts, "h7": lifted})
    assert case.resume("h7").ok
    assert not case.resume(halt.halt_id).ok


def test_a_guard_that_still_raises_keeps_its_halt() -> None:
    def fail(_: View) -> bool:
        raise ZeroDivisionError("a guard's fault")

    case = Case(strategy_rules(guards=[("wire", Wire(when=fail, action=Action.HALT))]))
    case.wait(1)
    answer = case.resume()
    assert not answer.ok
    assert "ZeroDivisionError" in answer.text


def test_a_halt_by_a_person_lifts_whatever_the_guards_say() -> None:
    wire = Wire(when=below(60_000), action=Action.PAUSE, realised=True, until_utc_ns=2**62)
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.wait(1)
    case.halt()
    assert case.resume("h2").ok


def test_a_guard_that_finds_something_else_by_now_does_not_keep_the_halt() -> None:
    wire = Wire(when=below(60_000), action=Action.HALT, realised=True)
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.wait(1)
    other = replace(wire, reason=Reason.TRAILING_DRAWDOWN)
    case.rules = replace(case.rules, strategies={"alpha": strategy_rules(guards=[("wire", other)])})
    case.resume("h1")
    # The old halt is gone, and the guard has latched its own.
    assert [h.reason for h in case.book.halts.values()] == [Reason.TRAILING_DRAWDOWN]


# --- flatten ---------------------------------------------------------------------------------------------


def test_flatten_closes_what_is_held_and_cancels_what_enters() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("beta"))
    case.enter()
    case.signal(strategy="beta", price=PRICE - 40)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    answer = case.flatten()
    assert (answer.ok, answer.text) == (True, "closing +2 MNQ of alpha; entries are cancelled")
    assert entry in {s.intent.subject for s in case.out if s.intent.kind is OrderKind.CANCEL}
    assert case.position().exit_reason == "operator"


def test_flatten_of_one_market_leaves_the_others() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("gold", traded=MES))
    case.enter()
    case.bar(20_000, symbol="MES")
    case.signal(strategy="gold", price=19_000)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.flatten("MES")
    assert case.position().exit_reason == ""
    assert case.intent(OrderKind.CANCEL).market == "MES"


def test_flatten_says_what_has_to_wait() -> None:
    case = Case()
    case.bar()
    case.signal()
    case.lose(case.sent(OrderKind.ENTRY))
    assert case.flatten().text == (
        "nothing to close; entries are cancelled; 3 order(s) have no answer yet, and their markets wait for it"
    )


# --- resolve ----------------------------------------------------------------------------------------------


def quarantined() -> tuple[Case, str]:
    case = Case()
    case.bar()
    case.signal()
    entry = case.sent(OrderKind.ENTRY)
    case.lose(entry)
    case.wait(901)
    return case, entry


def test_an_order_that_a_person_says_is_absent_is_absent_with_its_bracket() -> None:
    case, entry = quarantined()
    answer = case.resolve(entry, "absent")
    assert (answer.ok, answer.text) == (True, f"{entry} resolved as absent; now lift the halt")
    assert {o.state for o in case.book.orders.values()} == {OrderState.ABSENT}
    assert case.resume().ok
    case.bar()
    case.signal()
    assert case.count(OrderKind.ENTRY) == 2


def test_an_order_that_a_person_says_is_filled_works_until_its_fills_come() -> None:
    case, entry = quarantined()
    answer = case.resolve(entry, "filled")
    assert answer.text == f"{entry} resolved as filled; still unresolved: {entry}s, {entry}t"
    assert case.state(entry) is OrderState.ACKED
    assert case.state(f"{entry}s") is OrderState.QUARANTINED
    case.fill(entry, 2, PRICE)
    assert case.position().lots == 2


def test_a_frozen_account_thaws_only_when_each_order_is_resolved() -> None:
    case, entry = quarantined()
    assert case.resume().text == f"first say what became of {entry}, {entry}s, {entry}t: gamma resolve ID"
    case.resolve(entry, "absent")
    assert case.resume().ok


@pytest.mark.parametrize(
    ("which", "outcome", "says"),
    [
        ("stranger", "absent", "stranger is no unresolved order"),
        ("", "maybe", "'maybe' is no outcome; say filled or absent"),
    ],
)
def test_a_word_that_does_not_fit_resolves_nothing(which: str, outcome: str, says: str) -> None:
    case, entry = quarantined()
    answer = case.resolve(which or entry, outcome)
    assert (answer.ok, answer.text) == (False, says)
    assert case.state(entry) is OrderState.QUARANTINED


def test_a_resolved_order_is_not_resolved_again() -> None:
    case, entry = quarantined()
    case.resolve(entry, "absent")
    assert not case.resolve(entry, "filled").ok


# --- arm, and the policy -------------------------------------------------------------------------------------


def arm(case: Case, **changes: object) -> tuple[bool, str]:
    asked = ArmRequested(
        command_id="c",
        actor="me",
        config_hash="c0ffee",
        loss_max_microusd=500 * MICRO,
        until_utc_ns=case.now + DAY,
        ts_event_utc_ns=case.now,
    )
    case.do(replace(asked, **changes))  # type: ignore[arg-type]
    return case.answers[-1].ok, case.answers[-1].text


def test_an_arming_is_of_the_config_that_runs_and_of_no_other() -> None:
    case = Case()
    assert arm(case, config_hash="other") == (False, "that is not the config that the daemon runs")
    assert case.of(Armed) == []
    assert arm(case) == (True, "armed until the session ends")
    view = look(case.book, case.rules, case.rules.strategies["alpha"])
    assert (view.control.armed_config_hash, view.control.armed_until_utc_ns) == ("c0ffee", case.now + DAY)
    assert case.notices == ["armed"]


def test_an_arming_tells_the_guards_the_largest_loss_of_the_day() -> None:
    case = Case()
    arm(case)
    assert look(case.book, case.rules, case.rules.strategies["alpha"]).control.armed_loss_max_usd == 500


@pytest.mark.parametrize("wrong", [{"until_utc_ns": 0}, {"loss_max_microusd": 0}])
def test_an_arming_without_an_end_or_a_limit_is_refused(wrong: dict[str, int]) -> None:
    case = Case()
    ok, text = arm(case, **wrong)
    assert (ok, case.of(Armed)) == (False, [])
    assert "largest loss above 0" in text


def test_a_model_that_cannot_be_trusted_switches_its_strategy_off() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("beta"))
    case.bar()
    case.signal(price=PRICE - 40)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.do(ModelFailed(strategy="alpha", text="NaN in the logits", ts_event_utc_ns=case.now))
    [halt] = case.book.halts.values()
    assert (halt.scope, halt.target, halt.reason) == ("strategy", "alpha", Reason.MODEL_INSANE)
    assert case.intent(OrderKind.CANCEL).subject == entry
    case.accept(case.sent(OrderKind.CANCEL))
    case.signal(strategy="beta")
    assert case.intent(OrderKind.ENTRY).strategy == "beta"


def test_the_account_is_as_hard_as_its_hardest_halt() -> None:
    case = Case()
    states = [case.book.state]
    for level in (Level.PAUSED, Level.REDUCING, Level.HALTED):
        case.halt(level=level)
        states.append(case.book.state)
    assert states == ["ACTIVE", "PAUSED", "REDUCING", "HALTED"]
    case.halt(scope="market", target="MNQ")
