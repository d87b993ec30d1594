"""A backup is a whole ledger, taken while the daemon writes, and kept only when it passed its check."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gamma.errors import ConfigInvalid, Corrupt, InputInvalid
from gamma.ledger import Ledger, Reader, backup, schema, upgrade, verify
from gamma.ledger.connections import file_of
from tests.gamma.ledger.facts import closed, day, decision, notice, tick


def test_a_backup_holds_what_was_committed_while_it_was_taken(
    file_url: str, file_ledger: Ledger, tmp_path: Path
) -> None:
    file_ledger.append(day(), [notice()], [tick(0)])
    file_ledger.commit()
    file_ledger.append([decision(9)])
    report = backup(file_url, tmp_path / "copy.db")
    assert report.events == len(day()) + 2
    assert verify(f"sqlite:///{tmp_path}/copy.db").sound
    assert {p.name for p in tmp_path.iterdir()} == {
        "gamma.db",
        "gamma.db-wal",
        "gamma.db-shm",
        "gamma.db.lock",
        "copy.db",
    }
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_a_restored_backup_goes_on(file_url: str, file_ledger: Ledger, tmp_path: Path) -> None:
    file_ledger.append(day())
    file_ledger.commit()
    backup(file_url, tmp_path / "copy.db")
    file_ledger.append([decision(9)])
    file_ledger.close()
    restored = Ledger.open(f"sqlite:///{tmp_path}/copy.db", account="DU1234", mode="paper")
    assert restored.head[0] == len(day())
    restored.append([decision(10)])
    restored.close()
    assert verify(f"sqlite:///{tmp_path}/copy.db").sound


def test_a_backup_overwrites_nothing(file_url: str, file_ledger: Ledger, tmp_path: Path) -> None:
    file_ledger.append(day())
    (tmp_path / "copy.db").write_text("dear")
    with pytest.raises(InputInvalid, match="overwrites nothing"):
        backup(file_url, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "dear"


def test_a_copy_that_fails_its_check_is_not_kept(file_url: str, file_ledger: Ledger, tmp_path: Path) -> None:
    file_ledger.append(day())
    file_ledger.close()
    path = file_of(file_url)
    assert path is not None
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER peaks_no_update")
        db.execute("UPDATE peaks SET equity_microusd = 1")
        db.commit()
    with pytest.raises(Corrupt, match="peaks"):
        backup(file_url, tmp_path / "copy.db")
    assert {p.name for p in tmp_path.iterdir() if "copy" in p.name} == set()


def test_what_cannot_be_backed_up_is_said(file_url: str, tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="there is no"):
        backup(file_url, tmp_path / "copy.db")
    with pytest.raises(InputInvalid, match="pg_dump"):
        backup("postgresql+psycopg://gamma@localhost/gamma", tmp_path / "copy.db")


def test_a_folder_that_is_not_there_is_said(file_url: str, file_ledger: Ledger, tmp_path: Path) -> None:
    file_ledger.append(day())
    file_ledger.commit()
    with pytest.raises(InputInvalid, match="cannot be written"):
        backup(file_url, tmp_path / "nowhere" / "copy.db")


def test_upgrading_what_is_new_changes_nothing(file_url: str, file_ledger: Ledger, tmp_path: Path) -> None:
    file_ledger.append(day())
    file_ledger.close()
    done = upgrade(file_url)
    assert (done.before, done.after, done.backup) == (schema.HEAD, schema.HEAD, None)
    assert verify(file_url).sound
    assert list(tmp_path.glob("*.backup")) == []


def test_upgrading_from_nothing_makes_the_tables_and_the_first_to_open_it_owns_it(file_url: str) -> None:
    assert upgrade(file_url).before is None
    assert upgrade(file_url).before == schema.HEAD
    with pytest.raises(ConfigInvalid, match="no account has it yet"):
        Reader.open(file_url)
    Ledger.open(file_url, account="DU1234", mode="paper").close()
    assert verify(file_url).sound


def test_a_ledger_in_use_is_not_upgraded(file_url: str, file_ledger: Ledger) -> None:
    file_ledger.append(day())
    with pytest.raises(ConfigInvalid, match="in use by process"):
        upgrade(file_url)


def test_an_older_schema_is_copied_first_and_then_upgraded(
    file_url: str, file_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_ledger.append([closed()])
    file_ledger.close()
    _add_revision(tmp_path / "migrations")
    monkeypatch.setattr(schema, "MIGRATIONS", tmp_path / "migrations")
    monkeypatch.setattr(schema, "HEAD", "0002")
    with pytest.raises(ConfigInvalid, match="gamma db upgrade"):
        Ledger.open(file_url, account="DU1234", mode="paper")
    done = upgrade(file_url)
    assert (done.before, done.after, done.backup) == ("0001", "0002", tmp_path / "gamma.db.0001.backup")
    assert verify(file_url).events == 1
    with closing(sqlite3.connect(tmp_path / "gamma.db")) as db:
        assert db.execute("SELECT * FROM extra").fetchall() == []
    monkeypatch.setattr(schema, "HEAD", "0001")
    assert verify(f"sqlite:///{done.backup}").sound
    with pytest.raises(ConfigInvalid, match="newer than this gamma"):
        Ledger.open(file_url, account="DU1234", mode="paper")
    with pytest.raises(ConfigInvalid, match="newer than this gamma"):
        upgrade(file_url)


def _add_revision(folder: Path) -> None:
    """The real migrations, and one more."""
    (folder / "versions").mkdir(parents=True)
    for source in (schema.MIGRATIONS / "env.py", *(schema.MIGRATIONS / "versions").glob("*.py")):
        (folder / source.relative_to(schema.MIGRATIONS)).write_text(source.read_text())
    (folder / "versions" / "0002_extra.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\nrevision, down_revision = '0002', '0001'\n"
        "branch_labels = depends_on = None\n"
        "def upgrade():\n    op.create_table('extra', sa.Column('id', sa.Integer, primary_key=True))\n"
    )
