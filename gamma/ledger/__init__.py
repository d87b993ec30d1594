"""The ledger: every fact on disk before anything is sent, chained, and checked."""

from gamma.ledger.connections import free_bytes, sqlite_notes
from gamma.ledger.outbox import Alert, Outbox
from gamma.ledger.records import Look, Run
from gamma.ledger.store import Ledger

__all__ = ["Alert", "Ledger", "Look", "Outbox", "Run", "free_bytes", "sqlite_notes"]
