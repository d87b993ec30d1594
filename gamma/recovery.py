"""Recovery: the book as the ledger has it. There is no other way to a book."""

from dataclasses import replace

from gamma.book import Book, Setup, fold, open_book
from gamma.bookmark import Bookmark
from gamma.errors import ConfigInvalid, InvariantBroken
from gamma.events import DecisionMade, Recorded
from gamma.ledger import Ledger
from gamma.rules import Rules


def recover(setup: Setup, rules: Rules, ledger: Ledger, bookmark: Bookmark | None = None) -> Book:
    """Fold every fact that the ledger holds, from a bookmark on; of decisions the last slot is enough.

    Raises: InvariantBroken when the facts could not have happened; ConfigInvalid when a position's strategy is no
        longer in the config: nobody would manage it.
    """
    book, after_seq = (open_book(setup), 0) if bookmark is None else (bookmark.book, bookmark.seq)
    ts_last = book.ts_event_utc_ns
    for fact in ledger.facts(after_seq, without={DecisionMade}):
        book = _folded(book, fact)
        ts_last = max(ts_last, fact.ts_event_utc_ns)
    slots = {name: slot for name in rules.strategies if (slot := ledger.last_tick(name)) is not None}
    book = replace(book, slots=slots, ts_event_utc_ns=ts_last)
    orphans = [p for p in book.positions.values() if p.lots and p.strategy and p.strategy not in rules.strategies]
    if orphans:
        held = ", ".join(f"{p.lots:+d} {p.market} of {p.strategy}" for p in orphans)
        raise ConfigInvalid(f"open: {held}; keep that strategy in the config until its position is closed")
    return book


def _folded(book: Book, fact: Recorded) -> Book:
    try:
        return fold(book, fact)
    except InvariantBroken as error:
        mend = "nothing is traded until it is mended: run gamma doctor, which lists all that is wrong and what to do"
        raise InvariantBroken(f"{error}; {mend}") from error
