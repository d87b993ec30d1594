"""Ways into the database: one connection that writes, and any number that only read."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from gamma.errors import ConfigInvalid, GammaError, LedgerFailed
from gamma.ledger.faults import cause, typed
from gamma.mends import mend, of_machine

Pragmas = Mapping[str, tuple[str, object]]

BUSY_TIMEOUT_MS: Final = 2_000
_WRITER_PRAGMAS: Final[Pragmas] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
    "trusted_schema": ("OFF", 0),
    "busy_timeout": (str(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS),
    "temp_store": ("MEMORY", 2),
    "recursive_triggers": ("ON", 1),
}
_READER_PRAGMAS: Final[Pragmas] = {
    "query_only": ("ON", 1),
    "trusted_schema": ("OFF", 0),
    "busy_timeout": (str(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS),
}


# A session that asks for less would lose acknowledged commits with the server's power. A host that has gone
# holds its lock for a minute, not for the two hours after which a server asks by default.
_WRITER_SETTINGS: Final = {
    "synchronous_commit": "on",
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "4",
    "idle_in_transaction_session_timeout": "0",
}
_NAME_LEN_MAX: Final = 63
_SCHEMA: Final = "schema"
_PASSING: Final = ("starting up", "shutting down", "not yet accepting", "in recovery mode", "too many", "slots are")


def file_of(url: str) -> Path | None:
    """The database file of a SQLite URL; None in memory, and for another database."""
    parsed = make_url(url)
    name = parsed.database
    if parsed.get_backend_name() != "sqlite" or not name or name == ":memory:":
        return None
    return Path(name)


def schema_of(url: str) -> str:
    """The schema of a server's database that the ledger lies in, as `?schema=apex1` has it; "" for the server's own."""
    found = make_url(url).query.get(_SCHEMA, "")
    return found if isinstance(found, str) else found[-1]


def free_bytes(url: str) -> int | None:
    """Free space where the ledger grows [bytes]; None where it is not a file of this machine."""
    path = file_of(url)
    return None if path is None else shutil.disk_usage(path.absolute().parent).free


def sqlite_notes(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> tuple[str, ...]:
    """What is to be known of this SQLite: before 3.51.3 a WAL may break under two writers, of which we have one."""
    fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    if fixed:
        return ()
    name = ".".join(map(str, version[:3]))
    return (f"SQLite {name} can corrupt a WAL that two processes write to: only the daemon may write to the ledger",)


def open_writer(url: str) -> Connection:
    """The connection that writes; it neither begins nor commits by itself.

    Raises: ConfigInvalid when it cannot be opened or a pragma does not hold; LedgerFailed when the disk or the
    machine refuses for now; Corrupt when it is damaged.
    """
    path = file_of(url)
    if path is not None:
        url = make_url(url).set(database=str(path.absolute())).render_as_string(hide_password=False)
    return _connect(url, _WRITER_PRAGMAS if make_url(url).get_backend_name() == "sqlite" else {})


def open_reader(url: str) -> Connection:
    """A connection that cannot write.

    Raises: ConfigInvalid when there is no such database; Corrupt when it is damaged.
    """
    path = file_of(url)
    if path is None:
        return _connect(url, {}, read_only=True)
    if not path.is_file():
        raise ConfigInvalid(f"database: there is no {path}; start the daemon once, or name the right file")
    return _connect(f"sqlite:///file:{_quoted(path.absolute())}?mode=ro&uri=true", _READER_PRAGMAS)


def own_schema(db: Connection) -> str:
    """The schema that a connection was told to work in; "" for the server's own."""
    return str(db.info.get(_SCHEMA, ""))


def quoted_name(name: str) -> str:
    """A name as the server reads it: one with a hyphen in it too."""
    return '"' + name.replace('"', '""') + '"'


def _quoted(path: Path) -> str:
    return path.as_uri().removeprefix("file://")


def _connect(url: str, pragmas: Pragmas, *, read_only: bool = False) -> Connection:
    engine = _engine(url, tuple(pragmas.items()), read_only)
    try:
        return engine.connect()
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _refused(engine.url.render_as_string(), file_of(url), cause(error)) from error


@lru_cache(maxsize=32)
def _engine(url: str, pragmas: tuple[tuple[str, tuple[str, object]], ...], read_only: bool) -> Engine:
    """It keeps no connection, but what it compiled: a daemon that starts again in this process need not do so again."""
    sqlite = make_url(url).get_backend_name() == "sqlite"
    arguments = {"isolation_level": None} if sqlite else _server_arguments(url)
    schema, plain = schema_of(url), make_url(url).difference_update_query([_SCHEMA])
    engine: Engine = create_engine(plain, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    in_memory = sqlite and file_of(url) is None

    @event.listens_for(engine, "connect")
    def _set(raw: Any, record: Any) -> None:
        if sqlite:
            raw.execute("PRAGMA schema_version")  # SQLite opens the file only when it is first asked something
        for name, (value, held) in pragmas:
            raw.execute(f"PRAGMA {name} = {value}")
            got = raw.execute(f"PRAGMA {name}").fetchone()[0]
            if got != held and not (in_memory and name == "journal_mode"):
                raise ConfigInvalid(f"database: SQLite says {name} = {got!r}, not {held!r}; is it on a network disk?")
        if not sqlite:
            settings = {"default_transaction_read_only": "on"} if read_only else _WRITER_SETTINGS
            for name, value in settings.items():
                raw.execute(f"SET {name} = {value}")
            record.info[_SCHEMA] = schema
            if schema:  # and no other: a table that is missing here must not be found in another's
                raw.execute(f"SET search_path = {quoted_name(schema)}")

    return engine


def _server_arguments(url: str) -> dict[str, Any]:
    """Each statement commits by itself unless we begin; the session says who it is to whoever finds it in the way."""
    ours = {"connect_timeout": 10, "application_name": session_name(os.getpid())}
    return {"autocommit": True, **{key: value for key, value in ours.items() if key not in make_url(url).query}}


def session_name(pid: int) -> str:
    """How a process of this machine is called at the server."""
    return f"gamma, process {pid} on {socket.gethostname()}"[:_NAME_LEN_MAX]


def _refused(shown: str, path: Path | None, below: Exception) -> GammaError:
    """What is wrong with the setting is told as that; all else may be well at the next start."""
    code = getattr(below, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN and path is not None:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            if not of_machine(error):
                return ConfigInvalid(f"database: {shown} cannot be opened: {mend(error)}")
    if code and code not in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB):
        return typed(below)
    if hasattr(below, "sqlstate") and not _answered(str(below)):
        return LedgerFailed(f"database: {shown} cannot be reached: {below}")
    return ConfigInvalid(f"database: {shown} cannot be opened: {below}")


def _answered(text: str) -> bool:
    """Whether the server said no for good: no such user, no such database. No state comes with a refused connection."""
    return "FATAL:" in text and not any(word in text for word in _PASSING)
