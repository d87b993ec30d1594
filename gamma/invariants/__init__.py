"""Invariants: what must hold after every event, looked at by other code than that which sees to it.

`of_book` takes the book alone, `Audit` the ledger event by event, `of_broker` what the broker says. They give what
they find as values, and raise nothing. The simulation asks them after every event; the daemon at its start and
every hour, and what it finds halts it for good; `gamma doctor` whenever a person wants to know.
"""

from gamma.invariants.audit import Audit
from gamma.invariants.book import of_book
from gamma.invariants.broker import of_broker
from gamma.invariants.violations import INVARIANTS, Invariant, Violation

__all__ = ["INVARIANTS", "Audit", "Invariant", "Violation", "of_book", "of_broker"]
