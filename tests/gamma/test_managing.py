"""What a policy wants of the position that it holds, and what the broker is asked for then."""

from dataclasses import replace
from typing import Any

import pytest

from gamma.effects import Effect
from gamma.events import BarClosed, Level, Manage, ManageWanted, OrderKind, OrderReplaced, PositionManaged
from gamma.exits import ExitRule
from gamma.reasons import Reason
from tests.engine_case import MINUTE, PRICE, Case, bar_of, strategy_rules


def entered(side: int = 1, **exits: Any) -> Case:
    """Two lots at 80,000 with the stop 40 ticks away, after one bar without a range."""
    case = Case(strategy_rules(exits=ExitRule(**exits)), strategy_rules("beta"))
    case.enter(side, stop=40, target=400)
    return case


def want(case: Case, manage: Manage, **differs: Any) -> list[Effect]:
    case.now += 1
    wanted = ManageWanted(
        strategy="alpha",
        market="MNQ",
        manage=manage,
        slot_utc_ns=case.now,
        ts_event_utc_ns=case.now,
        trail_atr=1.0 if manage is Manage.TRAIL_ON else 0.0,
    )
    return case.do(replace(wanted, **differs))


def moved(case: Case) -> int:
    """The broker moves the stop as it was asked last; gives the price."""
    move = case.intent(OrderKind.REPLACE)
    case.accept(move.client_order_id)
    case.do(OrderReplaced(client_order_id=move.subject, price_ticks=move.price_ticks, ts_event_utc_ns=case.now))
    return move.price_ticks


def reasons(case: Case) -> list[str]:
    return [fact.reason for fact in case.of(PositionManaged)]


@pytest.mark.parametrize("side", [1, -1])
def test_break_even_moves_the_stop_to_the_entry_and_is_remembered(side: int) -> None:
    case = entered(side)
    case.bar(PRICE + 20 * side)
    want(case, Manage.BREAK_EVEN)
    assert moved(case) == PRICE
    case.restart()
    assert case.position().at_break_even
    case.bar(PRICE + 30 * side)
    assert case.count(OrderKind.REPLACE) == 1


def test_a_trail_follows_the_best_price_and_stays_where_it_is_when_it_ends() -> None:
    case = entered()
    # True ranges of 0 and 60 ticks: 30 on average. The best price is 80,060.
    case.bar(PRICE + 50, high=PRICE + 60, low=PRICE)
    want(case, Manage.TRAIL_ON)
    assert moved(case) == PRICE + 30
    # A third of 60 ticks: 40. The best price is 80,110.
    case.bar(PRICE + 110, high=PRICE + 110, low=PRICE + 50)
    assert moved(case) == PRICE + 70
    case.restart()
    assert case.position().trail_atr == 1.0
    want(case, Manage.TRAIL_OFF)
    case.bar(PRICE + 110)
    case.bar(PRICE + 200, low=PRICE + 110)
    assert case.count(OrderKind.REPLACE) == 2
    assert case.refold().position("alpha", "MNQ").trail_atr == 0.0


def test_a_trail_that_the_price_is_past_already_gets_out_at_market() -> None:
    case = entered()
    case.bar(PRICE + 20, high=PRICE + 60, low=PRICE)
    want(case, Manage.TRAIL_ON)
    assert case.count(OrderKind.REPLACE) == 0
    assert case.position().exit_reason == "trail"


def test_a_price_that_is_whole_but_for_a_hair_is_not_rounded_away() -> None:
    """0.7 has no exact form: 0.7 true ranges of 30 ticks are 21 or a hair less."""
    case = entered()
    case.bar(PRICE + 50, high=PRICE + 60, low=PRICE)
    want(case, Manage.TRAIL_ON, trail_atr=0.7)
    assert moved(case) == PRICE + 60 - 21


def test_the_rules_of_exit_go_on_beside_what_a_policy_wants() -> None:
    case = entered(break_even_r=1.0)
    case.bar(PRICE + 38, high=PRICE + 39, low=PRICE)
    want(case, Manage.TRAIL_ON)  # 39 ticks less 19.5, rounded away from the market
    assert moved(case) == PRICE + 19
    want(case, Manage.TRAIL_OFF)
    case.bar(PRICE + 45)
    assert case.count(OrderKind.REPLACE) == 1


def test_a_slot_is_decided_on_once() -> None:
    case = entered()
    case.bar(PRICE + 20)
    want(case, Manage.BREAK_EVEN)
    slot = case.now
    assert want(case, Manage.TRAIL_ON, slot_utc_ns=slot) == []
    assert case.signal(slot_utc_ns=slot) == []
    assert case.ticks[-1].outcome == "break_even"


def test_a_session_is_told_with_the_slot() -> None:
    case = entered()
    case.session("2026-03-02")
    want(case, Manage.BREAK_EVEN)
    assert case.ticks[-1].session == "2026-03-02"


def test_of_an_unknown_strategy_it_is_nothing() -> None:
    assert want(entered(), Manage.BREAK_EVEN, strategy="gamma") == []


def test_what_is_not_held_or_leaves_is_not_managed() -> None:
    case = Case()
    case.bar()
    want(case, Manage.BREAK_EVEN)
    assert reasons(case) == [Reason.NO_POSITION]
    case = entered()
    case.flatten()
    want(case, Manage.TRAIL_ON)
    assert reasons(case) == [Reason.NO_POSITION]
    assert case.position().trail_atr == 0.0
    assert case.ticks[-1].outcome == Reason.NO_POSITION


@pytest.mark.parametrize(
    ("manage", "differs"),
    [
        (Manage.TRAIL_ON, {"trail_atr": 0.0}),
        (Manage.TRAIL_ON, {"trail_atr": float("nan")}),
        (Manage.BREAK_EVEN, {"market": "MES"}),
    ],
)
def test_what_makes_no_sense_is_recorded_and_changes_nothing(manage: Manage, differs: dict[str, Any]) -> None:
    case = entered()
    want(case, manage, **differs)
    assert reasons(case) == [Reason.ORDER_INSANE]
    assert (case.position().at_break_even, case.position().trail_atr) == (False, 0.0)


def test_a_halt_that_lets_exits_through_lets_a_stop_be_tightened() -> None:
    case = entered()
    case.bar(PRICE + 20)
    case.halt()
    want(case, Manage.BREAK_EVEN)
    assert moved(case) == PRICE


def test_a_halt_of_everything_stops_this_too() -> None:
    case = entered()
    case.bar(PRICE + 20)
    case.halt(level=Level.HALTED)
    want(case, Manage.BREAK_EVEN)
    assert reasons(case) == [Reason.HALTED]
    assert case.count(OrderKind.REPLACE) == 0


def test_while_an_order_is_unknown_nothing_is_moved_and_then_the_next_bar_does_it() -> None:
    case = entered()
    case.bar(PRICE + 20)
    want(case, Manage.BREAK_EVEN)
    lost = case.sent(OrderKind.REPLACE)
    case.lose(lost)
    case.signal(strategy="beta")
    other = case.sent(OrderKind.ENTRY)
    case.lose(other)
    want(case, Manage.TRAIL_ON)
    assert reasons(case) == [Reason.OK, Reason.UNRESOLVED]
    case.bar(PRICE + 25)
    assert case.count(OrderKind.REPLACE) == 1
    case.miss(other, final=True)
    case.bar(PRICE + 26)
    assert moved(case) == PRICE


def test_a_stop_that_is_being_cancelled_is_not_moved() -> None:
    case = entered()
    case.bar(PRICE + 20)
    stop = f"{case.sent(OrderKind.ENTRY)}s"
    asked = replace(case.book.orders[stop], ts_cancel_utc_ns=case.now)
    case.book = replace(case.book, orders={**case.book.orders, stop: asked})
    want(case, Manage.BREAK_EVEN)
    assert case.count(OrderKind.REPLACE) == 0


def test_before_the_first_price_nothing_is_moved() -> None:
    case = entered()
    case.restart()
    want(case, Manage.BREAK_EVEN)
    assert reasons(case) == [Reason.INPUT_MISSING]
    case.bar(PRICE + 20)
    want(case, Manage.BREAK_EVEN)
    assert moved(case) == PRICE


@pytest.mark.parametrize(("side", "stop"), [(1, PRICE + 30), (-1, PRICE - 30)])
def test_a_trail_counts_from_the_last_whole_tick_that_could_be_traded(side: int, stop: int) -> None:
    """Adjusted prices lie off the tick: 60.8 ticks are 60, less a true range of 30.4, so 31, are 29."""
    case = entered(side)
    off = 60.8 * side / 4
    bar = bar_of(PRICE + 50 * side, high=PRICE + 50, low=PRICE - 50, at=case.now + 5 * MINUTE)
    high, low = PRICE / 4 + max(off, 0.0), PRICE / 4 + min(off, 0.0)
    case.now = bar.ts_close_utc_ns
    case.do(BarClosed(bar=replace(bar, high_points=high, low_points=low), ts_event_utc_ns=case.now))
    want(case, Manage.TRAIL_ON)
    assert moved(case) == stop - side


def test_a_position_that_its_strategy_wants_closed_leaves_at_market_for_its_reason() -> None:
    case = entered()
    want(case, Manage.CLOSE, why="target")
    assert reasons(case) == [Reason.OK]
    assert case.position().exit_reason == "target"
    assert case.ticks[-1].outcome == "close"
    case.restart()
    assert case.position().exit_reason == "target"
    want(case, Manage.CLOSE, why="stop")
    assert reasons(case)[1:] == [Reason.NO_POSITION]


def test_a_close_leaves_a_trail_as_it_is() -> None:
    case = entered()
    case.bar(PRICE + 50, high=PRICE + 60, low=PRICE)
    want(case, Manage.TRAIL_ON)
    moved(case)
    want(case, Manage.CLOSE)
    assert (case.position().trail_atr, case.position().exit_reason) == (1.0, "close")


def test_an_entry_that_still_works_is_taken_back_by_a_close() -> None:
    case = Case(strategy_rules())
    case.bar()
    case.signal(price=PRICE - 40)
    entry = case.intent(OrderKind.ENTRY)
    case.accept(entry.client_order_id, *(o.intent.client_order_id for o in case.children(entry.client_order_id)))
    want(case, Manage.CLOSE, why="unfilled")
    assert reasons(case) == [Reason.OK]
    assert case.intent(OrderKind.CANCEL).subject == entry.client_order_id
    assert case.intent(OrderKind.CANCEL).reason == "unfilled"


def test_there_is_nothing_to_close_where_nothing_is_held_and_nothing_works() -> None:
    case = Case()
    case.bar()
    want(case, Manage.CLOSE)
    assert reasons(case) == [Reason.NO_POSITION]
