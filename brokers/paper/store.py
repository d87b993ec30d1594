"""The paper exchange on disk: orders and fills for ever, in one SQLite file.

Positions and money are not stored: they are what the fills add up to. Several processes may open the
file (the daemon, and the dead-man switch beside it); whoever writes looks first at what others wrote.
"""

import heapq
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import Final, final

from pydantic import TypeAdapter

from brokers.paper.exchange import Exchange
from brokers.paper.orders import PaperOrder
from gamma.errors import ConfigInvalid, Corrupt, Transient
from gamma.events import Fill, Intent, OrderState
from gamma.mends import mend_sqlite
from gamma.ports import BrokerOrder

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE account (
    account TEXT NOT NULL,
    starting_capital_microusd INTEGER NOT NULL
) STRICT;
CREATE TABLE tapes (
    market TEXT PRIMARY KEY,
    ts_bar_utc_ns INTEGER NOT NULL,
    ts_event_utc_ns INTEGER NOT NULL,
    price_ticks REAL
) STRICT;
CREATE TABLE orders (
    sequence INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL UNIQUE,
    intent TEXT NOT NULL,
    state TEXT NOT NULL,
    price_ticks INTEGER NOT NULL,
    ts_event_utc_ns INTEGER NOT NULL,
    triggered INTEGER NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE TABLE fills (
    sequence INTEGER PRIMARY KEY,
    execution_id TEXT NOT NULL UNIQUE,
    client_order_id TEXT NOT NULL REFERENCES orders (client_order_id),
    market TEXT NOT NULL,
    side INTEGER NOT NULL CHECK (side IN (1, -1)),
    lots INTEGER NOT NULL CHECK (lots > 0),
    price_ticks INTEGER NOT NULL,
    fee_microusd INTEGER NOT NULL,
    ts_event_utc_ns INTEGER NOT NULL
) STRICT;
"""
# What ended by itself, of no order. Files from before there was any get the table when something has.
_ENDINGS: Final = """
CREATE TABLE IF NOT EXISTS endings (
    sequence INTEGER PRIMARY KEY,
    execution_id TEXT NOT NULL UNIQUE,
    market TEXT NOT NULL,
    side INTEGER NOT NULL CHECK (side IN (1, -1)),
    lots INTEGER NOT NULL CHECK (lots > 0),
    price_ticks INTEGER NOT NULL,
    settled_microusd_per_lot INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    ts_event_utc_ns INTEGER NOT NULL
) STRICT
"""
_ENDING: Final = "execution_id, market, side, lots, price_ticks, settled_microusd_per_lot, opened_by, ts_event_utc_ns"
_FILL: Final = "execution_id, client_order_id, market, side, lots, price_ticks, fee_microusd, ts_event_utc_ns"
_ORDER: Final = "sequence, client_order_id, intent, state, price_ticks, ts_event_utc_ns, triggered, code, text"
# What is no database, or another program's.
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_INTENT: Final = TypeAdapter(Intent)


@final
class Store:
    """One connection to the file.

    Raises: ConfigInvalid when the file is another account's; Corrupt when it is damaged; Transient when the
        disk or the machine refuses for now.
    """

    def __init__(self, path: Path, account: str, starting_capital_microusd: int) -> None:
        self._path = path
        try:
            self._connection = _connect(path)
            self._stamp(account, starting_capital_microusd)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _DAMAGED:
                raise Corrupt(f"{path}: {error}; move the file away to begin a new paper account") from error
            raise Transient(f"paper broker: {path}: {mend_sqlite(error)}") from error
        self._seen = self._version()
        self._fills = 0

    def _stamp(self, account: str, starting_capital_microusd: int) -> None:
        self.begin()
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO account VALUES (?, ?)", (account, starting_capital_microusd))
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            version = _VERSION
        self.commit()
        if version != _VERSION:
            raise ConfigInvalid(f"{self._path}: written by another version of gamma (schema {version}); move it away")
        stamped = self._connection.execute("SELECT account, starting_capital_microusd FROM account").fetchone()
        if stamped != (account, starting_capital_microusd):
            raise ConfigInvalid(
                f"{self._path}: belongs to paper account {stamped[0]!r} with {stamped[1]} micro-dollars, "
                f"not to {account!r} with {starting_capital_microusd}; name another file, or move this one away"
            )

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def changed_elsewhere(self) -> bool:
        """Whether another process has written since this one last loaded."""
        return self._version() != self._seen

    def begin(self, *, durable: bool = True) -> None:
        """Take the file for writing; what is not `durable` outlives the process, but perhaps not a power cut."""
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make what was saved durable."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Drop what was saved since `begin`."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def save(self, exchange: Exchange) -> bool:
        """Write what changed; False where nothing did."""
        new_fills = exchange.fills[self._fills :]
        if not exchange.changed and not new_fills and not exchange.touched:
            return False
        run = self._connection
        run.executemany(
            f"INSERT INTO orders ({_ORDER}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sequence) DO UPDATE "  # noqa: S608
            "SET state = excluded.state, price_ticks = excluded.price_ticks, "
            "ts_event_utc_ns = excluded.ts_event_utc_ns, triggered = excluded.triggered",
            (_row(exchange.orders[i]) for i in exchange.changed),
        )
        for sequence, fill in enumerate(new_fills, start=self._fills + 1):
            self._save_fill(sequence, fill)
        run.executemany(
            "INSERT OR REPLACE INTO tapes VALUES (?, ?, ?, ?)",
            (
                (symbol, tape.ts_bar_utc_ns, tape.ts_event_utc_ns, tape.price_ticks)
                for symbol, tape in ((symbol, exchange.tapes[symbol]) for symbol in exchange.touched)
            ),
        )
        return True

    def _save_fill(self, sequence: int, fill: Fill) -> None:
        """Executions and endings are numbered together, as they came."""
        table, columns = ("endings", _ENDING) if fill.settled else ("fills", _FILL)
        if fill.settled:
            self._connection.execute(_ENDINGS)
        names = columns.split(", ")
        self._connection.execute(
            f"INSERT INTO {table} (sequence, {columns}) VALUES (?{', ?' * len(names)})",  # noqa: S608
            (sequence, *(getattr(fill, name) for name in names)),
        )

    def saved(self, exchange: Exchange) -> None:
        """Note that all of it is on disk."""
        exchange.changed.clear()
        exchange.touched.clear()
        self._fills = len(exchange.fills)

    def load(self, exchange: Exchange) -> None:
        """Read the whole state into an empty exchange, as of one moment.

        Raises: ConfigInvalid when it holds a market that is not configured.
        """
        if self._connection.in_transaction:
            self._read(exchange)
            return
        self._connection.execute("BEGIN")
        try:
            self._read(exchange)
        finally:
            self.rollback()

    def _read(self, exchange: Exchange) -> None:
        self._seen = self._version()
        executions: dict[str, list[tuple[int, int]]] = {}
        for fill in _fills(self._connection):
            tape = exchange.tape(fill.market)
            if tape is None:
                raise ConfigInvalid(f"{self._path}: has traded {fill.market}, which is not configured; add the market")
            exchange.fills.append(fill)
            exchange.account.book(fill, tape.market)
            executions.setdefault(fill.client_order_id, []).append((fill.lots, fill.price_ticks))
        for order in _orders(self._connection, executions):
            if order.open and exchange.tape(order.intent.market) is None:
                raise ConfigInvalid(f"{self._path}: an order works in {order.intent.market}; add the market")
            exchange.restore(order)
        exchange.restored()
        for symbol, ts_bar, ts_event, price in self._connection.execute("SELECT * FROM tapes"):
            tape = exchange.tape(symbol)
            if tape is not None:
                tape.ts_bar_utc_ns, tape.ts_event_utc_ns = ts_bar, ts_event
                tape.price_ticks = float("nan") if price is None else price
        self.saved(exchange)


def paper_truth(path: Path) -> tuple[dict[str, int], list[Fill], list[BrokerOrder]]:
    """What a paper account's file says: net positions, all fills, all orders; opened for reading only."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        fills = list(_fills(connection))
        executions: dict[str, list[tuple[int, int]]] = {}
        positions: dict[str, int] = {}
        for fill in fills:
            executions.setdefault(fill.client_order_id, []).append((fill.lots, fill.price_ticks))
            positions[fill.market] = positions.get(fill.market, 0) + fill.side * fill.lots
        orders = [order.told() for order in _orders(connection, executions)]
    return {market: lots for market, lots in positions.items() if lots}, fills, orders


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _row(order: PaperOrder) -> tuple[object, ...]:
    return (
        order.sequence,
        order.client_order_id,
        _INTENT.dump_json(order.intent).decode(),
        order.state,
        order.price_ticks,
        order.ts_event_utc_ns,
        int(order.triggered),
        order.code,
        order.text,
    )


def _fills(connection: sqlite3.Connection) -> Iterator[Fill]:
    """All executions, and what ended by itself, as they came."""
    yield from (fill for _, fill in heapq.merge(_traded(connection), _ended(connection), key=itemgetter(0)))


def _traded(connection: sqlite3.Connection) -> Iterator[tuple[int, Fill]]:
    for sequence, *row in connection.execute(f"SELECT sequence, {_FILL} FROM fills ORDER BY sequence"):  # noqa: S608
        yield sequence, Fill(**dict(zip(_FILL.split(", "), row, strict=True)))


def _ended(connection: sqlite3.Connection) -> Iterator[tuple[int, Fill]]:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'endings'").fetchone() is None:
        return
    for sequence, *row in connection.execute(f"SELECT sequence, {_ENDING} FROM endings ORDER BY sequence"):  # noqa: S608
        told = dict(zip(_ENDING.split(", "), row, strict=True))
        yield sequence, Fill(client_order_id="", fee_microusd=0, **told)


def _orders(connection: sqlite3.Connection, executions: Mapping[str, list[tuple[int, int]]]) -> Iterator[PaperOrder]:
    for row in connection.execute(f"SELECT {_ORDER} FROM orders ORDER BY sequence"):  # noqa: S608
        sequence, client_order_id, intent, state, price_ticks, ts_event, triggered, code, text = row
        yield PaperOrder(
            intent=_INTENT.validate_json(intent),
            sequence=sequence,
            state=OrderState(state),
            price_ticks=price_ticks,
            ts_event_utc_ns=ts_event,
            triggered=bool(triggered),
            executions=tuple(executions.get(client_order_id, ())),
            code=code,
            text=text,
        )
