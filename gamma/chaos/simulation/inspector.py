"""The inspector: gamma's own invariants of the book, looked at after every fact."""

from collections.abc import Callable
from typing import Any, final

from gamma.book import Book
from gamma.invariants import of_book


@final
class Inspector:
    """Looks on as facts are recorded; `wrong` is told of each violation once."""

    def __init__(self, wrong: Callable[[str], None]) -> None:
        self._wrong = wrong
        self._told: set[str] = set()

    def recorded(self, fact: Any, book: Book) -> None:  # noqa: ARG002
        """Look at the book as it is after this fact."""
        for violation in map(str, of_book(book)):
            if violation not in self._told:
                self._told.add(violation)
                self._wrong(violation)

    def answered(self, answer: Any) -> None:
        """Answers to a person are not its business."""
