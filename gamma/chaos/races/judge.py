"""The judge of a race: reads the observer's log, and holds the ledger against it."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import final

from gamma.chaos.races.contender import Line
from gamma.ledger import Reader, verify

Term = tuple[int, int]
"""Who has the lease, and for the how manyeth time."""


def judge(lines: Sequence[Line], url: str) -> list[str]:
    """What was wrong: two at once, an order after the lease was lost, an order twice or without its intent."""
    watch = _Watch()
    found = [text for number, line in enumerate(lines, 1) for text in watch.see(number, line)]
    return [*found, *_recorded(lines, url)]


@final
class _Watch:
    def __init__(self) -> None:
        self._current: Term | None = None
        self._head = 0
        self._begun = False
        self._session, self._since_ns = 0, 0
        self._restarted_ns = 0
        self._over: set[Term] = set()
        self._cut: set[int] = set()
        self._late: set[Term] = set()
        self._sent: set[str] = set()

    def see(self, number: int, line: Line) -> Iterator[str]:
        """Take the next line, and tell what is wrong with it."""
        term = (line["who"], line.get("term", 0))
        match line["what"]:
            case "took":
                yield from self._took(number, term, line)
            case "sent":
                yield from self._send(number, term, line)
            case "left" | "lost":
                self._over.add(term)
            case "kill" if self._current is not None and self._current[0] == line["who"]:
                self._over.add(self._current)
            case "cut":
                self._cut.add(line["session"])
            case "restart":
                self._restarted_ns = line["ns"]
            case "refused":
                yield f"line {number}: {line['who']} could not open it: {line['text']}"

    def _took(self, number: int, term: Term, line: Line) -> Iterator[str]:
        before = self._current
        ended = before in self._over or self._session in self._cut or self._since_ns < self._restarted_ns
        if before is not None and not ended:
            yield f"line {number}: {term} has the lease while {before} has it"
        self._current, self._head, self._begun = term, line["head"], False
        self._session, self._since_ns = line["session"], line["ns"]

    def _send(self, number: int, term: Term, line: Line) -> Iterator[str]:
        if line["id"] in self._sent:
            yield f"line {number}: {line['id']} was sent twice"
        self._sent.add(line["id"])
        if term == self._current:
            self._begun = True
            return
        if line["seq"] > self._head:
            yield f"line {number}: {term} sent {line['id']}, of which {self._current} knows nothing, who has the lease"
        if self._begun:
            yield f"line {number}: {term} sent {line['id']} while {self._current} sends"
        if term in self._late:
            yield f"line {number}: {term} sent a second order after it had lost the lease"
        self._late.add(term)


def _recorded(lines: Sequence[Line], url: str) -> Iterator[str]:
    """The ledger is sound, and has the intent of each order that was sent."""
    yield from verify(url).problems
    with closing(Reader.open(url)) as reader:
        intended = {row[0] for row in reader.tally("intents", "client_order_id")}
    for line in lines:
        if line["what"] == "sent" and line["id"] not in intended:
            yield f"{line['id']} was sent without an intent"
