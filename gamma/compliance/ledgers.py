"""The conduct that a ledger tells."""

from collections.abc import Iterator, Mapping
from heapq import merge
from operator import itemgetter
from typing import Final

from gamma.compliance.conduct import Conduct
from gamma.compliance.facts import of_facts
from gamma.events import Recorded
from gamma.history import History
from gamma.ledger import Reader
from gamma.markets import Market

_PAGE: Final = 10_000
# What a rule speaks of; of the rest it need not know.
_TOLD: Final = ("OrderIntended", "OrderAccepted", "OrderRejected", "OrderAbsent", "OrderFilled", "OrderCanceled")


def of_ledger(reader: Reader, markets: Mapping[str, Market], history: History) -> Conduct:
    """What the account of a ledger held and had at work, beside its history."""
    with reader.at_once():
        numbered = merge(_orders(reader), _marks(reader), key=itemgetter(0))
        return of_facts(numbered, markets, history, traded_by=reader.mode)


def _orders(reader: Reader) -> Iterator[tuple[int, Recorded]]:
    seq = 0
    while page := reader.events(seq, kinds=_TOLD, limit=_PAGE):
        yield from page  # type: ignore[misc]
        seq = page[-1][0]


def _marks(reader: Reader) -> Iterator[tuple[int, Recorded]]:
    seq = 0
    while page := reader.marks(seq, limit=_PAGE):
        yield from page
        seq = page[-1][0]
