"""`Book`: all that the engine remembers, and `fold`, which makes it from facts. Pure.

The book after a restart is the fold of the ledger's facts. Marks, sessions and health are not facts:
they come again with the first bars.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from gamma import floor
from gamma.book.account import ACCOUNT_FOLDS, marked
from gamma.book.pages import Book, Breach, Control, Key, Money, Setup, Track
from gamma.book.trading import TRADING_FOLDS, owner

__all__ = [
    "Book",
    "Breach",
    "Control",
    "Key",
    "Money",
    "Setup",
    "Track",
    "durable",
    "fold",
    "marked",
    "open_book",
    "owner",
]

_FOLDS: Final[dict[type, Callable[[Book, Any], Book]]] = ACCOUNT_FOLDS | TRADING_FOLDS


def open_book(setup: Setup) -> Book:
    """The book of an account that has done nothing yet."""
    start = setup.starting_capital_microusd
    state = floor.start(setup.floor_rule, start) if setup.floor_rule else None
    room = start - state.floor_microusd if state else 0
    money = Money(
        equity_microusd=start,
        peak_microusd=start,
        floor=state,
        floor_room_start_microusd=room,
        day_balance_microusd=start,
        day_equity_microusd=start,
    )
    return Book(setup=setup, money=money)


def fold(book: Book, event: object) -> Book:
    """The book after an event; events that leave no trace in it give it back as it is.

    Raises: InvariantBroken when an order would go where its life has no way, or an id is used twice.
    """
    handler = _FOLDS.get(type(event))
    return book if handler is None else handler(book, event)


def durable(book: Book) -> Book:
    """The part of a book that the ledger holds: what a fold of all facts must give back, to the last field."""
    control = replace(book.control, health=None)
    return replace(book, ts_event_utc_ns=0, control=control, marks={}, sessions={}, breaches={})
