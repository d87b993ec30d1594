"""`restore`: a backup in the place of the ledger, with what was there kept aside, and what the backup does not know."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

from gamma.errors import GammaError, InputInvalid
from gamma.ledger.backup import checked, copied, synced
from gamma.ledger.connections import file_of
from gamma.ledger.lease import FileLease
from gamma.ledger.reader import EVERY, Reader, Record
from gamma.ledger.verify import Report

# The file first: a new one beside an old WAL would be taken for the one that it belongs to.
_FILES: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What the ledger that was there knew beyond the backup: orders with their state, and how many fills and events."""

    events: int
    fills: int
    orders: tuple[Record, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What stands there now, and where the ledger lies that was there; `since` is None where it told nothing."""

    report: Report
    aside: Path | None
    since: Since | None


def restore(url: str, source: Path, *, account: str, mode: str) -> Restored:
    """Put a backup in the place of the ledger; whatever fails before the last step leaves the ledger as it was.

    Raises: LedgerInUse while a daemon holds it; InputInvalid when the backup is another account's, or cannot be read;
        Corrupt when it fails its check; ConfigInvalid when its schema is not this gamma's.
    """
    path = file_of(url)
    if path is None:
        raise InputInvalid("database: a server's database is restored with its own tools (pg_restore), not by gamma")
    path = path.resolve()
    if not source.is_file() or source.resolve() == path:
        raise InputInvalid(f"{source} is no backup; name a file that `gamma db backup` wrote")
    if not path.parent.is_dir():
        raise InputInvalid(f"database: there is no folder {path.parent}; make it first")
    part = path.with_name(f".{path.name}.restore")
    with closing(FileLease(path)):
        try:
            part.unlink(missing_ok=True)
            copied(source, part)
            report = checked(part)
            head = _head_of(part, account, mode)
            since = _since(path, head)
            aside = _put_aside(path)
            part.rename(path)
            synced(path.parent)
        finally:
            part.unlink(missing_ok=True)
    return Restored(report=report, aside=aside, since=since)


def _head_of(part: Path, account: str, mode: str) -> tuple[int, str]:
    with Reader.open(f"sqlite:///{part}") as reader:
        if (reader.account, reader.mode) != (account, mode):
            raise InputInvalid(
                f"the backup is of the {reader.mode} account {reader.account!r}, and the configuration is of the "
                f"{mode} account {account!r}; give each account its own"
            )
        return reader.head


def _since(path: Path, head: tuple[int, str]) -> Since | None:
    """What the ledger there knows beyond the backup; None where it cannot be read, or does not go on from it."""
    if not path.is_file():
        return None
    try:
        with Reader.open(f"sqlite:///{path}") as reader, reader.at_once():
            if head[0] and reader.hash_at(head[0]) != head[1]:
                return None
            orders = [order for order in reader.orders(EVERY) if order["seq"] > head[0]]
            fills = sum(fill["seq"] > head[0] for fill in reader.fills(EVERY))
            return Since(events=reader.head[0] - head[0], fills=fills, orders=tuple(orders))
    except (GammaError, ValueError):  # it may be damaged: that may be why a backup is wanted
        return None


def _put_aside(path: Path) -> Path | None:
    """Give the ledger that is there another name, with what SQLite keeps beside it."""
    there = [suffix for suffix in _FILES if path.with_name(path.name + suffix).exists()]
    if not there:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (f"{path.name}.before-{stamp}{f'.{n}' if n else ''}" for n in count())
    aside = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    for suffix in there:
        path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside
