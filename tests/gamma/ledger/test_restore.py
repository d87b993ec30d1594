"""A backup is put in the ledger's place: nothing of either is lost, and what the backup does not know is told."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from subprocess import run

import pytest
from sqlalchemy import make_url

from gamma.chaos.races import postgresql
from gamma.errors import Corrupt, InputInvalid, LedgerInUse
from gamma.ledger import Ledger, Reader, backup, restore, verify
from gamma.ledger.backup import kept
from tests.gamma.ledger.facts import day, decision, entry, fill, notice, tick


def put_back(url: str, source: Path) -> Path | None:
    return restore(url, source, account="DU1234", mode="paper").aside


@pytest.fixture
def copy(file_url: str, file_ledger: Ledger, tmp_path: Path) -> Path:
    """A backup of one day, after which the ledger went on by an order with its fill."""
    file_ledger.append(day())
    file_ledger.commit()
    backup(file_url, tmp_path / "copy.db")
    file_ledger.append([decision(9), entry(9, 9)], [], [tick(9)])
    file_ledger.append([fill("x9", "g1a-1-9", 2, 80_000, 9)])
    file_ledger.commit()
    return tmp_path / "copy.db"


def test_the_backup_stands_in_the_ledgers_place_and_what_it_does_not_know_is_told(
    file_url: str, file_ledger: Ledger, copy: Path
) -> None:
    file_ledger.close()
    done = restore(file_url, copy, account="DU1234", mode="paper")
    assert verify(file_url).events == done.report.events == len(day())
    assert done.since is not None
    assert (done.since.events, done.since.fills) == (4, 1)
    assert [(o["id"], o["state"]) for o in done.since.orders if o["kind"] == "entry"] == [("g1a-1-9", "filled")]
    assert done.aside is not None
    assert verify(f"sqlite:///{done.aside}").events == len(day()) + 4
    assert copy.exists()
    again = Ledger.open(file_url, account="DU1234", mode="paper")
    again.append([decision(10)])
    again.close()
    assert verify(file_url).sound


def test_a_ledger_in_use_is_not_replaced(file_url: str, file_ledger: Ledger, copy: Path) -> None:
    with pytest.raises(LedgerInUse, match=f"in use by process {os.getpid()}"):
        put_back(file_url, copy)
    file_ledger.append([decision(11)])
    file_ledger.commit()
    assert verify(file_url).sound


def test_what_a_dead_process_left_in_the_wal_goes_aside_with_it(
    file_url: str, file_ledger: Ledger, copy: Path, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "gamma.db")  # as long as one reads, closing leaves the WAL
    other.execute("SELECT count(*) FROM events").fetchone()
    file_ledger.close()
    assert (tmp_path / "gamma.db-wal").exists()
    aside = put_back(file_url, copy)
    other.close()
    assert aside is not None
    assert verify(f"sqlite:///{aside}").events == len(day()) + 4
    assert verify(file_url).events == len(day())


def test_a_damaged_backup_is_refused_and_nothing_is_touched(file_url: str, file_ledger: Ledger, copy: Path) -> None:
    file_ledger.close()
    with closing(sqlite3.connect(copy)) as db:
        db.execute("DROP TRIGGER peaks_no_update")
        db.execute("UPDATE peaks SET equity_microusd = 1")
        db.commit()
    names = sorted(p.name for p in copy.parent.iterdir())
    with pytest.raises(Corrupt, match="peaks"):
        put_back(file_url, copy)
    assert sorted(p.name for p in copy.parent.iterdir()) == names
    assert verify(file_url).events == len(day()) + 4


def test_a_damaged_ledger_is_kept_aside_as_it_is(
    file_url: str, file_ledger: Ledger, copy: Path, tmp_path: Path
) -> None:
    file_ledger.close()
    (tmp_path / "gamma.db").write_bytes(b"not a database at all")
    done = restore(file_url, copy, account="DU1234", mode="paper")
    assert done.since is None
    assert done.aside is not None
    assert done.aside.read_bytes() == b"not a database at all"
    assert verify(file_url).events == len(day())


def test_a_ledger_that_does_not_go_on_from_the_backup_tells_nothing_of_it(
    file_url: str, file_ledger: Ledger, copy: Path, tmp_path: Path
) -> None:
    file_ledger.close()
    (tmp_path / "gamma.db").unlink()
    with closing(Ledger.open(file_url, account="DU1234", mode="paper")) as begun_anew:
        begun_anew.append([*day(), decision(12)])
    assert restore(file_url, copy, account="DU1234", mode="paper").since is None


def test_where_nothing_was_there_nothing_is_kept_aside(
    file_url: str, file_ledger: Ledger, copy: Path, tmp_path: Path
) -> None:
    file_ledger.close()
    (tmp_path / "gamma.db").unlink()
    assert put_back(file_url, copy) is None
    assert verify(file_url).events == len(day())


def test_what_cannot_be_put_back_is_said(file_url: str, file_ledger: Ledger, copy: Path, tmp_path: Path) -> None:
    file_ledger.close()
    with pytest.raises(InputInvalid, match="'DU1234', and the configuration is of the paper account 'other'"):
        restore(file_url, copy, account="other", mode="paper")
    with pytest.raises(InputInvalid, match="no backup"):
        put_back(file_url, tmp_path / "nothing.db")
    with pytest.raises(InputInvalid, match="no backup"):
        put_back(file_url, tmp_path / "gamma.db")
    with pytest.raises(InputInvalid, match="pg_restore"):
        put_back("postgresql+psycopg://gamma@localhost/gamma", copy)
    with pytest.raises(InputInvalid, match="make it first"):
        put_back(f"sqlite:///{tmp_path}/nowhere/gamma.db", copy)
    with Reader.open(file_url) as reader:
        assert reader.head[0] == len(day()) + 4


def test_a_servers_ledger_is_put_back_by_its_own_tools(server_url: str, empty_server_url: str, tmp_path: Path) -> None:
    ledger = Ledger.open(server_url, account="DU1234", mode="paper")
    ledger.append(day(), [notice()], [tick(0)])
    ledger.commit()
    programs = postgresql.binaries()
    assert programs is not None
    dump, target = tmp_path / "gamma.dump", _plain(empty_server_url)
    run([programs / "pg_dump", "--format=custom", f"--file={dump}", _plain(server_url)], check=True)
    ledger.close()
    run([programs / "pg_restore", f"--dbname={target}", dump], check=True)
    assert verify(empty_server_url).events == len(day()) + 2
    restored = Ledger.open(empty_server_url, account="DU1234", mode="paper")
    restored.append([decision(10)])
    restored.close()
    assert verify(empty_server_url).sound


def _plain(url: str) -> str:
    """The address as PostgreSQL's own programs take it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def test_the_newest_backups_are_kept_and_no_other_file_is_touched(tmp_path: Path) -> None:
    made = [f"mine-2026112{n}T050000Z.db" for n in range(5)]
    others = ["mine-2-20261101T050000Z.db", "mine-20261101T050000Z.db.old", "notes.txt"]
    for name in (*made, *others):
        (tmp_path / name).touch()
    assert [p.name for p in kept(tmp_path, "mine", 2)] == made[:3]
    assert {p.name for p in tmp_path.iterdir()} == {*made[3:], *others}
    assert kept(tmp_path, "mine", 0) == []
