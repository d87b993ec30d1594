"""One process alone writes to a ledger, and what it committed it committed while it held the lease."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from gamma.chaos.races.postgresql import session
from gamma.errors import Corrupt, InvariantBroken, LedgerFailed, LedgerInUse
from gamma.ledger import Ledger, Reader, upgrade, verify
from gamma.ledger.connections import file_of
from gamma.ledger.lease import holder
from tests.gamma.ledger.facts import day, decision, entry


def opened(url: str) -> Ledger:
    return Ledger.open(url, account="DU1234", mode="paper")


@pytest.fixture
def admin(server: URL) -> "Iterator[psycopg.Connection[tuple[object, ...]]]":
    with session(server) as db:
        yield db


def backend_of(ledger: Ledger) -> int:
    """The server's process behind the ledger's connection."""
    return int(ledger._raw.info.backend_pid)


def test_a_second_is_refused_until_the_first_has_closed(url: str, ledger: Ledger) -> None:
    with pytest.raises(LedgerInUse, match=f"process {os.getpid()}"):
        opened(url)
    with pytest.raises(LedgerInUse):
        upgrade(url)
    ledger.check_lease()
    ledger.close()
    opened(url).close()


def test_a_process_that_has_ended_holds_nothing_though_nobody_asked_after_it(file_url: str) -> None:
    script = "import sys; from gamma.ledger.lease import hold; held = hold(sys.argv[1]); print(1, flush=True); input()"
    command = [sys.executable, "-c", script, file_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        assert holder(file_url) == process.pid
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert holder(file_url) is None


def test_a_ledger_is_the_same_by_every_link_to_it(file_url: str, file_ledger: Ledger, tmp_path: Path) -> None:
    path = file_of(file_url)
    assert path is not None
    (tmp_path / "other").mkdir()
    link = tmp_path / "other" / "link.db"
    link.symlink_to(path)
    assert holder(f"sqlite:///{link}") == os.getpid()
    with pytest.raises(LedgerInUse):
        opened(f"sqlite:///{link}")
    file_ledger.check_lease()


@pytest.mark.parametrize("replaced", [False, True])
def test_whoever_finds_its_lock_file_gone_commits_and_sends_no_more(
    file_url: str, file_ledger: Ledger, tmp_path: Path, replaced: bool
) -> None:
    file_ledger.append(day())
    file_ledger.commit()
    (tmp_path / "gamma.db.lock").unlink()
    if replaced:
        (tmp_path / "gamma.db.lock").touch()
    with pytest.raises(InvariantBroken, match="I11"):
        file_ledger.check_lease()
    file_ledger.append([decision(9), entry(9, 9)])
    with pytest.raises(InvariantBroken, match="I11"):
        file_ledger.commit()
    with closing(opened(file_url)) as second:
        assert second.head[0] == len(day())
        second.append([decision(10)])
    with pytest.raises(Corrupt, match="restart"):
        file_ledger.append([decision(11)])
    assert verify(file_url).sound


def test_a_session_that_the_server_ended_takes_its_open_transaction_with_it(
    server_url: str, admin: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    first = opened(server_url)
    first.append(day())
    first.commit()
    first.append([decision(9), entry(9, 9)])
    admin.execute("SELECT pg_terminate_backend(%s, 20000)", (backend_of(first),))
    with closing(opened(server_url)) as second:
        assert second.head[0] == len(day())
        with pytest.raises(LedgerFailed):
            first.commit()
        for act in (first.check_lease, first.commit, lambda: first.append([decision(10)])):
            with pytest.raises(Corrupt, match="restart"):
                act()
        for ask in (lambda: first.has_fill("x0"), lambda: first.outbox.due(0, 1), lambda: list(first.facts())):
            with pytest.raises(LedgerFailed):
                ask()
        second.append([decision(11)])
    first.close()
    with Reader.open(server_url) as reader:
        assert [d["signal_id"] for d in reader.decisions()] == ["s0", "s11"]
    assert verify(server_url).sound


def test_nothing_is_sent_once_the_session_is_gone(
    server_url: str, admin: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    first = opened(server_url)
    first.append([decision(9), entry(9, 9)])
    first.commit()
    admin.execute("SELECT pg_terminate_backend(%s, 20000)", (backend_of(first),))
    with pytest.raises(LedgerFailed):
        first.check_lease()
    with pytest.raises(LedgerFailed):
        first.append([decision(10)])
    first.close()


def test_a_session_without_the_lock_is_no_lease(server_url: str) -> None:
    """What a pool between the daemon and the server does, when it hands out another session."""
    first = opened(server_url)
    first.append([decision(9), entry(9, 9)])
    first._raw.execute("SELECT pg_advisory_unlock_all()")
    with pytest.raises(InvariantBroken, match="I11"):
        first.check_lease()
    with pytest.raises(InvariantBroken, match="I11"):
        first.commit()
    first.close()
    with closing(opened(server_url)) as second:
        assert second.head[0] == 0


def test_a_session_never_asks_for_less_than_a_commit_on_disk(server_url: str, server: URL) -> None:
    database = server_url.split("?", 1)[0].rsplit("/", 1)[1]
    with session(server) as db:
        db.execute(f"ALTER DATABASE {database} SET synchronous_commit = off".encode())
    with closing(opened(server_url)) as ledger:
        assert ledger._raw.execute("SHOW synchronous_commit").fetchone() == ("on",)
