"""The fold: facts that the engine would not make are survived, and what is kept is bounded."""

from dataclasses import replace

import pytest

from gamma.book import durable, fold, open_book, owner
from gamma.book.trading import EXECUTIONS_KEPT, INTENTS_KEPT, ORDERS_LOOKED_THROUGH, PAST_TRADES_KEPT, TRADES_KEPT
from gamma.errors import InvariantBroken
from gamma.events import (
    DayStarted,
    ExitWanted,
    Fill,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderQuarantined,
    OrderRejected,
    OrderReplaced,
    OrderState,
    Recorded,
    Resumed,
    ShutDown,
)
from gamma.floor import FloorRule, TrailsOn
from gamma.markets import MICRO
from tests.engine_case import PRICE, Case, S, setup_of, strategy_rules


def test_a_new_account_stands_at_its_capital() -> None:
    book = open_book(setup_of())
    assert book.balance_microusd == book.money.equity_microusd == book.money.peak_microusd == 50_000 * MICRO
    assert (book.money.floor, book.epoch, book.sequence) == (None, 0, 0)


def test_a_profile_sets_the_floor() -> None:
    book = open_book(setup_of(floor_rule=FloorRule(drawdown_microusd=MICRO, trails_on=TrailsOn.NONE)))
    assert book.money.floor is not None
    assert book.money.floor_room_start_microusd == MICRO


def test_what_leaves_no_trace_gives_the_book_back() -> None:
    book = open_book(setup_of())
    assert fold(book, ShutDown(reason="", ts_event_utc_ns=0)) is book


@pytest.mark.parametrize(
    "fact",
    [
        OrderAccepted(client_order_id="no", broker_order_id="", ts_event_utc_ns=0),
        OrderRejected(client_order_id="no", code="", text="", ts_event_utc_ns=0),
        OrderLost(client_order_id="no", text="", ts_event_utc_ns=0),
        OrderMissed(client_order_id="no", final=True, ts_event_utc_ns=0),
        OrderAbsent(client_order_id="no", actor="", ts_event_utc_ns=0),
        OrderQuarantined(client_order_id="no", ts_event_utc_ns=0),
        OrderCanceled(client_order_id="no", ts_event_utc_ns=0),
        OrderReplaced(client_order_id="no", price_ticks=0, ts_event_utc_ns=0),
    ],
)
def test_a_fact_of_an_order_that_is_forgotten_changes_nothing(fact: Recorded) -> None:
    book = open_book(setup_of())
    assert fold(book, fact) is book


def test_a_halt_that_is_forgotten_is_lifted_without_a_trace() -> None:
    book = open_book(setup_of())
    assert fold(book, Resumed(halt_id="h9", actor="me", ts_event_utc_ns=0)).halts == {}


def test_an_execution_that_the_ledger_has_twice_counts_once() -> None:
    case = Case()
    case.enter()
    filled = case.of(OrderFilled)[0]
    assert fold(case.book, filled) is case.book


def test_an_id_that_was_used_breaks_the_book() -> None:
    case = Case()
    case.enter()
    with pytest.raises(InvariantBroken, match=r"I1: client order id .* was used before"):
        fold(case.book, case.of(OrderIntended)[0])


def test_the_ledgers_part_leaves_out_what_comes_again() -> None:
    case = Case()
    case.session()
    case.health()
    case.enter()
    kept = durable(case.book)
    assert (kept.marks, kept.sessions, kept.breaches, kept.ts_event_utc_ns) == ({}, {}, {}, 0)
    assert kept.control.health is None
    assert (kept.positions, kept.orders, kept.money) == (case.book.positions, case.book.orders, case.book.money)


def test_the_same_book_at_another_time() -> None:
    book = open_book(setup_of())
    assert book.at(7) == replace(book, ts_event_utc_ns=7)


def test_what_is_kept_of_the_past_is_bounded() -> None:
    case = Case(strategy_rules(lots=1))
    for _ in range(130):
        entry = case.enter(lots=1)
        case.stop_out(entry, lots=1)
        case.now += 3_600_000_000_000
    book = case.book
    assert len(book.tracks["alpha"].pnl_usd_per_lot) == len(book.tracks["alpha"].r_multiples) == TRADES_KEPT
    assert book.tracks["alpha"].trades == 130
    assert len(book.trades) == PAST_TRADES_KEPT
    assert len(book.intents) <= INTENTS_KEPT
    assert len(book.executions) <= EXECUTIONS_KEPT
    # The orders of the last trade, and of none before it.
    assert len(book.orders) == 3


def test_the_orders_of_a_day_are_counted_beyond_what_is_kept_of_them() -> None:
    case = Case()
    case.enter()
    [entry] = case.of(OrderIntended)
    book = replace(case.book, orders={}, intents=(), orders_today=0)
    hour_ns = 3_600_000_000_000
    for n in range(300):
        intent = replace(entry.intent, client_order_id=f"i{n}", ts_event_utc_ns=case.now + n * hour_ns)
        book = fold(book, replace(entry, intent=intent, bracket=()))
    assert (book.orders_today, len(book.intents)) == (300, INTENTS_KEPT)
    day = DayStarted(date="d", balance_microusd=0, equity_microusd=0, ts_event_utc_ns=case.now + 299 * hour_ns)
    assert fold(book, day).orders_today == len(fold(book, day).intents) == 1


def test_a_strategy_that_holds_for_hours_and_orders_at_every_look_keeps_an_hour_of_its_orders() -> None:
    case = Case(strategy_rules(adds=True))
    held = case.enter(stop=0, target=0)
    for _ in range(660):
        case.now += 40 * S
        case.signal(stop=0, target=0, price=PRICE - 100)
        case.accept(case.sent(OrderKind.ENTRY))
        case.canceled(case.sent(OrderKind.ENTRY))
    assert len(case.book.orders) < 90 + ORDERS_LOOKED_THROUGH
    assert held in case.book.orders
    case.refold()


def test_a_trade_without_a_risk_has_no_r() -> None:
    case = Case()
    case.enter(stop=0, target=0)
    case.fill("", 2, PRICE, side=-1)
    [r_multiple] = case.book.tracks["alpha"].r_multiples
    assert r_multiple != r_multiple


def test_an_exit_that_is_wanted_of_nothing_leaves_no_lots() -> None:
    book = fold(open_book(setup_of()), ExitWanted(strategy="a", market="MNQ", reason="r", ts_event_utc_ns=0))
    assert book.lots("MNQ") == 0


def by_hand(side: int, lots: int, symbol: str = "MNQ") -> Fill:
    return Fill(
        execution_id="x",
        client_order_id="",
        market=symbol,
        side=side,
        lots=lots,
        price_ticks=1,
        fee_microusd=0,
        ts_event_utc_ns=0,
    )


def test_a_strangers_fill_is_ours_only_where_it_closes() -> None:
    case = Case()
    case.enter()
    assert owner(case.book, by_hand(-1, 2)) == "alpha"
    assert owner(case.book, by_hand(-1, 3)) == ""
    assert owner(case.book, by_hand(1, 1)) == ""
    assert owner(case.book, by_hand(-1, 1, "MES")) == ""


def test_money_adds_up_over_trades_and_what_is_open() -> None:
    case = Case(strategy_rules(lots=3))
    case.stop_out(case.enter(lots=3), lots=3)
    entry = case.enter(lots=3)
    case.fill(f"{entry}t", 1, PRICE + 80)
    closed = sum(t.pnl_microusd for t in case.trades)
    opened = sum(p.pnl_microusd - p.fees_microusd for p in case.book.positions.values())
    assert 50_000 * MICRO + closed + opened == case.book.balance_microusd
    assert case.state(f"{entry}t") is OrderState.PARTIAL
