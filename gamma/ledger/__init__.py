"""The ledger: every fact on disk before anything is sent, chained, and checked."""

from gamma.ledger.backup import backup
from gamma.ledger.connections import file_of, free_bytes, sqlite_notes
from gamma.ledger.outbox import Alert, Outbox
from gamma.ledger.reader import EVERY, Reader, Record, Wanted
from gamma.ledger.records import Look, Run
from gamma.ledger.restore import Restored, restore
from gamma.ledger.store import Ledger
from gamma.ledger.upgrade import Upgraded, upgrade
from gamma.ledger.verify import Report, verify

__all__ = [
    "EVERY",
    "Alert",
    "Ledger",
    "Look",
    "Outbox",
    "Reader",
    "Record",
    "Report",
    "Restored",
    "Run",
    "Upgraded",
    "Wanted",
    "backup",
    "file_of",
    "free_bytes",
    "restore",
    "sqlite_notes",
    "upgrade",
    "verify",
]
