"""The lease: one process alone writes to an account's ledger, and is the one that trades it."""

import fcntl
import os
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol, final

import psutil
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from gamma.errors import ConfigInvalid, InvariantBroken, LedgerInUse
from gamma.ledger.connections import file_of, open_writer

# How far the times that the kernel gives of a process and of a file may be apart.
_CLOCK_S: Final = 2.0
# Advisory locks are numbers within one database, which is one account's.
_KEY: Final = int.from_bytes(sha256(b"gamma ledger").digest()[:8], signed=True)


def holder(url: str) -> int | None:
    """The process that holds the lease of a SQLite ledger; None where none does, or it is another database.

    The lock itself is left alone: whoever tried it, even for a moment, could keep a daemon from starting. The
    process that wrote its number lives still when it was there before it wrote.
    """
    path = file_of(url)
    if path is None:
        return None
    lock = path.with_name(path.name + ".lock")
    try:
        process = psutil.Process(int(lock.read_text()))
        return process.pid if process.create_time() <= lock.stat().st_mtime + _CLOCK_S else None
    except (OSError, ValueError, psutil.Error):
        return None


class Lease(Protocol):
    """Held until it is closed, or the process ends."""

    def check(self) -> None: ...
    def close(self) -> None: ...


def hold(url: str) -> Lease:
    """Take the lease of a ledger.

    Raises: ConfigInvalid naming the process that holds it.
    """
    path = file_of(url)
    if path is not None:
        return FileLease(path)
    return Unshared() if make_url(url).get_backend_name() == "sqlite" else AdvisoryLease(url)


@final
class Unshared:
    """A ledger in memory, which no other process can see."""

    def check(self) -> None: ...
    def close(self) -> None: ...


@final
class FileLease:
    """A lock on a file beside the database; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        name = path.with_name(path.name + ".lock")
        try:
            self._file = os.fdopen(os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        except OSError as error:
            raise ConfigInvalid(
                f"database: {path} cannot be written beside ({error.strerror}); make its folder"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = self._file.read().strip() or "unknown"
            self._file.close()
            raise LedgerInUse(f"database: {path} is in use by process {pid}; two may not share a ledger") from error
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def check(self) -> None: ...

    def close(self) -> None:
        """Let another process in."""
        self._file.close()


@final
class AdvisoryLease:
    """A lock of PostgreSQL's on a connection of its own; the server lets go of it when that connection ends."""

    def __init__(self, url: str) -> None:
        self._db = open_writer(url)
        if not self._ask("SELECT pg_try_advisory_lock(:key)"):
            pid = self._ask(
                "SELECT max(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND ((classid::bigint << 32) | objid::bigint) = :key"
            )
            self._db.close()
            raise LedgerInUse(f"database: it is in use by the server's process {pid}; two may not share a ledger")

    def check(self) -> None:
        """See that the server still holds it for us.

        Raises: InvariantBroken when the connection went, and with it the lease.
        """
        try:
            held = self._ask(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
                " AND ((classid::bigint << 32) | objid::bigint) = :key"
            )
        except SQLAlchemyError as error:
            raise InvariantBroken(f"I11: the lease of the account is lost: {error}") from error
        if not held:
            raise InvariantBroken("I11: the lease of the account is lost")

    def close(self) -> None:
        """Let another process in."""
        self._db.close()

    def _ask(self, query: str) -> object:
        return self._db.execute(text(query), {"key": _KEY}).scalar()
