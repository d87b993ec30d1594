"""The book's invariants: none is broken by what can happen, and a book made wrong by hand breaks exactly one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gamma.book import Book, durable
from gamma.events import OrderKind, OrderState
from gamma.invariants import INVARIANTS, Audit, of_book
from gamma.orders import Order
from tests.engine_case import Case

Change = Callable[[Case], Book]


def holding() -> Case:
    """Two lots long, the stop and the target at work."""
    case = Case()
    case.enter()
    return case


def order_with(client_order_id: str, **fields: Any) -> Change:
    """The book, in which one order is another."""

    def change(case: Case) -> Book:
        order: Order = replace(case.book.orders[client_order_id], **fields)
        return replace(case.book, orders={**case.book.orders, client_order_id: order})

    return change


def position_with(**fields: Any) -> Change:
    """The book, in which the position is another."""
    return lambda case: replace(case.book, positions={("alpha", "MNQ"): replace(case.position(), **fields)})


def filed_as(name: str) -> Change:
    """The book, in which the entry stands under this id."""
    return lambda case: replace(
        case.book, orders={name if cid == "g53-1-0" else cid: order for cid, order in case.book.orders.items()}
    )


def another_entry(case: Case) -> Book:
    """The book, in which the decision has opened a second order, which did not reach the broker."""
    entry = case.book.orders["g53-1-0"]
    absent = replace(
        entry,
        intent=replace(entry.intent, client_order_id="g53-0-9"),
        state=OrderState.ABSENT,
        filled_lots=0,
        execution_ids=frozenset(),
    )
    return replace(case.book, orders={**case.book.orders, "g53-0-9": absent})


def cancel_in_quarantine(case: Case) -> Book:
    case.flatten()
    cancel = case.sent(OrderKind.CANCEL)
    return order_with(cancel, state=OrderState.QUARANTINED)(case)


def test_a_book_that_came_about_breaks_nothing() -> None:
    case = holding()
    assert of_book(case.book) == []
    case.flatten()
    assert of_book(case.book) == []


@pytest.mark.parametrize(
    ("invariant", "change"),
    [
        ("I1", filed_as("g53-0-7")),
        ("I1", another_entry),
        ("I1", lambda case: replace(case.book, setup=replace(case.setup, account="another"))),
        ("I2", position_with(entry_ids=())),
        ("I2", position_with(lots=3, lots_open=((3, 80_000),), entry_lots=3)),
        ("I3", lambda case: replace(case.book, executions=("x1", "x1"))),
        ("I3", order_with("g53-1-0", execution_ids=frozenset())),
        ("I3", order_with("g53-1-0t", filled_lots=1, state=OrderState.PARTIAL, execution_ids=frozenset({"x1"}))),
        ("I4", position_with(lots_open=((1, 80_000),))),
        ("I4", position_with(lots_open=((3, 80_000), (-1, 80_000)))),
        ("I4", position_with(exit_lots=1)),
        ("I4", lambda case: replace(case.book, positions={("beta", "MNQ"): case.position()})),
        ("I7", order_with("g53-1-0", state=OrderState.ACKED)),
        ("I7", order_with("g53-1-0s", state=OrderState.FILLED)),
        ("I7", order_with("g53-1-0s", state=OrderState.PARTIAL)),
        ("I7", cancel_in_quarantine),
        ("I11", lambda case: replace(case.book, epoch=0)),
        ("I11", lambda case: replace(case.book, sequence=0)),
    ],
)
def test_a_book_made_wrong_breaks_exactly_its_invariant(invariant: str, change: Change) -> None:
    case = holding()
    found = of_book(change(case))
    assert {violation.invariant for violation in found} == {invariant}, found


def test_a_position_that_is_being_closed_may_be_more_than_was_approved() -> None:
    case = holding()
    book = position_with(entry_ids=(), exit_reason="overshoot")(case)
    assert of_book(book) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda book: replace(book, sequence=book.sequence + 1),
        lambda book: replace(book, executions=()),
        lambda book: replace(book, money=replace(book.money, fees_microusd=0)),
        lambda book: replace(book, halts={}),
    ],
)
def test_a_book_that_is_not_the_fold_of_the_ledger_breaks_i13(change: Callable[[Book], Book]) -> None:
    case = holding()
    case.halt()
    audit = Audit(case.setup, case.rules)
    for seq, (step, record) in enumerate(case.kept, 1):
        audit.take(seq, step, record)
    assert audit.against(case.book) == []
    assert audit.against(durable(case.book)) == [], "what comes again with the first bars is in no ledger"
    assert [violation.invariant for violation in audit.against(change(case.book))] == ["I13"]


def test_every_invariant_says_what_holds_and_who_looks() -> None:
    assert [invariant.name for invariant in INVARIANTS] == [f"I{n}" for n in range(1, 15)]
    assert all(invariant.holds and invariant.checked_by for invariant in INVARIANTS)
