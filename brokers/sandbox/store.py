"""The file that a sandbox keeps its account in: entries of one kind, written before anybody is told of them."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Generic, TypeVar, final

from pydantic import TypeAdapter

from gamma.errors import ConfigInvalid

E = TypeVar("E")


@final
class EntryStore(Generic[E]):
    """An account on disk, or in memory without a path. What has the key of an earlier entry takes its place.

    Several stores may share a file under names of their own.

    Raises: ConfigInvalid when the file is no sandbox's, or another account's.
    """

    def __init__(
        self, path: Path | None, account: str, entries: TypeAdapter[E], key: Callable[[E], str], name: str = "entries"
    ) -> None:
        assert name.isidentifier()  # noqa: S101  (it goes into SQL)
        self._entries, self._key, self._name = entries, key, name
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY) STRICT")
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (key TEXT PRIMARY KEY, entry TEXT) STRICT")
            names = [name for (name,) in self._connection.execute("SELECT name FROM account")]
            if not names:
                self._connection.execute("INSERT INTO account VALUES (?)", (account,))
        except sqlite3.DatabaseError as error:
            raise ConfigInvalid(f"{path}: is no sandbox's file ({error}); name another one with --state") from error
        if names and names != [account]:
            raise ConfigInvalid(f"{path}: is of the account {names[0]}, not {account}; name another one with --state")

    def save(self, entries: Sequence[E]) -> None:
        """Write all of these, or none."""
        rows = [(self._key(entry), self._entries.dump_json(entry).decode()) for entry in entries]
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN")
            cursor.executemany(
                f"INSERT INTO {self._name} VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET entry = excluded.entry",  # noqa: S608
                rows,
            )
            cursor.execute("COMMIT")

    def load(self) -> Iterator[E]:
        """Everything, in the order in which it began."""
        for (entry,) in self._connection.execute(f"SELECT entry FROM {self._name} ORDER BY rowid"):  # noqa: S608
            yield self._entries.validate_json(entry)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
