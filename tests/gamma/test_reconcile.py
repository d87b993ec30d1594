"""Broker truth against the book: what each word of the broker's changes, and what says nothing."""

from dataclasses import replace
from typing import Any

import pytest

from gamma.book import Book
from gamma.events import (
    ForeignOrderSeen,
    OrderAccepted,
    OrderCanceled,
    OrderKind,
    OrderMissed,
    OrderRejected,
    OrderReplaced,
    OrderState,
    PositionsCompared,
)
from gamma.ports import BrokerOrder, Found, Inconclusive, NotListed
from gamma.reconcile import foreign_events, lookup_events, order_events, position_events
from tests.engine_case import PRICE, Case


def told(client_order_id: str, state: OrderState, **fields: Any) -> BrokerOrder:
    order = BrokerOrder(
        client_order_id=client_order_id,
        broker_order_id="b1",
        market="MNQ",
        state=state,
        side=1,
        lots=2,
        filled_lots=0,
        price_ticks=0,
        ts_event_utc_ns=0,
    )
    return replace(order, **fields)


def kinds(events: list[Any]) -> list[type]:
    return [type(e) for e in events]


@pytest.fixture
def case() -> Case:
    """An entry of two lots that was sent, and whose answer is lost."""
    made = Case()
    made.bar()
    made.signal()
    made.lose(made.sent(OrderKind.ENTRY))
    return made


def entry(case: Case) -> str:
    return case.sent(OrderKind.ENTRY)


def test_an_order_that_the_broker_has_is_accepted(case: Case) -> None:
    (event,) = order_events(case.book, [told(entry(case), OrderState.ACKED)], 7)
    assert event == OrderAccepted(client_order_id=entry(case), broker_order_id="b1", ts_event_utc_ns=7)


def test_what_a_listing_does_not_show_is_not_over(case: Case) -> None:
    assert order_events(case.book, [], 7) == []
    assert order_events(case.book, [told("somebody-else", OrderState.CANCELED)], 7) == []


def test_a_cancelled_order_is_over_only_when_all_its_fills_are_booked(case: Case) -> None:
    word = told(entry(case), OrderState.CANCELED, filled_lots=1)
    assert kinds(order_events(case.book, [word], 7)) == [OrderAccepted]
    case.fill(entry(case), 1, PRICE)
    assert kinds(order_events(case.book, [word], 7)) == [OrderCanceled]


def test_an_order_that_ran_out_has_expired(case: Case) -> None:
    (_, over) = order_events(case.book, [told(entry(case), OrderState.EXPIRED)], 7)
    assert over == OrderCanceled(client_order_id=entry(case), expired=True, ts_event_utc_ns=7)


def test_a_filled_order_is_over_by_its_fills_alone(case: Case) -> None:
    assert kinds(order_events(case.book, [told(entry(case), OrderState.FILLED, filled_lots=2)], 7)) == [OrderAccepted]


def test_a_refusal_that_comes_late_is_a_refusal(case: Case) -> None:
    assert kinds(order_events(case.book, [told(entry(case), OrderState.REJECTED)], 7)) == [OrderRejected]


def test_a_stop_that_works_elsewhere_was_moved(case: Case) -> None:
    case.accept(entry(case))
    (stop,) = (o for o in case.children(entry(case)) if o.intent.kind is OrderKind.STOP)
    case.accept(stop.intent.client_order_id)
    here = told(stop.intent.client_order_id, OrderState.ACKED, price_ticks=stop.price_ticks)
    assert order_events(case.book, [here], 7) == []
    there = replace(here, price_ticks=stop.price_ticks + 8)
    assert order_events(case.book, [there], 7) == [
        OrderReplaced(client_order_id=stop.intent.client_order_id, price_ticks=stop.price_ticks + 8, ts_event_utc_ns=7)
    ]


def test_an_order_that_has_ended_is_not_brought_back(case: Case) -> None:
    case.reject(entry(case))
    assert order_events(case.book, [told(entry(case), OrderState.ACKED)], 7) == []


def test_an_order_that_was_taken_for_absent_is(case: Case) -> None:
    case.miss(entry(case), final=True)
    assert case.state(entry(case)) is OrderState.ABSENT
    assert kinds(order_events(case.book, [told(entry(case), OrderState.ACKED)], 7)) == [OrderAccepted]


def test_an_incomplete_look_says_nothing(case: Case) -> None:
    assert lookup_events(case.book, {entry(case): Inconclusive(text="page 2 timed out")}, 7) == []


def test_a_complete_look_that_does_not_show_it_is_counted(case: Case) -> None:
    for final in (True, False):
        assert lookup_events(case.book, {entry(case): NotListed(final=final)}, 7) == [
            OrderMissed(client_order_id=entry(case), final=final, ts_event_utc_ns=7)
        ]


def test_a_look_that_finds_it_tells_what_became_of_it(case: Case) -> None:
    found = Found(order=told(entry(case), OrderState.CANCELED))
    assert kinds(lookup_events(case.book, {entry(case): found}, 7)) == [OrderAccepted, OrderCanceled]


def test_an_order_that_nobody_here_issued_is_foreign(case: Case) -> None:
    prefix = case.book.client_id_prefix
    listed = [
        told(entry(case), OrderState.ACKED),
        told(f"{prefix}99-0", OrderState.ACKED),
        told("", OrderState.ACKED, broker_order_id="b7"),
    ]
    assert foreign_events(case.book, listed, prefix, 7) == [
        ForeignOrderSeen(client_order_id=f"{prefix}99-0", market="MNQ", ours=True, ts_event_utc_ns=7, works=True),
        ForeignOrderSeen(client_order_id="b7", market="MNQ", ours=False, ts_event_utc_ns=7, works=True),
    ]


def compared(book: Book, **positions: int) -> list[tuple[str, int, int]]:
    events = position_events(book, positions, 7)
    assert all(isinstance(e, PositionsCompared) for e in events)
    return [(e.market, e.book_lots, e.broker_lots) for e in events if isinstance(e, PositionsCompared)]


def test_positions_of_a_market_with_an_unknown_order_wait(case: Case) -> None:
    assert compared(case.book, MNQ=2, MES=1) == [("MES", 0, 1)]


def test_positions_are_compared_wherever_either_side_has_one() -> None:
    case = Case()
    case.enter()
    assert compared(case.book) == [("MNQ", 2, 0)]
    assert compared(case.book, MNQ=2) == [("MNQ", 2, 2)]
    assert compared(case.book, MNQ=2, MES=-3) == [("MES", 0, -3), ("MNQ", 2, 2)]


def test_a_mismatch_is_compared_until_it_is_gone() -> None:
    case = Case()
    case.bar()
    case.do(*position_events(case.book, {"MES": 1}, case.now))
    assert compared(case.book) == [("MES", 0, 0)]
    case.do(*position_events(case.book, {}, case.now))
    assert compared(case.book) == []
