"""`Ledger`: the one way to write. Facts are appended in an open transaction, and are on disk after `commit`."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final, Self, final

from sqlalchemy import Connection, Select, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from gamma.codec import decode, plain, write
from gamma.effects import Tick
from gamma.errors import ConfigInvalid, Corrupt, InvariantBroken
from gamma.events import Recorded
from gamma.ledger import chain, schema, tables
from gamma.ledger.bulk import Bulk
from gamma.ledger.faults import reading, typed
from gamma.ledger.indexes import Context, Row, check_types, columns, index_rows
from gamma.ledger.lease import Lease, Unshared, hold
from gamma.ledger.outbox import Outbox
from gamma.ledger.records import FACTS, Kept, Look, Run
from gamma.ledger.starts import unclean_in_a_row
from gamma.ledger.verify import Onlooker, Reached, beginning, verify_piece
from gamma.notices import Notice

PAGE: Final = 5_000
_NO_FACTS: Final = ("Tick", "Notice", "Run", "Look")
_LAST_TICK: Final = "SELECT MAX(slot_utc_ns) FROM ticks WHERE strategy = ?"
_HASH: Final = "SELECT sha256 FROM events WHERE seq = ?"
_HAS_FILL: Final = "SELECT COUNT(*) FROM fills WHERE account = ? AND execution_id = ?"


@final
class Ledger:
    """The account's record; one process holds it.

    A step that breaks a rule of the database leaves nothing behind, and what stood open before it stays.
    When the transaction itself is lost (disk full, a failed write) the ledger takes nothing more: the
    book in memory knows facts that the disk does not, and only a restart brings them together.
    """

    def __init__(self, db: Connection, context: Context, mode: str, clock_ns: Callable[[], int]) -> None:
        self.account = context.account
        self.mode = mode
        self._db = db
        self._raw: Any = db.connection.dbapi_connection
        self._clock_ns = clock_ns
        self._context = context
        self._lease: Lease = Unshared()
        self._bulk: Bulk | None = None
        self._open = False
        self._lost = ""
        self._faults = (db.dialect.loaded_dbapi.Error, OverflowError)
        self._strict = db.dialect.name == "sqlite"
        self._begin_sql = schema.begin_sql(db)
        self._mark = mark = "?" if db.dialect.name == "sqlite" else "%s"
        self._inserts = {t.name: _insert(t.name, ("seq", *columns(t)), mark) for t in tables.INDEXES}
        self._inserts["events"] = _insert("events", tuple(c.name for c in tables.events.columns), mark)
        self._update_head = f"UPDATE head SET seq = {mark}, sha256 = {mark} WHERE id = 1"  # noqa: S608  (our own)
        self._seq, self._sha256 = _head(db)
        self.outbox = Outbox(self._rows, self._change)
        # Hears how long each commit took [s].
        self.committed: Callable[[float], None] | None = None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        account: str,
        mode: str,
        clock_ns: Callable[[], int] = time.time_ns,
        between: Callable[[Any], Any] = lambda raw: raw,
        bulk: bool = False,
    ) -> Self:
        """Open the ledger of an account for writing, and make it where there is none.

        In `bulk` rows wait in memory until there are many, or until `commit`: for what can be made again, and
        nobody reads back meanwhile. What fails then loses all that was not committed.

        `between` may put something between the ledger and the database's own connection: there the crash
        simulation lets a process die, or a disk fail.

        Raises: ConfigInvalid when another process holds it, or it is another account's, another mode's or
        another schema's; Corrupt when the chain does not end where it says.
        """
        with reading(), ExitStack() as undo:
            lease, db = hold(url)
            undo.callback(lease.close)
            undo.callback(db.close)
            schema.create(db)
            _stamp(db, account, mode, clock_ns())
            epoch = db.execute(select(func.max(tables.boots.c.epoch))).scalar() or 0
            ledger = cls(db, Context(account=account, epoch=epoch), mode, clock_ns)
            ledger._lease = lease
            ledger._raw = between(ledger._raw)
            ledger._bulk = Bulk(ledger._inserts) if bulk else None
            ledger._check_end()
            undo.pop_all()
        return ledger

    @property
    def head(self) -> tuple[int, str]:
        """Where the chain ends: the last event's number and hash."""
        return self._seq, self._sha256.hex()

    def append(self, facts: Sequence[Recorded], notices: Sequence[Notice] = (), ticks: Sequence[Tick] = ()) -> None:
        """Add what one step led to, all of it or nothing; it is on disk after the next `commit`.

        Raises: AlreadyRecorded when a slot was decided on, an order intended or an execution booked before;
        InvariantBroken when a rule of the tables is broken; LedgerFailed when the disk is full; Corrupt when
        the database fails, or failed before.
        """
        self._append([*facts, *ticks, *notices])
        if notices:
            self.outbox.noted()

    def register(self, record: Run | Look) -> None:
        """Add a run, or a look at test data, and commit.

        Raises: as `append` and `commit`.
        """
        self._append([record])
        self.commit()

    def commit(self) -> None:
        """Put what was appended on disk.

        Raises: LedgerFailed or Corrupt when it could not be, InvariantBroken when the lease is lost; then nothing of
        it stands.
        """
        self._check_whole()
        if not self._open:
            return
        began_s = time.perf_counter()
        try:
            self._lease.check()
            if self._bulk is not None:
                self._bulk.write(self._raw)
            self._raw.execute(self._update_head, (self._seq, self._sha256))
            self._raw.execute("COMMIT")
        except self._faults as error:
            self._lose(error)
            raise typed(error) from error
        except BaseException as error:  # a signal too: the next savepoint would commit by itself, and leave the head
            self._lose(error)
            raise
        self._open = False
        if self.committed is not None:
            self.committed(time.perf_counter() - began_s)

    def check_lease(self) -> None:
        """See that this process alone holds the ledger, the moment before something is sent.

        Raises: InvariantBroken when another may hold it; LedgerFailed when that cannot be found out.
        """
        self._check_whole()
        self._lease.check()

    def facts(self, after_seq: int = 0, *, without: Collection[type[Any]] = ()) -> Iterator[Recorded]:
        """The engine's facts after an event, oldest first, a page at a time; kinds in `without` are not even read.

        Raises: Corrupt when one cannot be read.
        """
        events = tables.events.c
        kinds = [*_NO_FACTS, *(c.__name__ for c in without)]
        query = select(events.seq, events.kind, events.payload).where(events.kind.not_in(kinds)).order_by(events.seq)
        while page := self._page(query.where(events.seq > after_seq)):
            for _, kind, payload in page:
                if kind not in FACTS:
                    raise Corrupt(f"no fact is called {kind!r}")
                yield decode(FACTS[kind], payload)
            after_seq = page[-1][0]

    def _page(self, query: Select[Any]) -> Sequence[Any]:
        """The first rows: a server's whole answer is held in memory, so it is asked for a part."""
        with reading():
            return self._db.execute(query.limit(PAGE)).fetchall()

    def last_tick(self, strategy: str) -> int | None:
        """The last slot that the strategy has decided on."""
        last: int | None = self._rows(_LAST_TICK, (strategy,))[0][0]
        return last

    def hash_at(self, seq: int) -> str:
        """The hash of one event; "" where there is none of this number."""
        found = self._rows(_HASH, (seq,))
        return bytes(found[0][0]).hex() if found else ""

    def unclean_starts(self, since_utc_ns: int) -> int:
        """How many starts in a row, recorded since then, came to no clean stop."""
        return unclean_in_a_row(self._rows, since_utc_ns)

    def has_fill(self, execution_id: str) -> bool:
        """Whether the execution is booked."""
        return bool(self._rows(_HAS_FILL, (self.account, execution_id))[0][0])

    def _rows(self, query: str, parameters: tuple[object, ...]) -> Sequence[Any]:
        """The rows of an answer that is wanted often, without the detour of building it; `?` stands for a value."""
        try:
            rows: Sequence[Any] = self._raw.execute(query.replace("?", self._mark), parameters).fetchall()
        except self._faults as error:
            raise typed(error) from error
        return rows

    def check(self, after: Reached | None, events_max: int, look: Onlooker) -> tuple[Reached, list[str]]:
        """Check the next events after those, of the chain's beginning on for None; `look` sees each of them.

        What is not committed yet is among them, so that the book in memory can be held against them.
        """
        with reading():
            return verify_piece(self._db, after or beginning(self._db), events_max, look)

    def close(self) -> None:
        """Commit, and let another process in."""
        try:
            if not self._lost:
                self.commit()
        finally:
            self._let_go()

    def abandon(self) -> None:
        """Let go as a process does that dies: what was not committed is gone."""
        if not self._db.closed:
            self._lose(InterruptedError("abandoned"))
        self._let_go()

    def _let_go(self) -> None:
        with suppress(SQLAlchemyError):  # a session that the server ended has nothing left to close
            self._db.close()
        self._lease.close()

    def _append(self, kept: Sequence[Kept]) -> None:
        if not kept:
            return
        self._check_whole()
        epoch = self._context.epoch
        try:
            rows, end = self._chained(kept)
            self._insert(rows)
        except BaseException:
            self._context.epoch = epoch
            raise
        self._seq, self._sha256 = end

    def _chained(self, kept: Sequence[Kept]) -> tuple[list[tuple[str, Row]], tuple[int, bytes]]:
        """The rows of these records, and where the chain ends after them."""
        seq, digest, now = self._seq, self._sha256, self._clock_ns()
        rows: list[tuple[str, Row]] = []
        for record in kept:
            seq += 1
            kind = type(record).__name__
            try:
                tree = plain(record)
                hashed = (seq, _ts(record), now, kind, write(tree))
            except (TypeError, AttributeError, ValueError) as error:
                raise InvariantBroken(f"the ledger cannot write this {kind}: {error}") from error
            digest = chain.link(digest, hashed)
            made = index_rows(kind, tree, self._context)
            if not self._strict:
                check_types(made)
            rows.append(("events", (*hashed, digest)))
            rows += [(table, (seq, *row)) for table, row in made]
        return rows, (seq, digest)

    def _insert(self, rows: Sequence[tuple[str, Row]]) -> None:
        if self._bulk is not None:
            self._keep_for_later(self._bulk, rows)
            return
        run = self._raw.execute
        try:
            self._begin()
            run("SAVEPOINT step")
            for table, row in rows:
                run(self._inserts[table], row)
            run("RELEASE step")
        except self._faults as error:
            self._undo(error)
            raise typed(error) from error
        except BaseException as error:  # a signal in the middle: half a step must not wait for the next commit
            self._undo(error)
            raise

    def _keep_for_later(self, bulk: Bulk, rows: Sequence[tuple[str, Row]]) -> None:
        try:
            self._begin()
            if bulk.add(rows):
                bulk.write(self._raw)
        except BaseException as error:
            self._lose(error)
            if isinstance(error, self._faults):
                raise typed(error) from error
            raise

    def _change(self, statement: str, parameters: tuple[object, ...]) -> None:
        """Note where an alert stands; on disk at once, or with the step that is open. `?` stands for a value."""
        self._check_whole()
        alone = not self._open
        try:
            self._begin()
            self._raw.execute(statement.replace("?", self._mark), parameters)
        except self._faults as error:
            self._lose(error)
            raise typed(error) from error
        if alone:
            self.commit()

    def _begin(self) -> None:
        if not self._open:
            self._raw.execute(self._begin_sql)
            self._open = True

    def _undo(self, error: BaseException) -> None:
        """Take back the step alone; where that cannot be done, all that was open is lost."""
        if not self._open:
            return
        try:
            self._raw.execute("ROLLBACK TO step")
            self._raw.execute("RELEASE step")
        except self._faults:
            self._lose(error)

    def _lose(self, error: BaseException) -> None:
        self._lost = str(error) or type(error).__name__
        with suppress(*self._faults):  # the database may have rolled back by itself
            self._raw.execute("ROLLBACK")
        self._open = False

    def _check_whole(self) -> None:
        if self._lost:
            raise Corrupt(
                f"the ledger lost what was not committed ({self._lost}); restart, and the broker is asked again"
            )

    def _check_end(self) -> None:
        events = tables.events.c
        last = self._db.execute(select(events.seq, events.sha256).order_by(events.seq.desc()).limit(1)).first()
        if last is not None and (last.seq, bytes(last.sha256)) != (self._seq, self._sha256):
            raise Corrupt(f"events ends at {last.seq}, but head says {self._seq}; run: gamma db verify")
        if last is None and self._seq:
            raise Corrupt(f"events is empty, but head says {self._seq}; run: gamma db verify")


def _head(db: Connection) -> tuple[int, bytes]:
    row = db.execute(select(tables.head.c.seq, tables.head.c.sha256)).first()
    if row is None:
        raise Corrupt("head is empty; run: gamma db verify")
    return row.seq, bytes(row.sha256)


def _insert(table: str, names: Sequence[str], mark: str) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join([mark] * len(names))})"  # noqa: S608  (our own names)


def _ts(record: Any) -> int:
    """When it happened: a tick is its slot's."""
    ts: int = record.slot_utc_ns if isinstance(record, Tick) else record.ts_event_utc_ns
    return ts


def _stamp(db: Connection, account: str, mode: str, now_utc_ns: int) -> None:
    """Say whose ledger it is, where nobody's name is in it yet."""
    owner = db.execute(select(tables.meta.c.account, tables.meta.c.mode)).first()
    if owner is None:
        db.exec_driver_sql(schema.begin_sql(db))
        db.execute(insert(tables.meta).values(id=1, account=account, mode=mode, created_utc_ns=now_utc_ns))
        db.execute(insert(tables.head).values(id=1, seq=0, sha256=chain.genesis(account, mode, now_utc_ns)))
        db.exec_driver_sql("COMMIT")
        return
    for name, wanted, held in (("account", account, owner.account), ("mode", mode, owner.mode)):
        if wanted != held:
            raise ConfigInvalid(f"database: it is a ledger of {name} {held!r}, not {wanted!r}; give each its own file")
