"""Guards between orders: what latches, when, on whom, and how it lifts."""

from dataclasses import replace

import pytest

from gamma.book import Breach
from gamma.events import Halted, Level, OrderKind, Resumed
from gamma.floor import FloorRule, TrailsOn
from gamma.guards import Action
from gamma.guards.daily_loss import DailyLoss
from gamma.guards.safety_halt import SafetyHalt
from gamma.guards.trailing_drawdown import TrailingDrawdown
from gamma.markets import MICRO
from gamma.reasons import Reason
from gamma.views import View
from tests.engine_case import MES, PRICE, Case, Wire, below, setup_of, strategy_rules


def always(_: View) -> bool:
    return True


def wired(action: Action, *, realised: bool = True, **more: object) -> Case:
    wire = Wire(when=always, action=action, realised=realised, **more)  # type: ignore[arg-type]
    return Case(strategy_rules("alpha", guards=[("wire", wire)]), strategy_rules("beta", traded=MES))


# --- readings -----------------------------------------------------------------------------------------


def holding(when: float, action: Action = Action.HALT, **more: object) -> Case:
    """An account with 2 lots and no stop, whose guard trips below this equity. A tick is 1 usd."""
    wire = Wire(when=below(when), action=action, **more)  # type: ignore[arg-type]
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.enter(stop=0, target=0)
    return case


def test_one_bad_reading_cuts_new_risk_and_latches_nothing() -> None:
    case = holding(49_950)
    case.bar(PRICE - 100)
    assert case.book.halts == {}
    assert case.book.breaches == {
        ("alpha", "wire"): Breach(readings=1, ts_event_utc_ns=case.now, scope="account", target="", action=Action.HALT)
    }
    case.bar(PRICE)
    assert (case.book.halts, case.book.breaches) == ({}, {})


def test_the_second_reading_in_a_row_latches() -> None:
    case = holding(49_950)
    case.bar(PRICE - 100)
    case.bar(PRICE - 101)
    [halt] = case.book.halts.values()
    assert (halt.actor, halt.level, halt.evidence["action"]) == ("guard:wire", Level.REDUCING, "halt")


def test_looking_at_one_price_twice_is_one_reading() -> None:
    case = holding(49_950)
    case.bar(PRICE - 100)
    for _ in range(5):
        case.wait(10)
    assert case.book.halts == {}
    case.bar(PRICE - 100)
    assert len(case.book.halts) == 1


def test_a_sign_of_life_is_a_reading() -> None:
    wire = Wire(when=lambda view: bool(view.control.data_age_s > 10), action=Action.REDUCING, reason=Reason.HEARTBEAT)
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.health(data_age_s=20.0)
    assert case.book.halts == {}
    case.now += 1
    case.health(data_age_s=35.0)
    assert len(case.book.halts) == 1


def test_what_is_realised_latches_at_once() -> None:
    case = holding(49_950, realised=True)
    case.bar(PRICE - 100)
    assert len(case.book.halts) == 1


def test_a_restart_starts_to_count_anew() -> None:
    case = holding(49_950)
    case.bar(PRICE - 100)
    case.restart()
    assert case.book.breaches == {}


# --- what latches where ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "scope", "target", "level"),
    [
        (Action.PAUSE, "strategy", "alpha", Level.PAUSED),
        (Action.REDUCING, "account", "", Level.REDUCING),
        (Action.STRATEGY_OFF, "strategy", "alpha", Level.REDUCING),
        (Action.LOCK_MARKET, "market", "MNQ", Level.REDUCING),
        (Action.FLATTEN_AND_HALT, "account", "", Level.REDUCING),
        (Action.HALT, "account", "", Level.REDUCING),
    ],
)
def test_each_action_latches_in_its_place(action: Action, scope: str, target: str, level: Level) -> None:
    case = wired(action)
    case.wait(1)
    [halt] = case.book.halts.values()
    assert (halt.scope, halt.target, halt.level, halt.reason) == (scope, target, level, Reason.DAILY_LOSS)
    assert halt.ts_event_utc_ns == case.now


@pytest.mark.parametrize("action", [Action.CANCEL_ENTRIES, Action.FLATTEN])
def test_what_only_cancels_or_closes_latches_nothing(action: Action) -> None:
    case = wired(action)
    case.wait(1)
    assert case.book.halts == {}
    assert case.book.barred("alpha", "MNQ")
    assert not case.book.barred("beta", "MES")


def test_the_kill_switch_stops_exits_too() -> None:
    case = wired(Action.HALT, reason=Reason.KILL_SWITCH)
    case.wait(1)
    [halt] = case.book.halts.values()
    assert halt.level is Level.HALTED


def test_a_halt_is_latched_and_told_once() -> None:
    case = wired(Action.HALT)
    case.wait(1)
    case.wait(60)
    case.wait(60)
    assert (len(case.of(Halted)), case.notices) == (1, ["guard:wire:halt:alpha:MNQ"])


def test_flatten_closes_what_the_strategy_holds() -> None:
    case = holding(49_950, Action.FLATTEN, realised=True)
    case.bar(PRICE - 100)
    exit_ = case.intent(OrderKind.EXIT)
    assert (exit_.reason, exit_.lots) == ("wire", 2)
    assert case.book.halts == {}


def test_flatten_leaves_other_strategies_alone_and_flatten_and_halt_does_not() -> None:
    for action, closed in ((Action.FLATTEN, {"alpha"}), (Action.FLATTEN_AND_HALT, {"alpha", "beta"})):
        wire = Wire(when=lambda view: bool(view.market.price_points < 20_000), action=action, realised=True)
        case = Case(strategy_rules("alpha", guards=[("wire", wire)]), strategy_rules("beta"))
        case.enter()
        case.signal(strategy="beta")
        entry = case.sent(OrderKind.ENTRY)
        case.accept(entry, f"{entry}s", f"{entry}t")
        case.fill(entry, 2, PRICE)
        case.bar(PRICE - 1)
        assert {p.strategy for p in case.book.positions.values() if p.exit_reason} == closed


# --- how it lifts ---------------------------------------------------------------------------------------------


def test_a_pause_runs_out_by_itself() -> None:
    case = Case()
    until = case.now + 3600 * 1_000_000_000
    wire = Wire(
        when=lambda view: bool(view.clock.ts_event_utc_ns < until),
        action=Action.PAUSE,
        reason=Reason.LOSS_STREAK,
        realised=True,
        until_utc_ns=until,
    )
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.wait(1)
    assert [h.level for h in case.book.halts.values()] == [Level.PAUSED]
    case.wait(3598)
    assert len(case.book.halts) == 1
    case.wait(1)
    assert case.book.halts == {}
    assert [r.actor for r in case.of(Resumed)] == ["time"]
    case.refold()


def test_what_still_trips_after_its_pause_is_paused_again() -> None:
    case = wired(Action.PAUSE, until_utc_ns=0)
    case.wait(1)
    case.book = replace(case.book, halts={k: replace(h, until_utc_ns=case.now + 5) for k, h in case.book.halts.items()})
    case.wait(1)
    assert list(case.book.halts) == ["h2"]


def test_a_lock_of_another_guard_is_not_lifted() -> None:
    locked = Wire(when=always, action=Action.LOCK_MARKET, realised=True)
    content = Wire(when=lambda _: False, action=Action.LOCK_MARKET)
    case = Case(strategy_rules("alpha", guards=[("lock", locked), ("other", content)]))
    case.wait(1)
    case.wait(60)
    assert list(case.book.halts) == ["h1"]


def test_an_end_of_a_pause_leaves_other_guards_their_count() -> None:
    other = Wire(when=below(49_950), action=Action.HALT)
    case = Case(strategy_rules(guards=[("other", other)]))
    case.enter(stop=0, target=0)
    case.halt(level=Level.PAUSED)
    case.book = replace(
        case.book, halts={k: replace(h, until_utc_ns=case.now + 60) for k, h in case.book.halts.items()}
    )
    case.bar(PRICE - 100)
    assert case.book.halts == {}
    assert case.book.breaches[("alpha", "other")].readings == 1
    case.bar(PRICE - 100)
    assert len(case.book.halts) == 1


# --- faults -----------------------------------------------------------------------------------------------------


def test_a_guard_that_raises_between_orders_switches_its_strategy_off_and_no_more() -> None:
    def fail(_: View) -> bool:
        raise ZeroDivisionError("a guard's fault")

    after = Wire(when=always, action=Action.CANCEL_ENTRIES)
    bad = Wire(when=fail, action=Action.HALT)
    case = Case(strategy_rules("alpha", guards=[("bad", bad), ("after", after)]), strategy_rules("beta"))
    case.wait(1)
    [halt] = case.book.halts.values()
    assert (halt.scope, halt.target, halt.reason) == ("strategy", "alpha", Reason.FAULT)
    assert case.notices == ["fault:alpha"]
    assert ("alpha", "after") in case.book.breaches


def test_a_fault_without_words_is_named_for_its_guard() -> None:
    case = wired(Action.STRATEGY_OFF, reason=Reason.FAULT)
    case.wait(1)
    assert case.told[0].facts["fault"] == "wire"


def test_a_safety_halt_without_numbers_is_told_like_any_other() -> None:
    case = wired(Action.HALT, reason=Reason.SAFETY_HALT)
    case.wait(1)
    assert case.notices == ["guard:wire:halt:alpha:MNQ"]


# --- with the guards that ship ------------------------------------------------------------------------------------


def test_below_half_of_the_starting_capital_the_account_halts_and_says_so() -> None:
    guard = SafetyHalt(halt_frac=0.5, drawdown_half_frac=0.1, drawdown_halt_frac=0.9)
    case = Case(strategy_rules(lots=12, guards=[("safety_halt", guard)]))
    entry = case.enter(lots=12, stop=5_000)
    # 12 lots * 4,167 ticks * 0.50 = 25,002 usd: under half of 50,000.
    case.fill(f"{entry}s", 12, PRICE - 4_167)
    [halt] = case.book.halts.values()
    assert (halt.reason, halt.scope) == (Reason.SAFETY_HALT, "account")
    assert case.told[-1].text == "Account below 50% of starting capital (safety halt)"
    assert not case.resume(rebase=True).ok


def test_a_deep_drawdown_halts_on_the_second_bar_and_a_rebase_ends_it() -> None:
    guard = SafetyHalt(halt_frac=0.5, drawdown_half_frac=0.1, drawdown_halt_frac=0.2)
    case = Case(strategy_rules(lots=10, guards=[("safety_halt", guard)]))
    case.enter(lots=10, stop=0, target=0)
    # 10 lots * 2,000 ticks * 0.50 = 10,000 usd of 50,000.
    case.bar(PRICE - 2_000)
    assert case.book.halts == {}
    case.bar(PRICE - 2_000)
    assert [h.reason for h in case.book.halts.values()] == [Reason.SAFETY_HALT]
    assert case.notices[-1] == "drawdown_halt"
    assert not case.resume().ok
    assert case.resume(rebase=True).ok


def test_a_hard_daily_loss_closes_and_halts_until_the_day_ends() -> None:
    guard = DailyLoss(soft_frac=0.02, hard_frac=0.03)
    case = Case(strategy_rules(lots=10, guards=[("daily_loss", guard)]))
    case.session("2026-03-02")
    entry = case.enter(lots=10, stop=400)
    case.fill(f"{entry}s", 10, PRICE - 400)
    # 10 * 400 * 0.50 = 2,000 usd and fees: 4 %.
    [halt] = case.book.halts.values()
    assert halt.evidence["action"] == "flatten_and_halt"
    assert halt.until_utc_ns == case.book.sessions["MNQ"].session.ts_close_utc_ns
    case.wait((halt.until_utc_ns - case.now) / 1e9 - 1)
    assert len(case.book.halts) == 1
    case.wait(2)
    # The day is over, and the next has not begun: nothing is latched, and nothing new goes out either.
    assert case.book.halts == {}
    assert case.book.barred("alpha", "MNQ")
    case.session("2026-03-03")
    case.wait(1)
    assert not case.book.barred("alpha", "MNQ")
    assert len(case.of(Halted)) == 1


def test_a_harder_finding_wants_two_readings_and_a_halt_of_its_own() -> None:
    guard = DailyLoss(soft_frac=0.02, hard_frac=0.03)
    case = Case(strategy_rules(lots=10, guards=[("daily_loss", guard)]))
    case.session("2026-03-02")
    case.enter(lots=10, stop=0, target=0)
    # 10 lots lose 5 usd a tick: 2 % is 200 ticks and 3 % is 300. Open losses need a second reading each.
    for ticks in (210, 211, 320, 210):
        case.bar(PRICE - ticks)
    assert [h.evidence["action"] for h in case.book.halts.values()] == ["reducing"]
    for ticks in (320, 321, 210, 211):
        case.bar(PRICE - ticks)
    assert [h.evidence["action"] for h in case.book.halts.values()] == ["reducing", "flatten_and_halt"]
    assert case.notices[1:] == [f"guard:daily_loss:{action}:alpha:MNQ" for action in ("reducing", "flatten_and_halt")]


def test_near_the_floor_everything_is_closed() -> None:
    rule = FloorRule(drawdown_microusd=2_500 * MICRO, trails_on=TrailsOn.INTRADAY)
    guard = TrailingDrawdown(half_room_frac=0.25, flatten_room_frac=0.10)
    case = Case(strategy_rules(lots=10, guards=[("trailing_drawdown", guard)]), setup=setup_of(floor_rule=rule))
    case.enter(lots=10, stop=0, target=0)
    # Room 2,494 of 2,500; 5 usd a tick: at 460 ticks down 194 are left, under a tenth.
    case.bar(PRICE - 460)
    assert case.position().exit_reason == ""
    case.bar(PRICE - 460)
    assert case.position().exit_reason == "trailing_drawdown"
    assert case.count(OrderKind.EXIT) == 1
