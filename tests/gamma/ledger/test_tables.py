"""The database itself refuses what must not be: wrong types, wrong signs, changed and deleted rows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from gamma.ledger import Ledger, sqlite_notes
from gamma.ledger.connections import file_of
from gamma.ledger.tables import TABLES, metadata
from tests.gamma.ledger.facts import day, notice, tick


@pytest.fixture
def raw(file_url: str, file_ledger: Ledger) -> Iterator[sqlite3.Connection]:
    """The file as any other program sees it, with a day in it."""
    file_ledger.append(day(), [notice()], [tick(0)])
    file_ledger.close()
    path = file_of(file_url)
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def test_the_migrations_make_the_tables_that_the_code_writes_to(raw: sqlite3.Connection) -> None:
    code = create_engine("sqlite://")
    metadata.create_all(code)
    with code.connect() as db:
        wanted = db.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    made = dict(raw.execute("SELECT name, sql FROM sqlite_master").fetchall())
    code.dispose()
    assert {name: _lines(made[name]) for name, _ in wanted} == {name: _lines(sql) for name, sql in wanted}
    assert made.keys() - {name for name, _ in wanted} >= {"positions", "alembic_version", "fills_no_delete"}


def _lines(sql: str) -> set[str]:
    return {line.strip().rstrip(",") for line in sql.splitlines()}


def test_every_table_is_strict(raw: sqlite3.Connection) -> None:
    strict = {name for _, name, kind, _, _, strict in raw.execute("PRAGMA table_list") if kind == "table" and strict}
    assert strict == {t.name for t in TABLES}


def test_a_column_of_whole_numbers_takes_no_fraction(raw: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="cannot store REAL value in INTEGER column"):
        raw.execute("INSERT INTO peaks (seq, equity_microusd, actor, ts_event_utc_ns) VALUES (1, 0.5, 'ann', 1)")


@pytest.mark.parametrize("table", [t.name for t in TABLES])
def test_no_row_can_be_deleted(raw: sqlite3.Connection, table: str) -> None:
    raw.execute("PRAGMA foreign_keys = OFF")
    if table in ("runs", "looks"):
        names = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
        raw.execute(f"INSERT INTO {table} VALUES ({', '.join('1' for _ in names)})")
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        raw.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("table", [t.name for t in TABLES if t.name not in ("head", "runs", "looks")])
def test_no_row_can_be_changed(raw: sqlite3.Connection, table: str) -> None:
    for name in (row[1] for row in raw.execute(f"PRAGMA table_info({table})").fetchall()[:7]):
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            raw.execute(f"UPDATE {table} SET {name} = {name}")


def test_the_end_of_the_chain_moves_forward_only(raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE head SET seq = seq + 1")
    with pytest.raises(sqlite3.IntegrityError, match="head is append-only"):
        raw.execute("UPDATE head SET seq = seq - 1")


def test_where_an_alert_stands_may_change(raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE alerts SET attempts = 3, error = '429', delivered_utc_ns = 5, acked_utc_ns = 6")
    assert raw.execute("SELECT attempts FROM alerts").fetchall() == [(3,)]


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("INSERT INTO meta VALUES (2, 'other', 'live', 1)", "meta_id"),
        ("INSERT INTO events VALUES (0, 1, 1, 'ShutDown', '{}', zeroblob(32))", "events_seq"),
        ("INSERT INTO events VALUES (99, 1, 1, 'ShutDown', '{}', x'00')", "events_sha256"),
        ("INSERT INTO fills VALUES (1, 'DU1234', 'x9', 'g', 'MNQ', 0, 1, 1, 0, 1)", "fills_side"),
        ("INSERT INTO fills VALUES (1, 'DU1234', 'x9', 'g', 'MNQ', 1, 0, 1, 0, 1)", "fills_lots"),
        ("INSERT INTO fills VALUES (1, 'DU1234', 'x0', 'g', 'MNQ', 1, 1, 1, 0, 1)", "fills.account"),
        ("INSERT INTO fills VALUES (1, 'DU1234', NULL, 'g', 'MNQ', 1, 1, 1, 0, 1)", "NOT NULL"),
        ("INSERT INTO orders VALUES (1, 'g', 'eaten', '', 0, '', '', '', 1)", "orders_told"),
        ("INSERT INTO boots VALUES (2, 1, 'c', 'k', 1)", "boots.epoch"),
        ("INSERT INTO ticks VALUES (1, 'mnq', 1700000000000000000, '', 'ok')", "ticks.strategy"),
    ],
)
def test_rows_that_cannot_be_true_are_refused(raw: sqlite3.Connection, statement: str, rule: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=rule):
        raw.execute(statement)


def test_an_index_row_needs_its_event(raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        raw.execute("INSERT INTO peaks VALUES (999, 1, 'ann', 1)")


def test_an_old_sqlite_is_noted_and_a_mended_one_is_not() -> None:
    assert "SQLite 3.40.1" in sqlite_notes((3, 40, 1))[0]
    assert sqlite_notes((3, 51, 2)) != ()
    assert sqlite_notes((3, 51, 3)) == sqlite_notes((3, 50, 7)) == sqlite_notes((3, 44, 6)) == ()


def test_a_closed_ledger_is_one_file_and_its_lock(file_ledger: Ledger, tmp_path: Path) -> None:
    file_ledger.append(day())
    file_ledger.close()
    assert {p.name for p in tmp_path.iterdir()} == {"gamma.db", "gamma.db.lock"}
