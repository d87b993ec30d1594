"""A server that is started for a while leaves nothing behind, however it is ended."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import URL, make_url

from gamma.chaos.races.postgresql import Server, binaries, database, serving, session

STARTER = """
import sys
from pathlib import Path
from gamma.chaos.races.postgresql import serving
with serving(Path(sys.argv[1])) as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def programs(server: URL) -> Path:  # noqa: ARG001  (skips, or fails, where there is none)
    found = binaries()
    if found is None:
        pytest.skip("a server is named, and none can be started here")
    return found


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0]))


def test_a_restart_cuts_every_session_and_keeps_what_was_committed(programs: Path) -> None:
    with serving(programs) as server:
        with session(server.url) as db:
            db.execute("CREATE TABLE kept AS SELECT 7 AS n")
            server.restart()
            with pytest.raises(psycopg.OperationalError):
                db.execute("SELECT 1")
        with session(server.url) as db:
            assert db.execute("SELECT n FROM kept").fetchall() == [(7,)]
        folder = server.folder
    assert not folder.exists()


def test_it_ends_with_whoever_started_it(programs: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(programs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        folder = Path(starter.stdout.readline().strip())
        running = postmaster(folder)
        starter.send_signal(signal.SIGKILL)
    running.wait(20)
    shutil.rmtree(folder)


def test_a_server_that_cannot_start_says_why(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "cluster").touch()
    with pytest.raises(RuntimeError, match="initdb failed: "):
        Server(programs, tmp_path)


def test_a_database_is_dropped_whoever_uses_it(server: URL) -> None:
    with database(server, "gamma_test_dropped") as url:
        held = session(make_url(url))
        assert held.execute("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(psycopg.OperationalError):
        held.execute("SELECT 1")
