"""`backup`: a copy of the ledger while the daemon writes, believed only after it was checked."""

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from gamma.errors import Corrupt, InputInvalid
from gamma.ledger.connections import file_of, schema_of
from gamma.ledger.verify import Report, verify

_PART: Final = ".part"


def backup(url: str, target: Path, *, rows: bool = True) -> Report:
    """Copy the ledger to `target`, check the copy, and only then give it its name.

    Without `rows` only the file is checked: rows of an older schema cannot be.
    Raises: InputInvalid when it cannot be copied there; Corrupt when the copy does not pass its check.
    """
    source = file_of(url)
    if source is None:
        raise InputInvalid(
            f"database: {make_url(url).get_backend_name()} is backed up with its own tools ({_dump(url)}), not by gamma"
        )
    if not source.is_file():
        raise InputInvalid(f"database: there is no {source} to back up")
    if target.exists():
        raise InputInvalid(f"{target} is there already; a backup overwrites nothing, name another file")
    part = target.with_name(f".{target.name}{_PART}")
    part.unlink(missing_ok=True)
    try:
        copied(source, part)
        report = checked(part, rows=rows)
        part.rename(target)
        synced(target.absolute().parent)
    except OSError as error:
        raise InputInvalid(f"{target} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return report


def _dump(url: str) -> str:
    """What takes a backup of this ledger alone, where several share a server's database."""
    schema = schema_of(url)
    return f"pg_dump --schema='\"{schema}\"'" if schema else "pg_dump"


def kept(folder: Path, account: str, count: int) -> list[Path]:
    """Remove this account's oldest backups in the folder but the newest `count`, 0 for all; gives those removed."""
    named = re.compile(rf"{re.escape(account)}-\d{{8}}T\d{{6}}Z\.db")
    own = sorted(one for one in folder.iterdir() if named.fullmatch(one.name))
    gone = own[:-count] if count else []
    for one in gone:
        one.unlink()
    return gone


def copied(source: Path, part: Path) -> None:
    """Copy a ledger's file, in use or not, and have it on disk.

    Raises: InputInvalid when one cannot be opened or written; Corrupt when the ledger is damaged.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reader,
            closing(sqlite3.connect(part)) as copy,
        ):
            reader.backup(copy)
            # The copy is one file that stands alone, and can be read from a disk that cannot be written to.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise InputInvalid(f"a copy of {source} cannot be written to {part.parent}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Corrupt(f"{source} cannot be copied: {error}") from error
    part.chmod(0o600)
    synced(part)


def checked(part: Path, *, rows: bool = True) -> Report:
    """Check a copy whole; without `rows` the file alone.

    Raises: Corrupt when it is not sound.
    """
    if rows:
        report = verify(f"sqlite:///{part}")
    else:
        with closing(sqlite3.connect(f"{part.absolute().as_uri()}?mode=ro", uri=True)) as copy:
            found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        report = Report(events=0, seconds=0.0, problems=() if found == "ok" else (found,))
    if not report.sound:
        raise Corrupt(f"the copy of the ledger fails its check, and was not kept: {report.problems[0]}")
    return report


def synced(path: Path) -> None:
    """Have a file, or the names in a folder, on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
