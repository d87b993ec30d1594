"""The rounds of the daemon: the whole ledger at its start, and every hour what has come since, a piece at a time."""

from dataclasses import dataclass
from typing import Final, final

from gamma.book import Book, Setup
from gamma.bookmark import Bookmark
from gamma.errors import Corrupt, InvariantBroken
from gamma.invariants.audit import Audit
from gamma.invariants.book import of_book
from gamma.invariants.violations import Violation
from gamma.ledger import Ledger
from gamma.ledger.connections import file_of
from gamma.ledger.verify import Reached, Report, verify
from gamma.rules import Rules

# Some 3 ms of reading, in which nothing else has its turn.
EVENTS_MAX: Final = 50
MEND: Final = "nothing is traded until it is mended: run gamma doctor, which lists all that is wrong and what to do"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A whole ledger, looked at: what `verify` found, and all else that must hold."""

    report: Report
    audit: Audit

    @property
    def violations(self) -> list[Violation]:
        """All that was found, the chain first."""
        return [*(_chain(problem) for problem in self.report.problems), *self.audit.violations]


def examine(url: str, setup: Setup, rules: Rules) -> Examination:
    """Look at a whole ledger once, event by event.

    Raises: ConfigInvalid when there is no ledger, or its schema is not this gamma's.
    """
    audit = Audit(setup, rules)
    report = verify(url, audit.take)
    audit.settle()
    return Examination(report=report, audit=audit)


@final
class Patrol:
    """Goes along the daemon's own ledger, and holds its book against it; one round ends where the next begins."""

    def __init__(self, ledger: Ledger, setup: Setup, rules: Rules, bookmark: Bookmark | None = None) -> None:
        self._ledger = ledger
        self._rules = rules
        self._audit = Audit(setup, rules)
        self._reached: Reached | None = None
        self._problems: list[str] = []
        self._bookmark = bookmark
        if bookmark is not None:
            self._audit.resume(bookmark)
            digest = bytes.fromhex(bookmark.sha256)
            self._reached = Reached(seq=bookmark.seq, sha256=digest, epoch=bookmark.epoch)

    @property
    def seq(self) -> int:
        """The last event that was looked at."""
        return self._audit.seq

    def advance(self, events_max: int = EVENTS_MAX) -> bool:
        """Look at the next events; whether that were all there are."""
        before = self._reached
        self._reached, problems = self._ledger.check(before, events_max, self._audit.take)
        self._problems += problems
        return (self._reached.seq, self._reached.sha256.hex()) == self._ledger.head or self._reached == before

    def whole(self, url: str, book: Book) -> list[Violation]:
        """The first round: all that is in the ledger, with the file itself; gives all that is wrong.

        From a bookmark on: what is before it was found sound, and is looked at again `behind` the daemon's back.
        """
        if self._bookmark is not None:
            while not self.advance(1_000):
                pass
            return self.found(book)
        if file_of(url) is None and url.startswith("sqlite"):  # in memory, where no other connection can see it
            while not self.advance(1_000):
                pass
            return self.found(book)
        self._problems += verify(url, self._audit.take).problems
        seq, digest = self._ledger.head
        self._reached = Reached(seq=seq, sha256=bytes.fromhex(digest), epoch=self._audit.book.epoch)
        return self.found(book)

    def behind(self) -> "Patrol | None":
        """Who is to look at what the first round took on trust; None where it looked at everything."""
        if self._bookmark is None:
            return None
        return Patrol(self._ledger, self._audit.book.setup, self._rules)

    def bookmark(self) -> Bookmark | None:
        """Where the round ended; None before there was one."""
        if self._reached is None:
            return None
        book = self._audit.book.at(self._audit.ts_fact_utc_ns)
        seq, digest = self._reached.seq, self._reached.sha256.hex()
        return Bookmark(seq=seq, sha256=digest, epoch=self._reached.epoch, book=book, rounds=self._audit.state())

    def found(self, book: Book) -> list[Violation]:
        """All that is wrong, once the end is reached."""
        self._audit.settle()
        chain = [_chain(problem) for problem in self._problems]
        if self._reached is not None and (self._reached.seq, self._reached.sha256.hex()) != self._ledger.head:
            said = f"event {self._ledger.head[0]} was written, and the events end with {self._reached.seq}"
            chain.append(Violation(invariant="I8", text=said))
        return [*chain, *self._audit.violations, *of_book(book), *self._audit.against(book)]


def refuse(found: list[Violation]) -> None:
    """Stop everything where something was found.

    Raises: InvariantBroken, which names the first of it and says what to do; Corrupt where the file is damaged, for
        then nothing more should be written to it.
    """
    if not found:
        return
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    text = f"{found[0]}{more}; {MEND}"
    damaged = any(v.invariant == "I8" and v.text.startswith("file: ") for v in found)
    raise Corrupt(text) if damaged else InvariantBroken(text)


def _chain(problem: str) -> Violation:
    return Violation(invariant="I8", text=problem)
