"""`verify`: every event against the chain, and every other row against the event that it was made from."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final, final

from sqlalchemy import Connection, CursorResult, Table, select
from sqlalchemy.exc import DBAPIError

from gamma.codec import plain, rebuild
from gamma.errors import ConfigInvalid, Corrupt
from gamma.ledger import chain, schema, tables
from gamma.ledger.connections import open_reader
from gamma.ledger.indexes import Context, Row, Rows, columns, index_rows
from gamma.ledger.records import KEPT, Kept

PROBLEMS_MAX: Final = 100
_loads: Final = json.JSONDecoder().decode
Event = tuple[int, int, int, str, str, bytes]
# Sees each event as it passes by: its number, when it was recorded [ns], and what it says.
Onlooker = Callable[[int, int, Kept], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check found: each problem names its table and row; none is a sound ledger."""

    events: int
    seconds: float
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a check in pieces has come: the last event's number and hash, and the start that it fell into."""

    seq: int
    sha256: bytes
    epoch: int


def verify(url: str, look: Onlooker | None = None) -> Report:
    """Check a whole ledger, from one consistent look at it; a daemon may write meanwhile.

    At most 100 problems are told. `look` sees every event that can be read.
    Raises: ConfigInvalid when there is no ledger, or its schema is not this gamma's.
    """
    started = time.monotonic()
    try:
        count, problems = _examine(url, look)
    except Corrupt as error:
        count, problems = 0, [f"file: {error}"]
    return Report(events=count, seconds=time.monotonic() - started, problems=tuple(problems[:PROBLEMS_MAX]))


def verify_piece(db: Connection, after: Reached, events_max: int, look: Onlooker) -> tuple[Reached, list[str]]:
    """Check the next events with their rows, on an open connection; gives how far it came, and what is wrong.

    Where nothing is left to check it comes no further than `after`.
    """
    check = _Check(db, look)
    reached = check.piece(after, events_max)
    check.close()
    return reached, check.problems


def beginning(db: Connection) -> Reached:
    """Where the chain of this ledger begins."""
    owner = db.execute(select(tables.meta)).one()
    return Reached(seq=0, sha256=chain.genesis(owner.account, owner.mode, owner.created_utc_ns), epoch=0)


def _examine(url: str, look: Onlooker | None) -> tuple[int, list[str]]:
    """How many events, and what is wrong."""
    with closing(open_reader(url)) as db:
        schema.check(schema.version(db))
        db.exec_driver_sql("BEGIN" if db.dialect.name == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ")
        check = _Check(db, look)
        check.run()
        check.close()
    return check.count, check.problems


@final
class _Check:
    """One pass over the events, with each index table read beside it in the same order."""

    def __init__(self, db: Connection, look: Onlooker | None) -> None:
        self.count = 0
        self.problems: list[str] = []
        self._db = db
        self._look = look
        self._context = Context(account="")
        self._indexes: dict[str, _Index] = {}
        self._results: list[CursorResult[Any]] = []

    def run(self) -> None:
        """Look at the file first: in a damaged one no row can be trusted."""
        try:
            self._file()
            if not self.problems:
                self._rows()
        except (DBAPIError, UnicodeDecodeError) as error:
            self._tell(f"file: {error.orig if isinstance(error, DBAPIError) else error}")

    def piece(self, after: Reached, events_max: int) -> Reached:
        """The next events after those, each with its rows."""
        rows = list(self._read(tables.events, after.seq, events_max=events_max))
        if not rows:
            return after
        self._context = Context(account=self._db.execute(select(tables.meta.c.account)).scalar_one(), epoch=after.epoch)
        last = rows[-1][0]
        self._indexes = {t.name: _Index(t, self._read(t, after.seq, last)) for t in tables.INDEXES}
        seq, before = after.seq, after.sha256
        for row in rows:
            self._event(row, seq, before)
            seq, before = row[0], bytes(row[5])
        for index in self._indexes.values():
            self.problems += index.rest()
        return Reached(seq=seq, sha256=before, epoch=self._context.epoch)

    def _file(self) -> None:
        if self._db.dialect.name == "sqlite":
            found = [row[0] for row in self._db.exec_driver_sql("PRAGMA integrity_check(10)")]
            self.problems += [f"file: {line}" for line in found if line != "ok"]

    def _rows(self) -> None:
        owner = self._db.execute(select(tables.meta)).first()
        if owner is None:
            self._ownerless()
            return
        self._indexes = {t.name: _Index(t, self._read(t)) for t in tables.INDEXES}
        self._context.account = owner.account
        seq, before = 0, chain.genesis(owner.account, owner.mode, owner.created_utc_ns)
        for row in self._read(tables.events):
            if len(self.problems) >= PROBLEMS_MAX:
                return
            self._event(row, seq, before)
            self.count += 1
            seq, before = row[0], bytes(row[5])
        self._ends(seq, before)
        self._triggers()

    def _ownerless(self) -> None:
        """A start may have ended between making the tables and writing whose they are: then nothing is lost.

        Raises: ConfigInvalid where that is so.
        """
        if self._db.execute(select(tables.events.c.seq).limit(1)).first() is None:
            raise ConfigInvalid("database: no account has it yet; start the daemon once")
        self._tell("meta: the row is missing")

    def _event(self, row: Event, seq_before: int, before: bytes) -> None:
        seq, kind, payload = row[0], row[3], row[4]
        if seq != seq_before + 1:
            missing = f"{seq_before + 1}" if seq == seq_before + 2 else f"{seq_before + 1} to {seq - 1}"
            self._tell(f"events {missing}: missing")
        elif chain.link(before, row[:5]) != bytes(row[5]):
            self._tell(f"events {seq}: its hash is not that of its columns and of the row before")
        tree = self._tree(seq, payload)
        if tree is None:
            return
        for name, wanted in self._made(seq, kind, tree):
            self.problems += self._indexes[name].match(seq, wanted)
        if self._look is not None and kind in KEPT:
            with suppress(Corrupt):  # told already
                self._look(seq, row[2], rebuild(KEPT[kind], tree))

    def _tree(self, seq: int, payload: str) -> Any:
        try:
            return _loads(payload)
        except ValueError as error:
            self._tell(f"events {seq}: its payload cannot be read: {error}")
            return None

    def _made(self, seq: int, kind: str, tree: Any) -> Rows:
        try:
            return index_rows(kind, tree, self._context)
        except KeyError:  # written before a field was added: its default stands in for it
            return self._made_anew(seq, kind, tree)
        except (TypeError, AttributeError) as error:
            self._tell(f"events {seq}: its payload cannot be read: {error}")
            return []

    def _made_anew(self, seq: int, kind: str, tree: Any) -> Rows:
        try:
            return index_rows(kind, plain(rebuild(KEPT[kind], tree)), self._context)
        except (KeyError, Corrupt) as error:
            self._tell(f"events {seq}: its payload cannot be read: {error}")
            return []

    def _ends(self, seq: int, digest: bytes) -> None:
        for index in self._indexes.values():
            self.problems += index.rest()
        head = self._db.execute(select(tables.head.c.seq, tables.head.c.sha256)).first()
        if head is None or (head.seq, bytes(head.sha256)) != (seq, digest):
            said = "nothing" if head is None else f"event {head.seq}, {bytes(head.sha256).hex()[:12]}"
            self._tell(f"head 1: it says that {said} is the last, and events ends with {seq}, {digest.hex()[:12]}")

    def _triggers(self) -> None:
        if self._db.dialect.name != "sqlite":
            query = (
                "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
                " WHERE relnamespace = current_schema()::regnamespace AND tgenabled <> 'D'"
            )
        else:
            query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        there = {row[0] for row in self._db.exec_driver_sql(query)}
        for table in tables.TABLES:
            for name in (f"{table.name}_no_update", f"{table.name}_no_delete"):
                if name not in there:
                    self._tell(f"{table.name}: its trigger {name} is missing")

    def _read(self, table: Table, after: int = 0, until: int = 0, events_max: int = 0) -> Iterator[Any]:
        """Rows in their order; in plain SQL, for there are a dozen tables to ask at each start, and most are short."""
        names = [c.name for c in table.columns] if table is tables.events else ["seq", *columns(table)]
        keys = ", ".join(c.name for c in table.primary_key.columns)
        bounds = ([f"seq > {after}"] if after else []) + ([f"seq <= {until}"] if until else [])
        where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        limit = f" LIMIT {events_max}" if events_max else ""
        query = f"SELECT {', '.join(names)} FROM {table.name}{where} ORDER BY {keys}{limit}"  # noqa: S608  (our own)
        whole = not (until or events_max)
        options = {"stream_results": True, "yield_per": 1000} if whole else {}
        result = self._db.exec_driver_sql(query, execution_options=options)
        self._results.append(result)
        return iter(result)

    def close(self) -> None:
        """Let go of what was not read to its end."""
        for result in self._results:
            result.close()

    def _tell(self, problem: str) -> None:
        self.problems.append(problem)


@final
class _Index:
    """The rows of one table, taken one by one as the events that made them pass by."""

    def __init__(self, table: Table, rows: Iterator[Row]) -> None:
        self._name = table.name
        self._names = columns(table)
        self._rows = rows
        self._next = next(rows, None)

    def match(self, seq: int, wanted: Row) -> list[str]:
        """Take the row that event `seq` made, and tell how it differs."""
        problems = self._skip(seq)
        if self._next is None or self._next[0] > seq:
            return [*problems, f"{self._name} {seq}: missing, though event {seq} made it"]
        found = tuple(self._next[1:])
        self._next = next(self._rows, None)
        return problems if found == wanted else [*problems, self._differ(seq, found, wanted)]

    def _differ(self, seq: int, found: Row, wanted: Row) -> str:
        pairs = zip(self._names, found, wanted, strict=True)
        wrong = [f"{name} is {_short(a)}, the event says {_short(b)}" for name, a, b in pairs if a != b]
        part = f", part {wanted[0]}" if self._names[0] == "part" else ""
        return f"{self._name} {seq}{part}: {', '.join(wrong)}"

    def rest(self) -> list[str]:
        """What is left when all events have passed."""
        return self._skip(None)

    def _skip(self, seq: int | None) -> list[str]:
        problems: list[str] = []
        while self._next is not None and (seq is None or self._next[0] < seq) and len(problems) < PROBLEMS_MAX:
            problems.append(f"{self._name} {self._next[0]}: no event made this row")
            self._next = next(self._rows, None)
        return problems


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
