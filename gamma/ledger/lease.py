"""The lease: one process alone writes to an account's ledger, and is the one that trades it."""

import fcntl
import os
import re
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol, final

import psutil
from sqlalchemy import Connection, make_url, text

from gamma.errors import ConfigInvalid, GammaError, InvariantBroken, LedgerFailed, LedgerInUse
from gamma.ledger.connections import file_of, open_reader, open_writer, own_schema, session_name
from gamma.ledger.faults import reading, typed
from gamma.mends import mend, of_machine

# How far the times that the kernel gives of a process and of a file may be apart.
_CLOCK_S: Final = 2.0
# Advisory locks are numbers within one database: each of its ledgers has a number of its own, by its schema.
_LEDGER: Final = "gamma ledger"
_COMMON: Final = "public"
_ITS_LOCK: Final = "locktype = 'advisory' AND granted AND objsubid = 1 AND ((classid::bigint << 32) | objid::bigint)"
_HELD: Final = f"SELECT 1 FROM pg_locks WHERE {_ITS_LOCK} = %s AND pid = pg_backend_pid()"  # noqa: S608  (our own)
_HOLDER: Final = f"""SELECT application_name, pid FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE {_ITS_LOCK} = :key AND datname = current_database()"""  # noqa: S608  (our own)


def holder(url: str) -> int | None:
    """The process of this machine that holds the lease of a ledger; None where none does.

    The lock itself is left alone: whoever tried it, even for a moment, could keep a daemon from starting. The
    process that wrote its number lives still when it was there before it wrote; one that has ended, and that its
    parent has not asked after yet, holds nothing.
    """
    path = file_of(url)
    if path is None:
        return _at_server(url)
    lock = _lock_of(path)
    try:
        process = psutil.Process(int(lock.read_text()))
        ended = process.status() == psutil.STATUS_ZOMBIE
        same = process.create_time() <= lock.stat().st_mtime + _CLOCK_S
    except (OSError, ValueError, psutil.Error):
        return None
    return process.pid if same and not ended else None


def _at_server(url: str) -> int | None:
    """A session says whose it is; one of another machine's is none of ours."""
    if make_url(url).get_backend_name() == "sqlite":
        return None
    with suppress(GammaError), closing(open_reader(url)) as db, reading():
        found = db.execute(text(_HOLDER), {"key": _key_of(db)}).first()
        pid = re.match(r"gamma, process (\d+) on ", found.application_name) if found else None
        return int(pid[1]) if pid and found and found.application_name == session_name(int(pid[1])) else None
    return None


def _lock_of(path: Path) -> Path:
    """Beside the file itself, whichever link it was reached by: all its names share one lock."""
    real = path.resolve()
    return real.with_name(real.name + ".lock")


class Lease(Protocol):
    """Held until it is closed, or the process ends.

    `check` sees that it is held still.
    Raises: InvariantBroken when it is lost; LedgerFailed when that cannot be found out.
    """

    def check(self) -> None: ...
    def close(self) -> None: ...


def hold(url: str) -> tuple[Lease, Connection]:
    """Take the lease of a ledger, and open the one connection that writes to it.

    Raises: LedgerInUse naming the process that holds it; LedgerFailed when the machine refuses its file; as
    `open_writer`.
    """
    path = file_of(url)
    lease: Lease = Unshared() if path is None else FileLease(path)
    try:
        db = open_writer(url)
        if isinstance(lease, FileLease) and path is not None:
            lease.guard(path, path.with_name(path.name + "-wal"))
            lease.check()
    except BaseException:
        lease.close()
        raise
    return (lease, db) if db.dialect.name == "sqlite" else (AdvisoryLease(db), db)


@final
class Unshared:
    """A ledger in memory, which no other process can see."""

    def check(self) -> None: ...
    def close(self) -> None: ...


@final
class FileLease:
    """A lock on a file beside the database; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = _lock_of(path)
        self._guarded: dict[Path, tuple[int, int] | None] = {}
        try:
            self._file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        except OSError as error:
            raise _refused(self._path, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = self._file.read().strip() or "unknown"
            self._file.close()
            raise LedgerInUse(f"database: {path} is in use by process {pid}; two may not share a ledger") from error
        try:
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n")
            self._file.flush()
        except OSError as error:
            with suppress(OSError):  # closing writes what is left to be written
                self._file.close()
            raise _refused(self._path, error) from error

    def guard(self, *paths: Path) -> None:
        """See to these files as well from now on: what is written to one that has lost its name is gone with us."""
        self._guarded |= dict.fromkeys(paths)

    def check(self) -> None:
        """See that the locked file is still the one of that name: another process would lock what lies there now."""
        mine = os.fstat(self._file.fileno())
        try:
            there = self._path.stat()
        except OSError as error:
            raise InvariantBroken(f"I11: the lease of the account is lost: {error}") from error
        if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino):
            raise InvariantBroken(f"I11: the lease of the account is lost: somebody replaced {self._path}")
        for path, seen in self._guarded.items():
            self._guarded[path] = _still(path, seen)

    def close(self) -> None:
        """Let another process in."""
        self._file.close()


def _still(path: Path, seen: tuple[int, int] | None) -> tuple[int, int] | None:
    """Which file has this name, now as when it was first seen; SQLite makes the WAL only when it needs it.

    Raises: InvariantBroken where it is another one, or none any more.
    """
    try:
        there = path.stat()
    except FileNotFoundError:
        if seen is None:
            return None
        raise InvariantBroken(
            f"I6: {path} was deleted while the ledger was open; put it back, and start again"
        ) from None
    except OSError as error:
        raise InvariantBroken(f"I6: {path} cannot be found any more: {error}") from error
    if seen is not None and seen != (there.st_dev, there.st_ino):
        raise InvariantBroken(
            f"I6: {path} was replaced while the ledger was open; stop gamma before a ledger is put back"
        )
    return there.st_dev, there.st_ino


def _refused(name: Path, error: OSError) -> GammaError:
    text = f"database: {name} cannot be written: {mend(error)}"
    return LedgerFailed(text) if of_machine(error) else ConfigInvalid(text)


def _key_of(db: Connection) -> int:
    """The number of a ledger's lock; in the schema that every database has, the one that it has had from the first."""
    schema = own_schema(db) or db.execute(text("SELECT current_schema()")).scalar() or _COMMON
    name = _LEDGER if schema == _COMMON else f"{_LEDGER} {schema}"
    return int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)


@final
class AdvisoryLease:
    """A lock of PostgreSQL's on the very connection that writes; the server lets go of it when that ends.

    So whatever was committed was committed under the lease: a connection that is lost takes its open
    transaction with it before another can have the lock, and none that comes later can commit by it.
    """

    def __init__(self, db: Connection) -> None:
        self._raw: Any = db.connection.dbapi_connection
        self._faults = db.dialect.loaded_dbapi.Error
        with reading():
            self._key = _key_of(db)
            if db.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}).scalar():
                return
            found = db.execute(text(_HOLDER), {"key": self._key}).first()
        db.close()
        who = f"{found.application_name} (the server's process {found.pid})" if found else "another process"
        raise LedgerInUse(f"database: it is in use by {who}; two may not share a ledger")

    def check(self) -> None:
        """Ask the server, within the transaction that is open: behind a pool another session may answer."""
        try:
            held = self._raw.execute(_HELD, (self._key,)).fetchone()
        except self._faults as error:
            raise typed(error) from error
        if not held:
            raise InvariantBroken("I11: the lease of the account is lost: the server's session does not hold its lock")

    def close(self) -> None:
        """The lock goes with the connection, which is its opener's to close."""
