"""What a database's error means for the daemon."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, PendingRollbackError

from gamma.errors import AlreadyRecorded, Corrupt, GammaError, InvariantBroken, LedgerFailed
from gamma.mends import mend_sqlite

_DOUBLE: Final = (
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
)
# The low byte of SQLite's code is the kind of the error; the rest of it tells more, and grows with versions.
_KIND: Final = 0xFF
_BROKEN: Final = (
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_RANGE,
)
_TRANSIENT: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
)
# Its shared memory is a file like any other, and holds nothing that the WAL does not.
_SHARED_MEMORY: Final = (sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP)
# Classes of SQLSTATE: bad data, constraints, triggers; then no connection, rollback, in use, resources, shutdown, and
# a right that the user does not have: somebody can give it, and nothing is damaged.
_BROKEN_STATES: Final = ("22", "23", "P0")
_TRANSIENT_STATES: Final = ("08", "40", "55", "53", "57", "42501")
# Two rows of the chain with one number: somebody else wrote.
_CHAIN: Final = ("events.seq", "events_key")


def typed(error: Exception) -> GammaError:
    """The error of ours that says what to do about one of the database's."""
    text = str(error).strip()
    if _doubles(error):
        if any(name in text for name in _CHAIN):
            return Corrupt(f"the ledger was written to by somebody else: {text}")
        return AlreadyRecorded(f"the ledger holds this already: {text}")
    if _breaks(error):
        return InvariantBroken(f"the ledger refuses this: {text}")
    if _passes(error):
        return LedgerFailed(
            f"the ledger cannot be used now: {mend_sqlite(error)}; nothing is sent that is not recorded"
        )
    if _code(error) == sqlite3.SQLITE_READONLY_DBMOVED:
        return Corrupt("the ledger's file was moved or deleted under it: put it back")
    return Corrupt(f"the ledger failed: {type(error).__name__}: {mend_sqlite(error)}; then run: gamma db verify")


@contextmanager
def reading() -> Iterator[None]:
    """Reads that fail, fail with an error of ours.

    Raises: as `typed` says.
    """
    try:
        yield
    except (DBAPIError, PendingRollbackError) as error:
        raise typed(cause(error)) from error


def cause(error: Exception) -> Exception:
    """The database's own error, where there is one beneath."""
    below = error.orig if isinstance(error, DBAPIError) else None
    return below if isinstance(below, Exception) else error


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0))


def _state(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _doubles(error: Exception) -> bool:
    return _code(error) in _DOUBLE or _state(error) == "23505"


def _breaks(error: Exception) -> bool:
    wrong = isinstance(error, (OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError))
    return wrong or _code(error) & _KIND in _BROKEN or _state(error).startswith(_BROKEN_STATES)


def _passes(error: Exception) -> bool:
    if _code(error) == sqlite3.SQLITE_READONLY_DBMOVED:
        return False
    passes = _code(error) & _KIND in _TRANSIENT or _code(error) in _SHARED_MEMORY
    return passes or _state(error).startswith(_TRANSIENT_STATES) or _parted(error)


def _parted(error: Exception) -> bool:
    """Whether the server cannot be reached: no state comes with that; what follows on such a connection is refused."""
    silent = type(error).__name__ == "OperationalError" and getattr(error, "sqlstate", "") is None
    return silent or isinstance(error, PendingRollbackError)
