"""The conduct that a ledger tells."""

from collections.abc import Mapping
from heapq import merge
from operator import itemgetter
from typing import Final

from gamma.compliance.conduct import Conduct
from gamma.compliance.facts import of_facts
from gamma.history import History
from gamma.ledger import Reader
from gamma.markets import Market

# What a rule speaks of; of the rest it need not know.
_TOLD: Final = ("OrderIntended", "OrderAccepted", "OrderRejected", "OrderAbsent", "OrderFilled", "OrderCanceled")


def of_ledger(reader: Reader, markets: Mapping[str, Market], history: History) -> Conduct:
    """What the account of a ledger held and had at work, beside its history."""
    with reader.at_once():
        numbered = merge(reader.every(*_TOLD), reader.every_mark(), key=itemgetter(0))
        return of_facts(numbered, markets, history, traded_by=reader.mode)
