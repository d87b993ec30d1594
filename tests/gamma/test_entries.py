"""From a signal to an order: what is recorded of a decision, and what keeps an order from going out."""

import math
from dataclasses import replace

import pytest

from gamma.events import DecisionMade, EquityMarked, ExitWanted, Leg, Level, OrderKind, OrderType, SignalMade
from gamma.exits import ExitRule
from gamma.guards import Action, Trip, Verdict
from gamma.markets import market
from gamma.reasons import Reason
from gamma.views import OrderView, View
from tests.engine_case import (
    MES,
    MNQ,
    PRICE,
    Case,
    Gate,
    Lots,
    Raiser,
    Wire,
    below,
    rules_of,
    setup_of,
    strategy_rules,
)


def decided(case: Case) -> DecisionMade:
    made: DecisionMade = case.of(DecisionMade)[-1]
    return made


def test_a_decision_is_recorded_with_its_view_and_its_trace() -> None:
    case = Case(strategy_rules(sizers=[("half", Lots(lots=2.5)), ("cap", Lots(lots=7))]))
    case.session("2026-03-02")
    case.bar()
    case.signal()
    made = decided(case)
    assert (made.lots, made.sized_lots, made.bound_by, made.reason, made.standing) == (2, 2, "half", "ok", "ok")
    assert [s.name for s in made.steps] == ["half", "cap"]
    assert made.view.market.price_points == 20_000
    assert made.view.signal.stop_points == 10
    assert made.decision_id == f"alpha@{case.now}"
    assert [(t.strategy, t.slot_utc_ns, t.session, t.outcome) for t in case.ticks] == [
        ("alpha", case.now, "2026-03-02", "ok")
    ]
    assert case.intent(OrderKind.ENTRY).decision_id == made.decision_id


def test_before_any_session_the_tick_names_none() -> None:
    case = Case()
    case.bar()
    case.signal()
    assert case.ticks[-1].session == ""


def test_a_slot_is_decided_on_once() -> None:
    case = Case()
    case.bar()
    case.signal(slot_utc_ns=case.now)
    made = len(case.of(DecisionMade))
    assert case.signal(slot_utc_ns=case.now - 1) == []
    assert case.signal(slot_utc_ns=case.now - 10) == []
    case.restart()
    assert case.signal(slot_utc_ns=case.now - 3) == []
    assert len(case.of(DecisionMade)) == made == 1


def test_a_signal_of_no_known_strategy_is_none() -> None:
    case = Case()
    case.bar()
    assert case.signal() != []
    made = SignalMade(
        strategy="stranger",
        market="MNQ",
        signal_id="s",
        slot_utc_ns=case.now + 1,
        side=1,
        stop_ticks=4,
        target_ticks=0,
        ts_event_utc_ns=case.now,
    )
    assert case.do(made) == []


def test_a_limit_price_makes_a_limit_order_with_its_bracket_around_it() -> None:
    case = Case()
    case.bar()
    case.signal(price=PRICE - 20)
    entry, stop, target = (o.intent for o in case.book.orders.values())
    assert (entry.order_type, entry.price_ticks) == (OrderType.LIMIT, PRICE - 20)
    assert (stop.price_ticks, target.price_ticks) == (PRICE - 60, PRICE + 60)


def test_without_distances_there_is_no_bracket() -> None:
    case = Case()
    case.bar()
    case.signal(stop=0, target=0)
    assert len(case.book.orders) == 1


def test_no_side_is_no_trade() -> None:
    case = Case()
    case.bar()
    case.signal(0)
    assert (decided(case).reason, case.out) == ("no_signal", [])


def refused(case: Case, **signal: object) -> str:
    """The reason for which this signal led to no order."""
    sent = len(case.out)
    case.signal(**signal)  # type: ignore[arg-type]
    made = decided(case)
    assert (made.lots, len(case.out)) == (0, sent)
    return made.reason


@pytest.mark.parametrize(
    "signal",
    [
        {"market": "MES"},
        {"stop": -1},
        {"target": -1},
        {"price": -1},
        {"price": 40, "stop": 40},
        {"side": -1, "price": 80, "target": 80},
    ],
)
def test_a_signal_that_makes_no_sense_is_no_order(signal: dict[str, object]) -> None:
    case = Case()
    case.bar()
    assert refused(case, **signal) == Reason.ORDER_INSANE


def test_without_a_price_there_is_no_order_at_market() -> None:
    case = Case()
    assert refused(case) == Reason.INPUT_MISSING
    case.signal(price=PRICE)
    assert case.count(OrderKind.ENTRY) == 1


def test_a_price_that_is_not_finite_is_none() -> None:
    case = Case()
    case.bar()
    case.book = replace(case.book, marks={"MNQ": replace(case.book.marks["MNQ"], price_points=math.nan)})
    assert refused(case) == Reason.INPUT_MISSING


def test_a_spread_is_not_ordered_at_its_underlyings_price() -> None:
    spx = market("SPX")
    case = Case(strategy_rules(traded=spx), setup=replace(setup_of(), markets={"SPX": spx}))
    case.bar(symbol="SPX")
    assert refused(case, stop=0, target=0) == Reason.INPUT_MISSING
    legs = (Leg(symbol="P4900", ratio=1), Leg(symbol="P4910", ratio=-1))
    case.signal(-1, stop=0, target=0, price=30, legs=legs, risk_microusd_per_lot=850_000_000)
    entry = case.intent(OrderKind.ENTRY)
    assert (entry.legs, entry.risk_microusd_per_lot) == (legs, 850_000_000)
    case.accept(entry.client_order_id)
    case.fill(entry.client_order_id, 2, 30, symbol="SPX")
    # The index is no price of the spread: it is carried at cost, and at risk with all that it can lose.
    assert case.position().risk_microusd_per_lot == 850_000_000
    case.bar(100_000, symbol="SPX")
    assert case.book.money.equity_microusd == 50_000_000_000 - 1_200_000


def test_what_the_index_does_within_a_bar_is_no_profit_or_loss_of_a_spread() -> None:
    """Sold at 30 ticks; the index moves 500 points within the bar, and so does no equity of ours."""
    spx = market("SPX")
    case = Case(strategy_rules(traded=spx), setup=replace(setup_of(), markets={"SPX": spx}))
    case.bar(symbol="SPX")
    legs = (Leg(symbol="P4900", ratio=1), Leg(symbol="P4910", ratio=-1))
    case.signal(-1, stop=0, target=0, price=30, legs=legs, risk_microusd_per_lot=850_000_000)
    entry = case.intent(OrderKind.ENTRY)
    case.accept(entry.client_order_id)
    case.fill(entry.client_order_id, 2, 30, symbol="SPX")
    case.bar(100_000, high=105_000, low=95_000, symbol="SPX")
    marked = case.of(EquityMarked)[-1]
    assert marked.high_microusd == marked.low_microusd == marked.close_microusd == 50_000_000_000 - 1_200_000
    assert case.book.money.peak_microusd == 50_000_000_000


def test_a_spread_that_is_held_alone_ages_bar_by_bar_and_leaves_in_time() -> None:
    spx = market("SPX")
    rules = strategy_rules(traded=spx, exits=ExitRule(time_bars=3))
    case = Case(rules, setup=replace(setup_of(), markets={"SPX": spx}))
    case.bar(symbol="SPX")
    legs = (Leg(symbol="P4900", ratio=1), Leg(symbol="P4910", ratio=-1))
    case.signal(-1, stop=0, target=0, price=30, legs=legs, risk_microusd_per_lot=850_000_000)
    entry = case.intent(OrderKind.ENTRY)
    case.accept(entry.client_order_id)
    case.fill(entry.client_order_id, 2, 30, symbol="SPX")
    for _ in range(3):
        assert not case.of(ExitWanted)
        case.bar(symbol="SPX")
    assert [wanted.reason for wanted in case.of(ExitWanted)] == ["time"]


def test_a_strategy_in_a_position_waits_until_it_is_flat() -> None:
    case = Case()
    entry = case.enter()
    assert refused(case) == Reason.IN_POSITION
    case.fill(f"{entry}s", 2, PRICE - 40)
    # The target still works: what it could fill would be in the way.
    assert refused(case) == Reason.IN_POSITION
    case.canceled(f"{entry}t")
    case.signal()
    assert case.count(OrderKind.ENTRY) == 2


def test_a_strategy_that_is_entering_waits_too() -> None:
    case = Case()
    case.bar()
    case.signal(price=PRICE - 100)
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    assert refused(case) == Reason.IN_POSITION


def test_a_strategy_that_adds_does_not_wait() -> None:
    case = Case(strategy_rules(adds=True))
    case.enter()
    case.enter()
    assert case.position().lots == 4
    assert len(case.position().entry_ids) == 2


def test_not_even_a_strategy_that_adds_enters_while_it_leaves() -> None:
    case = Case(strategy_rules(adds=True))
    entry = case.enter()
    case.canceled(f"{entry}s")
    assert case.position().exit_reason == "unprotected"
    for ask in [s for s in case.out if s.intent.kind is OrderKind.CANCEL]:
        case.accept(ask.intent.client_order_id)
    assert refused(case) == Reason.IN_POSITION


def test_an_unresolved_order_blocks_its_market_and_no_other() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("beta"), strategy_rules("gold", traded=MES))
    case.bar()
    case.bar(symbol="MES")
    case.signal()
    assert refused(case, strategy="beta") == Reason.UNRESOLVED
    case.signal(strategy="gold")
    assert case.intent(OrderKind.ENTRY).market == "MES"


@pytest.mark.parametrize(
    ("scope", "target", "open_to"),
    [
        ("account", "", set()),
        ("strategy", "alpha", {"beta", "gold"}),
        ("market", "MNQ", {"gold"}),
        ("market", "MES", {"alpha", "beta"}),
    ],
)
def test_a_halt_keeps_new_risk_out_where_it_stands(scope: str, target: str, open_to: set[str]) -> None:
    for name in ("alpha", "beta", "gold"):
        case = Case(strategy_rules("alpha"), strategy_rules("beta"), strategy_rules("gold", traded=MES))
        case.bar()
        case.bar(symbol="MES")
        case.halt(scope=scope, target=target)
        case.signal(strategy=name)
        assert case.count(OrderKind.ENTRY) == (name in open_to)
        assert decided(case).halted == (name not in open_to)


def test_a_halted_decision_keeps_what_the_chain_said() -> None:
    case = Case()
    case.bar()
    case.halt()
    case.signal()
    made = decided(case)
    assert (made.lots, made.sized_lots, made.bound_by, made.reason) == (0, 2, "standing", "halted")


def test_a_first_reading_already_keeps_new_risk_out() -> None:
    wire = Wire(when=below(60_000), action=Action.HALT)
    case = Case(strategy_rules(guards=[("wire", wire)]))
    case.bar()
    case.wait(1)
    assert case.book.halts == {}
    assert refused(case) == Reason.HALTED


def test_a_breach_of_one_strategys_guard_leaves_the_others_alone() -> None:
    wire = Wire(when=lambda _: True, action=Action.FLATTEN)
    case = Case(strategy_rules("alpha", guards=[("wire", wire)]), strategy_rules("beta"))
    case.bar()
    case.wait(1)
    assert refused(case, strategy="alpha") == Reason.HALTED
    case.signal(strategy="beta")
    assert case.count(OrderKind.ENTRY) == 1


def test_a_guard_on_the_order_that_trips_cuts_it_and_latches_at_once() -> None:
    def refuse(_: View, order: OrderView) -> Verdict:
        trip = Trip(action=Action.REDUCING, reason=Reason.ORDER_RATE)
        return Verdict(lots=order.lots, reason=Reason.OK, trip=trip)

    case = Case(strategy_rules(guards=[("gate", Gate(answer=refuse))]))
    case.bar()
    case.signal()
    # It let the lots through and asked for REDUCING: nothing goes out all the same.
    assert case.out == []
    assert [(h.actor, h.level, h.scope) for h in case.book.halts.values()] == [
        ("guard:gate", Level.REDUCING, "account")
    ]


def test_a_sizer_that_raises_sends_nothing_and_switches_its_strategy_off() -> None:
    case = Case(strategy_rules(sizers=[("bad", Raiser())]), strategy_rules("beta"))
    case.bar()
    case.signal()
    made = decided(case)
    assert (made.lots, made.reason, made.fault) == (0, "fault", "bad: ZeroDivisionError: a sizer's fault")
    assert [(h.scope, h.target) for h in case.book.halts.values()] == [("strategy", "alpha")]
    assert case.notices[-1] == "fault:alpha"
    case.signal(strategy="beta")
    assert case.count(OrderKind.ENTRY) == 1


def test_a_guard_that_raises_sends_nothing_and_switches_its_strategy_off() -> None:
    def fail(_: View, __: OrderView) -> Verdict:
        raise KeyError("a guard's fault")

    case = Case(strategy_rules(guards=[("gate", Gate(answer=fail))]))
    case.bar()
    case.signal()
    assert (case.out, decided(case).reason) == ([], "fault")
    assert [(h.scope, h.target) for h in case.book.halts.values()] == [("strategy", "alpha")]


def test_two_strategies_in_one_market_hold_their_own_positions() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("beta", lots=1))
    case.enter()
    case.signal(strategy="beta")
    entry = case.sent(OrderKind.ENTRY)
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.fill(entry, 1, PRICE)
    assert (case.position("alpha").lots, case.position("beta").lots, case.book.lots("MNQ")) == (2, 1, 3)


def test_the_rules_name_those_guards_that_look_between_orders() -> None:
    wire = Wire(when=lambda _: False, action=Action.HALT)
    gate = Gate(answer=lambda _, order: Verdict(lots=order.lots))
    rules = strategy_rules(guards=[("gate", gate), ("wire", wire)])
    assert rules.watchers == (("wire", wire),)
    assert rules_of(rules).strategies["alpha"].market is MNQ
