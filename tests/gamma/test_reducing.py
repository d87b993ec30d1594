"""Parts of a position leave by limits that work for a time, and entries work for a time too."""

from dataclasses import replace
from typing import Any

import pytest

from gamma.book import trading
from gamma.effects import Effect
from gamma.events import (
    DecisionMade,
    Level,
    Manage,
    ManageWanted,
    OrderKind,
    OrderState,
    OrderType,
    PositionManaged,
    PositionsCompared,
)
from gamma.guards import Action, Trip, Verdict
from gamma.invariants import of_book
from gamma.invariants.intents import beyond
from gamma.reasons import Reason
from gamma.views import OrderView, View
from tests.engine_case import PRICE, Case, Gate, S, strategy_rules


def entered(side: int = 1, lots: int = 50, **rules: Any) -> Case:
    """Fifty lots at 80,000, without a bracket."""
    case = Case(strategy_rules(lots=lots, adds=True, **rules))
    case.enter(side, lots=lots, stop=0, target=0, price=PRICE)
    return case


def reduce(case: Case, lots: int = 20, price: int = PRICE + 8, **differs: Any) -> list[Effect]:
    case.now += 1
    wanted = ManageWanted(
        strategy="alpha",
        market="MNQ",
        manage=Manage.REDUCE,
        slot_utc_ns=case.now,
        ts_event_utc_ns=case.now,
        lots=lots,
        price_ticks=price,
    )
    return case.do(replace(wanted, **differs))


def reason(case: Case) -> str:
    return str(case.of(PositionManaged)[-1].reason)


def denied(case: Case) -> str:
    return str(case.of(DecisionMade)[-1].reason)


def taken_back(case: Case) -> None:
    """The broker does what it was asked last: the order works no more."""
    cancel = case.intent(OrderKind.CANCEL)
    case.accept(cancel.client_order_id)
    case.canceled(cancel.subject)


def exits(case: Case) -> list[tuple[str, int]]:
    return [(str(s.intent.order_type), s.intent.lots) for s in case.out if s.intent.kind is OrderKind.EXIT]


# --- a part leaves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1])
def test_a_part_of_a_position_leaves_by_a_limit_and_the_rest_stays(side: int) -> None:
    case = entered(side)
    reduce(case, 20, PRICE + 8 * side)
    sent = case.intent(OrderKind.EXIT)
    assert (sent.order_type, sent.side, sent.lots, sent.price_ticks) == (OrderType.LIMIT, -side, 20, PRICE + 8 * side)
    assert (sent.reduces, sent.reduce_only, sent.reason) == (True, True, "reduce")
    told = case.of(PositionManaged)[-1]
    assert (told.reason, told.lots, told.price_ticks) == (Reason.OK, 20, PRICE + 8 * side)
    case.accept(sent.client_order_id)
    case.fill(sent.client_order_id, 20, PRICE + 8 * side)
    position = case.position()
    # 20 lots gained 8 ticks of 0.50 usd: 80 usd; 0.60 usd a lot and side in fees.
    assert (position.lots, position.pnl_microusd, position.fees_microusd) == (30 * side, 80_000_000, 42_000_000)
    assert (position.exit_reason, position.entry_ticks, case.trades) == ("", PRICE, [])
    assert case.count(OrderKind.EXIT) == 1


def test_the_trade_ends_with_the_last_part_and_counts_all_of_them() -> None:
    case = entered()
    for lots, price in ((20, PRICE + 8), (30, PRICE - 4)):
        reduce(case, lots, price)
        case.accept(case.sent(OrderKind.EXIT))
        case.fill(case.sent(OrderKind.EXIT), lots, price)
    [trade] = case.trades
    # (20 * 8 - 30 * 4) ticks of 0.50 usd, less 100 lots and sides at 0.60 usd.
    assert (trade.lots_max, trade.pnl_microusd, trade.exit_reason) == (50, 20_000_000 - 60_000_000, "reduce")
    assert trade.exit_points == pytest.approx((20 * (PRICE + 8) + 30 * (PRICE - 4)) / 50 / 4)


def test_a_reduction_is_clipped_to_what_is_held_and_not_being_closed_yet() -> None:
    case = entered()
    reduce(case, 20)
    case.accept(case.sent(OrderKind.EXIT))
    reduce(case, 100)
    assert exits(case) == [("limit", 20), ("limit", 30)]
    case.accept(case.sent(OrderKind.EXIT))
    reduce(case, 5)
    assert (reason(case), len(exits(case))) == (Reason.CLIPPED_TO_FLAT, 2)


def test_what_the_broker_does_not_hold_is_not_closed() -> None:
    case = entered()
    case.do(PositionsCompared(market="MNQ", book_lots=50, broker_lots=15, ts_event_utc_ns=case.now))
    reduce(case, 20)
    assert exits(case) == [("limit", 15)]


@pytest.mark.parametrize(
    "differs",
    [
        {"lots": 0},
        {"lots": -5},
        {"price_ticks": 0},
        {"work_s": -1.0},
        {"work_s": float("nan")},
        {"work_s": float("inf")},
        {"market": "MES"},
        {"slot_utc_ns": -1},
    ],
)
def test_a_reduction_that_makes_no_sense_sends_nothing(differs: dict[str, Any]) -> None:
    case = entered()
    reduce(case, **differs)
    assert not exits(case)
    assert [fact.reason for fact in case.of(PositionManaged)] in ([], [Reason.ORDER_INSANE])


def test_a_reduction_whose_time_is_over_sends_nothing() -> None:
    case = entered()
    reduce(case, slot_utc_ns=case.now - S // 2, work_s=0.4)
    assert (reason(case), exits(case)) == (Reason.ORDER_INSANE, [])


def test_a_position_with_a_bracket_is_not_reduced() -> None:
    case = Case(strategy_rules(adds=True))
    case.enter(lots=2)
    reduce(case, 1)
    assert (reason(case), exits(case)) == (Reason.ORDER_INSANE, [])


def test_without_a_position_there_is_nothing_to_reduce() -> None:
    case = Case(strategy_rules(adds=True))
    case.bar()
    reduce(case)
    assert reason(case) == Reason.NO_POSITION


def test_nothing_is_reduced_while_an_orders_fate_is_unknown() -> None:
    case = entered()
    reduce(case, 20)
    case.lose(case.sent(OrderKind.EXIT))
    reduce(case, 20)
    assert (reason(case), len(exits(case))) == (Reason.UNRESOLVED, 1)


# --- guards and halts ----------------------------------------------------------------------------------------


def test_a_reduction_passes_while_reducing_and_not_while_frozen() -> None:
    case = entered()
    case.halt(level=Level.REDUCING)
    reduce(case, 20)
    assert exits(case) == [("limit", 20)]
    case.halt(level=Level.HALTED)
    reduce(case, 5)
    assert (reason(case), len(exits(case))) == (Reason.HALTED, 1)


def gated(verdict: Verdict) -> Case:
    def answer(_: View, order: OrderView) -> Verdict:
        return verdict if order.reduces else Verdict(lots=order.lots, reason=Reason.OK)

    return entered(guards=[("gate", Gate(answer=answer))])


def test_a_guard_that_holds_a_reduction_back_halts_nothing() -> None:
    case = gated(Verdict(lots=0, reason=Reason.ORDER_RATE))
    reduce(case)
    assert (reason(case), exits(case), dict(case.book.halts)) == (Reason.ORDER_RATE, [], {})


def test_a_guard_that_cuts_a_reduction_lets_the_rest_of_it_out() -> None:
    case = gated(Verdict(lots=7, reason=Reason.CAP))
    reduce(case)
    assert exits(case) == [("limit", 7)]


@pytest.mark.parametrize(("action", "sent"), [(Action.REDUCING, 1), (Action.HALT, 0)])
def test_what_a_guard_asks_for_beside_a_reduction_comes_first(action: Action, sent: int) -> None:
    case = gated(
        Verdict(
            lots=20,
            reason=Reason.OK,
            trip=Trip(action=action, reason=Reason.KILL_SWITCH, facts={}, realised=True),
        )
    )
    reduce(case)
    assert (len(exits(case)), len(case.book.halts)) == (sent, 1)


# --- how long an order works ---------------------------------------------------------------------------------


def test_an_entry_past_its_time_is_taken_back_and_counts_until_it_has_ended() -> None:
    case = Case(strategy_rules(lots=20, adds=True))
    case.bar()
    case.signal(price=PRICE - 8, stop=0, target=0, work_s=5.0)
    entry = case.sent(OrderKind.ENTRY)
    assert case.intent(OrderKind.ENTRY).until_utc_ns == case.now + 5 * S
    case.accept(entry)
    case.wait(4.9)
    assert case.count(OrderKind.CANCEL) == 0
    case.wait(0.2)
    assert case.intent(OrderKind.CANCEL).subject == entry
    assert case.book.orders[entry].left_lots == 20
    taken_back(case)
    assert case.book.orders[entry].left_lots == 0


def test_a_limit_exit_past_its_time_is_taken_back_and_the_position_stays() -> None:
    case = entered()
    reduce(case, 20, work_s=5.0)
    case.accept(case.sent(OrderKind.EXIT))
    case.fill(case.sent(OrderKind.EXIT), 8, PRICE + 8)
    case.wait(5)
    assert case.intent(OrderKind.CANCEL).reason == "time"
    case.canceled(case.sent(OrderKind.EXIT))
    assert (case.position().lots, case.position().exit_reason, case.state(case.sent(OrderKind.EXIT))) == (
        42,
        "",
        OrderState.CANCELED,
    )


def test_a_bracket_outlives_the_time_of_its_entry() -> None:
    case = Case(strategy_rules())
    case.bar()
    case.signal(price=PRICE - 8, work_s=5.0)
    entry = case.sent(OrderKind.ENTRY)
    assert {o.intent.until_utc_ns for o in case.children(entry)} == {0}


@pytest.mark.parametrize("work_s", [-1.0, float("nan"), float("inf")])
def test_a_signal_for_no_sensible_time_is_denied(work_s: float) -> None:
    case = Case(strategy_rules())
    case.bar()
    case.signal(work_s=work_s)
    assert case.count(OrderKind.ENTRY) == 0
    assert denied(case) == Reason.ORDER_INSANE


def test_a_signal_whose_time_is_over_is_denied() -> None:
    case = Case(strategy_rules())
    case.bar()
    case.signal(work_s=1.0, slot_utc_ns=case.now - 2 * S)
    assert denied(case) == Reason.STALE_DATA


def test_orders_that_ended_long_ago_are_let_go_of_though_no_trade_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading, "ORDERS_MANY", 5)
    case = Case(strategy_rules(adds=True))
    for _ in range(20):
        case.bar()
        case.signal(price=PRICE - 8, stop=0, target=0, work_s=5.0)
        case.accept(case.sent(OrderKind.ENTRY))
        case.wait(600)
        taken_back(case)
    # One every 15 minutes; those of the last hour stay.
    assert len(case.book.orders) == 4
    case.refold()


# --- a position is of one side -------------------------------------------------------------------------------


def test_nothing_is_bought_against_what_is_held() -> None:
    case = entered()
    case.signal(-1, price=PRICE + 8, stop=0, target=0)
    assert denied(case) == Reason.IN_POSITION
    case.signal(1, price=PRICE - 8, stop=0, target=0)
    assert denied(case) == Reason.OK


def test_nothing_is_bought_beside_an_order_of_the_other_side() -> None:
    case = entered()
    reduce(case, 20)
    case.accept(case.sent(OrderKind.EXIT))
    case.signal(1, price=PRICE - 8, stop=0, target=0)
    assert denied(case) == Reason.IN_POSITION
    flat = Case(strategy_rules(adds=True))
    flat.bar()
    flat.signal(1, price=PRICE - 8, stop=0, target=0)
    flat.accept(flat.sent(OrderKind.ENTRY))
    flat.signal(-1, price=PRICE + 8, stop=0, target=0)
    assert denied(flat) == Reason.IN_POSITION


# --- a full exit ---------------------------------------------------------------------------------------------


def test_a_full_exit_takes_a_working_limit_back_before_it_closes_at_market() -> None:
    case = entered()
    reduce(case, 20)
    part = case.sent(OrderKind.EXIT)
    case.accept(part)
    case.flatten("MNQ")
    assert case.intent(OrderKind.CANCEL).subject == part
    assert exits(case) == [("limit", 20)]
    case.fill(part, 5, PRICE + 8)
    assert exits(case) == [("limit", 20)]
    taken_back(case)
    assert exits(case) == [("limit", 20), ("market", 45)]


def test_a_limit_that_ended_unfilled_is_no_refusal_of_the_full_exit() -> None:
    case = entered()
    reduce(case, 20)
    case.reject(case.sent(OrderKind.EXIT))
    case.flatten("MNQ")
    assert exits(case)[-1] == ("market", 50)


def test_a_limit_exit_is_taken_back_when_the_position_is_flat() -> None:
    case = entered()
    reduce(case, 20)
    part = case.sent(OrderKind.EXIT)
    case.accept(part)
    case.fill("by-hand", 50, PRICE, side=-1)
    assert case.intent(OrderKind.CANCEL).subject == part


def test_what_would_close_more_than_is_left_is_taken_back() -> None:
    case = entered()
    reduce(case, 20)
    part = case.sent(OrderKind.EXIT)
    case.accept(part)
    case.fill("by-hand", 35, PRICE, side=-1)
    assert (case.intent(OrderKind.CANCEL).subject, case.intent(OrderKind.CANCEL).reason) == (part, "beyond flat")


# --- invariants ----------------------------------------------------------------------------------------------


def test_an_exit_beyond_what_is_held_and_an_entry_against_it_break_an_invariant() -> None:
    case = entered()
    reduce(case, 20)
    sent = case.intent(OrderKind.EXIT)
    assert of_book(case.book) == []
    assert list(beyond(case.book, replace(sent, lots=30))) == []
    assert len(list(beyond(case.book, replace(sent, lots=31)))) == 1
    assert len(list(beyond(case.book, replace(sent, side=1, lots=1)))) == 1
    assert len(list(beyond(case.book, replace(sent, kind=OrderKind.ENTRY)))) == 1
    assert list(beyond(case.book, replace(sent, kind=OrderKind.ENTRY, side=1))) == []
