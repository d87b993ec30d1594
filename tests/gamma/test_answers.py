"""What the broker says became of our orders. Numbers by hand: listings count 20 s apart, and after 120 s."""

from dataclasses import replace

import pytest

from gamma.events import (
    BalanceCompared,
    Fill,
    ForeignOrderSeen,
    Level,
    OrderAbsent,
    OrderCanceled,
    OrderFilled,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderQuarantined,
    OrderReplaced,
    OrderState,
    PositionsCompared,
    TradeClosed,
)
from gamma.guards import Action
from gamma.notices import Severity
from gamma.orders import GRAPH
from gamma.reasons import Reason
from tests.engine_case import PRICE, Case, Wire, strategy_rules


def entering() -> tuple[Case, str]:
    """An account that has just sent an entry."""
    case = Case()
    case.bar()
    case.signal()
    return case, case.sent(OrderKind.ENTRY)


def unknown() -> tuple[Case, str]:
    """An account that has sent an entry, and heard nothing."""
    case, entry = entering()
    case.lose(entry)
    return case, entry


def gone() -> tuple[Case, str]:
    """An account whose entry was proved absent."""
    case, entry = unknown()
    case.miss(entry, final=True)
    assert case.state(entry) is OrderState.ABSENT
    return case, entry


# --- accepted and refused ---------------------------------------------------------------------------


def test_an_accepted_order_works() -> None:
    case, entry = entering()
    case.accept(entry)
    assert (case.state(entry), case.book.orders[entry].broker_order_id) == (OrderState.ACKED, f"b-{entry}")


def test_a_refused_entry_takes_its_bracket_with_it() -> None:
    case, entry = entering()
    case.reject(entry)
    assert {o.state for o in case.book.orders.values()} == {OrderState.REJECTED}
    assert case.notices == ["order_rejected:MNQ:no"]
    assert case.reject(entry) == []


def test_some_brokers_refuse_an_order_that_they_had_taken() -> None:
    case, entry = entering()
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.reject(entry)
    assert case.state(entry) is OrderState.REJECTED
    # What was to protect it still works, and is cancelled.
    assert case.count(OrderKind.CANCEL) == 2


def test_the_rest_of_a_partly_filled_order_can_only_be_cancelled() -> None:
    case, entry = entering()
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.fill(entry, 1, PRICE)
    case.reject(entry)
    assert case.state(entry) is OrderState.CANCELED
    assert len(case.of(OrderCanceled)) == 1
    assert case.position().lots == 1


def test_an_order_that_filled_after_it_was_refused_is_adopted_and_closed() -> None:
    case, entry = entering()
    case.reject(entry)
    case.fill(entry, 2, PRICE)
    assert case.position().exit_reason == "late"
    assert f"order_late:{entry}" in case.notices
    assert case.intent(OrderKind.EXIT).lots == 2


def test_answers_about_orders_that_nobody_knows_change_nothing() -> None:
    case, _ = entering()
    for tell in (case.accept, case.reject, case.lose, case.miss, case.canceled):
        assert tell("stranger") == []
    assert case.do(OrderReplaced(client_order_id="stranger", price_ticks=1, ts_event_utc_ns=case.now)) == []


def test_a_refused_cancel_leaves_the_order_as_it_is_and_tells_nobody() -> None:
    case, entry = entering()
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.halt()
    cancel = case.sent(OrderKind.CANCEL)
    told = len(case.told)
    case.reject(cancel)
    assert (case.state(entry), cancel in case.book.orders, len(case.told)) == (OrderState.ACKED, False, told)


def test_a_lost_cancel_is_asked_again_after_five_seconds() -> None:
    case, entry = entering()
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.halt()
    case.lose(case.sent(OrderKind.CANCEL))
    case.wait(4.9)
    assert case.count(OrderKind.CANCEL) == 1
    case.wait(0.2)
    assert case.count(OrderKind.CANCEL) == 2


# --- unknown ------------------------------------------------------------------------------------------


def test_a_lost_answer_makes_the_order_and_its_bracket_unknown() -> None:
    case, entry = unknown()
    assert {o.state for o in case.book.orders.values()} == {OrderState.UNKNOWN}
    assert case.notices == [f"order_unknown:{entry}"]
    assert case.lose(entry) == []
    assert len(case.of(OrderLost)) == 1


def test_an_unknown_order_that_the_broker_has_is_acked() -> None:
    case, entry = unknown()
    case.accept(entry)
    assert case.state(entry) is OrderState.ACKED
    assert case.state(f"{entry}s") is OrderState.UNKNOWN
    assert case.book.unresolved("MNQ")
    case.accept(f"{entry}s", f"{entry}t")
    assert not case.book.unresolved("MNQ")


def test_absence_needs_three_looks_twenty_seconds_apart_and_two_minutes() -> None:
    case, entry = unknown()
    for wait, state in (
        (30, OrderState.UNKNOWN),
        (10, OrderState.UNKNOWN),  # too soon after the first to count
        (10, OrderState.UNKNOWN),  # the second
        (20, OrderState.UNKNOWN),  # the third, 70 s after it was sent
        (49, OrderState.UNKNOWN),  # 119 s
        (1, OrderState.ABSENT),
    ):
        case.wait(wait)
        case.miss(entry)
        assert case.state(entry) is state
    assert {o.state for o in case.book.orders.values()} == {OrderState.ABSENT}
    assert case.miss(entry) == []
    case.refold()


def test_two_minutes_without_three_looks_prove_nothing() -> None:
    case, entry = unknown()
    case.wait(300)
    case.miss(entry)
    case.miss(entry)
    case.wait(20)
    case.miss(entry)
    assert case.state(entry) is OrderState.UNKNOWN
    assert len(case.of(OrderMissed)) == 3


def test_one_final_look_is_proof() -> None:
    case, entry = gone()
    assert case.of(OrderAbsent)[0].actor == "reconcile"
    case.signal()
    assert case.count(OrderKind.ENTRY) == 2
    assert entry != case.sent(OrderKind.ENTRY)


def test_an_order_that_was_not_lost_is_not_missed() -> None:
    case, entry = entering()
    assert case.miss(entry, final=True) == []
    case.accept(entry)
    assert case.miss(entry, final=True) == []


def test_a_bracket_that_works_outlives_an_entry_that_is_absent() -> None:
    case, entry = unknown()
    case.accept(f"{entry}s")
    case.miss(entry, final=True)
    assert case.state(f"{entry}t") is OrderState.ABSENT
    # The stop of nothing is taken back.
    assert case.state(f"{entry}s") is OrderState.ACKED
    assert case.intent(OrderKind.CANCEL).subject == f"{entry}s"


def test_a_stop_that_never_arrived_leaves_its_position_bare_and_it_is_closed() -> None:
    case, entry = unknown()
    case.accept(entry, f"{entry}t")
    case.fill(entry, 2, PRICE)
    assert case.position().exit_reason == ""
    case.miss(f"{entry}s", final=True)
    assert case.position().exit_reason == "unprotected"
    assert case.intent(OrderKind.CANCEL).subject == f"{entry}t"


# --- late -----------------------------------------------------------------------------------------------


def test_an_absent_order_that_turns_up_working_is_adopted_cancelled_and_told() -> None:
    case, entry = gone()
    case.accept(entry)
    assert case.state(entry) is OrderState.ACKED
    assert case.intent(OrderKind.CANCEL).subject == entry
    assert case.notices[-1] == f"order_late:{entry}"
    case.refold()


def test_a_late_order_that_fills_before_it_can_be_cancelled_is_closed_too() -> None:
    case, entry = gone()
    case.accept(entry)
    case.fill(entry, 1, PRICE)
    assert case.position().exit_reason == "late"
    assert case.notices.count(f"order_late:{entry}") == 1
    # The cancel that was lost is asked again, until the broker has the rest of it off its book.
    case.lose(case.sent(OrderKind.CANCEL))
    asked = case.count(OrderKind.CANCEL)
    case.wait(6)
    assert case.count(OrderKind.CANCEL) > asked


def test_an_absent_order_that_turns_up_filled_is_booked_and_closed() -> None:
    case, entry = gone()
    case.fill(entry, 2, PRICE)
    assert (case.state(entry), case.position().lots) == (OrderState.FILLED, 2)
    exit_ = case.intent(OrderKind.EXIT)
    assert (exit_.lots, exit_.reason) == (2, "late")
    case.fill(exit_.client_order_id, 2, PRICE)
    assert (case.trades[0].exit_reason, case.book.positions) == ("late", {})


def test_a_stop_that_turns_up_late_goes_on_protecting_its_position() -> None:
    case, entry = unknown()
    case.miss(f"{entry}s", final=True)
    case.halt(level=Level.HALTED)
    case.accept(entry, f"{entry}t")
    case.fill(entry, 2, PRICE)
    case.accept(f"{entry}s")
    assert case.state(f"{entry}s") is OrderState.ACKED
    assert f"{entry}s" not in {s.intent.subject for s in case.out}


def test_an_absent_order_is_known_again_for_a_week() -> None:
    case, entry = gone()
    case.wait(6 * 86_400)
    case.session("2026-03-08")
    assert entry in case.book.orders
    case.wait(2 * 86_400)
    case.session("2026-03-10")
    assert entry not in case.book.orders


def test_what_is_over_is_known_for_an_hour_yet() -> None:
    case = Case()
    entry = case.enter()
    case.stop_out(entry)
    case.wait(3000)
    case.session("2026-03-03")
    assert f"{entry}t" in case.book.orders
    case.wait(700)
    case.session("2026-03-04")
    assert case.book.orders == {}


def test_a_target_that_fills_after_the_stop_opened_a_position_that_nobody_wants() -> None:
    case = Case()
    entry = case.enter()
    case.fill(f"{entry}s", 2, PRICE - 40)
    case.fill(f"{entry}t", 2, PRICE + 80)
    assert (case.position().lots, case.position().exit_reason) == (-2, "overshoot")
    exit_ = case.intent(OrderKind.EXIT)
    assert (exit_.side, exit_.lots) == (1, 2)
    case.fill(exit_.client_order_id, 2, PRICE + 80)
    assert [t.exit_reason for t in case.trades] == ["stop", "overshoot"]
    case.refold()


def test_a_fill_past_flat_closes_the_trade_and_what_it_opened_is_closed_too() -> None:
    case = Case()
    entry = case.enter()
    case.fill(f"{entry}s", 3, PRICE - 40)
    [trade] = case.trades
    # 2 * 40 * 0.50, and the fees of 2 lots in and 3 out.
    assert (trade.pnl_microusd, trade.lots_max, trade.side) == (-40_000_000 - 3_000_000, 2, 1)
    left = case.position()
    assert (left.lots, left.exit_reason, left.entry_ticks, left.ts_open_utc_ns) == (
        -1,
        "overshoot",
        PRICE - 40,
        case.now,
    )
    case.accept(case.sent(OrderKind.CANCEL))
    case.canceled(f"{entry}t")
    case.fill(case.sent(OrderKind.EXIT), 1, PRICE - 40)
    assert [t.trade_id for t in case.trades] == ["alpha#1", "alpha#2"]
    assert sum(t.pnl_microusd for t in case.trades) == case.book.balance_microusd - 50_000_000_000
    case.refold()


# --- quarantine -------------------------------------------------------------------------------------------


def test_what_cannot_be_proved_in_a_quarter_of_an_hour_freezes_the_account() -> None:
    case, entry = unknown()
    case.wait(899)
    assert case.state(entry) is OrderState.UNKNOWN
    case.wait(2)
    assert {o.state for o in case.book.orders.values()} == {OrderState.QUARANTINED}
    assert len(case.of(OrderQuarantined)) == 1
    [halt] = case.book.halts.values()
    assert (halt.scope, halt.level, halt.reason) == ("account", Level.HALTED, Reason.UNRESOLVED)
    assert case.notices[1:] == [f"order_quarantined:{entry}"]
    case.wait(3600)
    assert len(case.of(OrderQuarantined)) == 1
    case.refold()


def test_a_second_quarantine_is_told_of_under_the_halt_that_stands() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("gold", traded=replace(strategy_rules().market, symbol="MES")))
    case.bar()
    case.bar(symbol="MES")
    for name in ("alpha", "gold"):
        case.signal(strategy=name)
        case.lose(case.sent(OrderKind.ENTRY))
    case.wait(901)
    assert len(case.book.halts) == 1
    assert sum(k.startswith("order_quarantined") for k in case.notices) == 2


def test_a_quarantined_order_that_a_listing_proves_absent_is_absent() -> None:
    case, entry = unknown()
    case.wait(901)
    case.miss(entry, final=True)
    assert {o.state for o in case.book.orders.values()} == {OrderState.ABSENT}
    # The halt stands all the same: a person looks first.
    assert len(case.book.halts) == 1


def test_an_order_without_any_answer_is_lost_by_its_deadline() -> None:
    case, entry = entering()
    case.wait(901)
    assert case.state(entry) is OrderState.QUARANTINED
    assert case.of(OrderLost)[0].text == "no answer by the deadline"


def test_a_cancel_without_any_answer_is_forgotten_by_its_deadline() -> None:
    case, entry = entering()
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.halt()
    cancel = case.sent(OrderKind.CANCEL)
    case.wait(901)
    assert cancel not in case.book.orders
    assert case.state(entry) is OrderState.ACKED
    assert case.sent(OrderKind.CANCEL) != cancel


# --- boot ---------------------------------------------------------------------------------------------------


def test_after_a_crash_what_was_about_to_be_sent_is_unknown() -> None:
    case, entry = entering()
    case.restart()
    assert {o.state for o in case.book.orders.values()} == {OrderState.UNKNOWN}
    assert case.book.epoch == 2
    case.miss(entry, final=True)
    assert case.state(entry) is OrderState.ABSENT


def test_after_a_crash_a_cancel_is_asked_anew() -> None:
    case, entry = entering()
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.halt()
    cancel = case.sent(OrderKind.CANCEL)
    case.restart()
    assert cancel not in case.book.orders
    case.wait(6)
    assert case.count(OrderKind.CANCEL) == 2


# --- cancelled and replaced -----------------------------------------------------------------------------------


def test_a_cancelled_entry_takes_its_bracket_back() -> None:
    case, entry = entering()
    case.accept(entry, f"{entry}s", f"{entry}t")
    case.canceled(entry, expired=True)
    assert case.state(entry) is OrderState.EXPIRED
    assert [s.intent.subject for s in case.out if s.intent.kind is OrderKind.CANCEL] == [f"{entry}s", f"{entry}t"]
    assert case.canceled(entry) == []


def test_a_replaced_stop_works_at_its_new_price() -> None:
    case = Case()
    entry = case.enter()
    moved = OrderReplaced(client_order_id=f"{entry}s", price_ticks=PRICE - 8, ts_event_utc_ns=case.now)
    case.do(moved)
    assert case.book.orders[f"{entry}s"].price_ticks == PRICE - 8
    assert case.do(moved) == []
    case.fill(f"{entry}s", 2, PRICE - 8)
    late = replace(moved, price_ticks=PRICE - 4)
    assert case.do(late) == []


def test_every_state_that_an_answer_can_meet_has_an_edge() -> None:
    """No answer of any broker, at any time, may break the engine: each is booked, or ignored."""
    answers = ("accept", "reject", "lose", "miss", "canceled")
    for state in GRAPH:
        for answer in answers:
            case, entry = entering()
            orders = {k: replace(o, state=state) for k, o in case.book.orders.items()}
            case.book = replace(case.book, orders=orders)
            getattr(case, answer)(entry)
            assert case.state(entry) in GRAPH[state] | {state}


# --- strangers ------------------------------------------------------------------------------------------------


def test_a_fill_by_hand_that_closes_our_position_closes_it() -> None:
    case = Case()
    entry = case.enter()
    case.fill("", 2, PRICE + 10, side=-1)
    [trade] = case.trades
    assert (trade.exit_reason, trade.pnl_microusd, trade.side) == ("by hand", 10_000_000 - 2_400_000, 1)
    assert case.book.positions == {}
    [halt] = case.book.halts.values()
    assert (halt.level, halt.reason) == (Level.REDUCING, Reason.POSITION_MISMATCH)
    # The stop and the target of what is gone are taken back.
    case.wait(6)
    assert {s.intent.subject for s in case.out if s.intent.kind is OrderKind.CANCEL} == {f"{entry}s", f"{entry}t"}
    case.refold()


def test_a_fill_by_hand_that_opens_something_is_booked_and_left_alone() -> None:
    case = Case()
    case.fill("", 1, PRICE, side=-1)
    assert case.book.position("", "MNQ").lots == -1
    assert (case.out, case.book.lots("MNQ")) == ([], -1)
    assert [h.level for h in case.book.halts.values()] == [Level.REDUCING]
    case.fill("", 1, PRICE - 10, side=1)
    assert [t.strategy for t in case.trades] == [""]
    case.refold()


def test_a_fill_by_hand_larger_than_our_position_is_not_ours() -> None:
    case = Case()
    case.enter()
    case.fill("", 3, PRICE, side=-1)
    assert (case.position().lots, case.book.position("", "MNQ").lots) == (2, -3)


def test_a_fill_by_hand_that_closes_what_two_strategies_hold_closes_both() -> None:
    case = Case(strategy_rules("alpha"), strategy_rules("beta"))
    case.enter()
    case.enter(strategy="beta")
    assert case.book.lots("MNQ") == 4
    case.fill("", 4, PRICE + 8, side=-1, execution="x")
    assert case.book.positions == {}
    fills = [e.fill for e in case.of(OrderFilled)][-2:]
    assert [(f.execution_id, f.lots, f.fee_microusd) for f in fills] == [("x", 2, 2_400_000), ("x+1", 2, 0)]
    assert [t.trade.strategy for t in case.of(TradeClosed)] == ["alpha", "beta"]


def test_the_dead_mans_fill_closes_the_position_and_halts_in_its_name() -> None:
    case = Case()
    case.enter()
    case.fill(f"{case.book.dead_man_prefix}7-0", 2, PRICE, side=-1)
    assert case.of(TradeClosed)[-1].trade.exit_reason == "dead_man"
    assert [(h.level, h.reason) for h in case.book.halts.values()] == [(Level.REDUCING, "dead_man")]
    assert case.notices[-1] == f"order_foreign:{case.book.dead_man_prefix}7-0"


def test_a_fill_under_an_id_of_ours_that_was_never_issued_freezes_the_account() -> None:
    case = Case()
    stranger = f"{case.book.client_id_prefix}9-9"
    case.fill(stranger, 1, PRICE)
    assert [h.level for h in case.book.halts.values()] == [Level.HALTED]
    case.fill(stranger, 1, PRICE)
    assert len(case.of(ForeignOrderSeen)) == 1
    case.fill(f"{case.book.client_id_prefix}9-10", 1, PRICE)
    assert len(case.book.halts) == 1
    assert case.notices[-1] == f"order_foreign:{case.book.client_id_prefix}9-10"


def test_a_fill_in_a_market_that_we_do_not_trade_is_told_and_not_booked() -> None:
    case = Case()
    case.fill("", 1, 4_000, symbol="CL")
    assert (case.of(OrderFilled), case.book.positions) == ([], {})
    assert [h.level for h in case.book.halts.values()] == [Level.REDUCING]
    assert case.of(ForeignOrderSeen)[0].client_order_id == "x1"


def test_a_working_order_of_a_strangers_is_told_once() -> None:
    case = Case()
    seen = ForeignOrderSeen(client_order_id="manual", market="MNQ", ours=False, ts_event_utc_ns=case.now)
    case.do(seen)
    assert case.do(seen) == []
    assert (case.notices, case.book.halts) == (["order_foreign:manual"], {})


def test_a_working_order_under_an_id_of_ours_proves_a_second_daemon() -> None:
    case = Case()
    case.do(ForeignOrderSeen(client_order_id="g00-9-9", market="MNQ", ours=True, ts_event_utc_ns=case.now))
    [halt] = case.book.halts.values()
    assert (halt.scope, halt.level, halt.evidence["client_order_id"]) == ("account", Level.HALTED, "g00-9-9")


def test_each_working_order_that_was_never_issued_is_told() -> None:
    case = Case()
    for cid in ("g00-9-9", "g00-9-10"):
        case.do(ForeignOrderSeen(client_order_id=cid, market="MNQ", ours=True, ts_event_utc_ns=case.now))
    assert case.notices == ["order_foreign:g00-9-9", "order_foreign:g00-9-10"]
    assert [n.severity for n in case.told] == [Severity.CRITICAL, Severity.WARNING]
    assert len(case.book.halts) == 1


def test_an_order_that_was_never_issued_and_works_on_after_a_fill_is_kept_in_mind_and_told_once() -> None:
    case = Case()
    stray = f"{case.book.client_id_prefix}9-9"
    case.fill(stray, 1, PRICE)
    seen = ForeignOrderSeen(client_order_id=stray, market="MNQ", ours=True, ts_event_utc_ns=case.now, works=True)
    case.do(seen, seen)
    assert case.book.control.strays == {stray: "MNQ"}
    assert [f.works for f in case.of(ForeignOrderSeen)] == [False, True]
    assert case.notices.count(f"order_foreign:{stray}") == 1
    case.refold()


def test_flatten_cancels_what_works_under_an_id_of_ours_that_was_never_issued() -> None:
    case = Case()
    stray = f"{case.book.client_id_prefix}9-9"
    for market, cid in (("MNQ", stray), ("MES", f"{stray}1")):
        case.do(ForeignOrderSeen(client_order_id=cid, market=market, ours=True, ts_event_utc_ns=case.now, works=True))
    case.do(ForeignOrderSeen(client_order_id="hers", market="MNQ", ours=False, ts_event_utc_ns=case.now, works=True))
    assert "1 order(s) that this ledger never issued" in case.flatten("MNQ").text
    assert [(s.intent.kind, s.intent.subject) for s in case.out] == [(OrderKind.CANCEL, stray)]
    case.reject(case.sent(OrderKind.CANCEL))
    assert case.book.orders == {}
    assert "2 order(s)" in case.flatten().text


# --- comparisons -------------------------------------------------------------------------------------------------


def compared(case: Case, book_lots: int, broker_lots: int) -> None:
    case.now += 60_000_000_000
    case.do(PositionsCompared(market="MNQ", book_lots=book_lots, broker_lots=broker_lots, ts_event_utc_ns=case.now))


def test_agreement_is_worth_a_row_only_after_a_difference() -> None:
    case = Case()
    compared(case, 0, 0)
    assert case.of(PositionsCompared) == []
    compared(case, 0, 1)
    assert case.book.control.mismatches == {"MNQ": 1}
    compared(case, 0, 0)
    assert case.book.control.mismatches == {}
    assert len(case.of(PositionsCompared)) == 2


def test_a_mismatch_is_told_at_first_and_when_it_lasts() -> None:
    case = Case()
    for _ in range(4):
        compared(case, 0, 1)
    assert case.notices == ["position_mismatch:MNQ", "position_mismatch_halt:MNQ"]


def test_a_mismatch_locks_its_market_and_the_second_halts() -> None:
    lock = Wire(
        when=lambda view: bool(view.control.mismatches == 1),
        action=Action.LOCK_MARKET,
        reason=Reason.POSITION_MISMATCH,
        realised=True,
    )
    halt = Wire(
        when=lambda view: bool(view.control.mismatches > 1),
        action=Action.HALT,
        reason=Reason.POSITION_MISMATCH,
        realised=True,
    )
    case = Case(strategy_rules(guards=[("lock", lock), ("halt", halt)]))
    compared(case, 0, 1)
    assert [(h.scope, h.target) for h in case.book.halts.values()] == [("market", "MNQ")]
    compared(case, 0, 1)
    assert ("account", "") in [(h.scope, h.target) for h in case.book.halts.values()]


def test_a_lock_lifts_when_its_cause_is_gone() -> None:
    lock = Wire(
        when=lambda view: bool(view.control.mismatches > 0),
        action=Action.LOCK_MARKET,
        reason=Reason.POSITION_MISMATCH,
        realised=True,
    )
    case = Case(strategy_rules(guards=[("lock", lock)]))
    compared(case, 0, 1)
    assert len(case.book.halts) == 1
    compared(case, 0, 0)
    assert case.book.halts == {}
    case.refold()


@pytest.mark.parametrize(("gap_microusd", "told"), [(0, 0), (10_000, 0), (10_001, 1), (-10_001, 1)])
def test_a_gap_of_more_than_a_cent_is_told(gap_microusd: int, told: int) -> None:
    case = Case()
    case.do(BalanceCompared(gap_microusd=gap_microusd, ts_event_utc_ns=case.now))
    assert case.book.control.balance_gap_microusd == gap_microusd
    assert len(case.told) == told


def test_the_fills_side_decides_and_not_the_orders() -> None:
    """A broker that tells a fill of another side than its order has it booked as it is told."""
    case = Case()
    entry = case.enter()
    fill = Fill(
        execution_id="odd",
        client_order_id=f"{entry}s",
        market="MNQ",
        side=1,
        lots=1,
        price_ticks=PRICE,
        fee_microusd=0,
        ts_event_utc_ns=case.now,
    )
    case.do(OrderFilled(fill=fill, ts_event_utc_ns=case.now))
    assert (case.position().lots, case.position().exit_reason) == (3, "overshoot")
