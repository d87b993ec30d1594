"""The shipped daemon on a machine that refuses: it ends with one sentence that says why and what to do.

After the cause is gone it starts again, and the ledger is what the broker says.
"""

import os
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from subprocess import Popen

import pytest

from gamma import requests
from gamma.events import BootStarted, HaltRequested, Level, OrderIntended
from gamma.ledger.reader import Reader, Wanted
from tests.chaos.truth import violations
from tests.daemon_case import GAMMA, await_line, facts, gamma, start, write_config

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0


def until(condition: Callable[[], bool]) -> None:
    """Wait for it; that it never comes is a failure."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def trading(folder: Path) -> Popen[str]:
    """A daemon that has sent orders."""
    process = start(folder)
    await_line(process, "ready")
    until(lambda: len(facts(folder, OrderIntended)) > 3)
    return process


def ended(process: Popen[str]) -> tuple[int, str]:
    """How it ended by itself, and what it said."""
    try:
        _, told = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    return process.returncode, told


def goes_on(folder: Path) -> None:
    """The next start finds all in order, and trades."""
    done = gamma(folder, "run", "--plain", "--speed", "max", "--bars", "60")
    assert done.returncode == 0, done.stderr
    assert violations(folder) == []


def one_sentence(told: str) -> bool:
    return told.startswith("gamma: ") and told.count("\n") == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_config(tmp_path, speed=20_000)
    return tmp_path


def test_a_database_that_another_program_keeps_locked_ends_it(folder: Path) -> None:
    process = trading(folder)
    with closing(sqlite3.connect(folder / "gamma.db", isolation_level=None, timeout=PATIENCE_S)) as other:
        other.execute("BEGIN IMMEDIATE")
        code, told = ended(process)
    assert code == 1
    assert one_sentence(told), told
    assert "another program keeps it locked: end that one" in told
    assert len(facts(folder, BootStarted)) == 1
    goes_on(folder)


def test_a_database_that_is_locked_at_the_start_is_told_as_that(folder: Path) -> None:
    goes_on(folder)
    with closing(sqlite3.connect(folder / "gamma.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = gamma(folder, "run", "--plain")
    assert done.returncode == 1
    assert one_sentence(done.stderr), done.stderr
    assert "another program keeps it locked: end that one" in done.stderr
    goes_on(folder)


def test_a_file_that_may_not_grow_any_more_ends_it(folder: Path) -> None:
    process = trading(folder)
    size = (folder / "gamma.db-wal").stat().st_size
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
    code, told = ended(process)
    assert code == 70
    assert one_sentence(told), told
    assert "free some space on its disk, or look after its disk" in told
    goes_on(folder)


def test_too_few_files_to_start_with_are_told_as_that(folder: Path) -> None:
    for most in range(8, 64, 3):
        done = subprocess.run(
            ["sh", "-c", f"ulimit -n {most}; exec {GAMMA} run --plain --speed max --bars 20"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            break
        assert done.returncode == 1
        assert one_sentence(done.stderr), done.stderr
        assert "Too many open files: allow this process more open files" in done.stderr
    else:
        raise AssertionError("it never started")
    goes_on(folder)


def test_without_a_file_to_open_it_trades_on_and_hears_commands_when_it_can(folder: Path) -> None:
    process = trading(folder)
    where, now = folder / "gamma.db.requests", time.time_ns()
    halt = HaltRequested(command_id="h1", actor="ann", text="news", level=Level.REDUCING, ts_event_utc_ns=now)
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    try:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        requests.submit(where, halt)
        until(lambda: deafness(folder) > 0)
        intended = len(facts(folder, OrderIntended))
        until(lambda: len(facts(folder, OrderIntended)) > intended)
        assert not (where / "h1.answer").exists()
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
        assert requests.await_answer(where, "h1", PATIENCE_S).ok
    finally:
        process.terminate()
    assert ended(process) == (0, "")
    assert deafness(folder) == 1
    assert violations(folder) == []


def deafness(folder: Path) -> int:
    """How often it told that it cannot hear."""
    with Reader.open(f"sqlite:///{folder}/gamma.db") as reader:
        return [row["key"] for row in reader.alerts(Wanted(limit=10_000))].count("job_missed:listen")


# --- a disk of its own, which only root can mount ---------------------------------------------------


def mount(*arguments: str) -> bool:
    tool = shutil.which("mount")
    return tool is not None and subprocess.run([tool, *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB, with a daemon's config on it."""
    where = tmp_path / "disk"
    where.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(where)):
        pytest.skip("only root may mount a disk")
    try:
        write_config(where, speed=20_000)
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1 << 9, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    assert os.statvfs(disk).f_bavail == 0
    return ballast


def test_a_full_disk_ends_it_and_space_lets_it_go_on(disk: Path) -> None:
    process = trading(disk)
    ballast = fill(disk)
    code, told = ended(process)
    assert one_sentence(told), told
    assert (code, "free some space on its disk" in told) == (1, True), told
    again = gamma(disk, "run", "--plain")
    assert one_sentence(again.stderr), again.stderr
    assert (again.returncode, "free some space on its disk" in again.stderr) == (1, True), again.stderr
    ballast.unlink()
    goes_on(disk)


def test_a_read_only_disk_is_told_as_that(disk: Path) -> None:
    goes_on(disk)
    assert mount("-o", "remount,ro", str(disk))
    done = gamma(disk, "run", "--plain")
    assert done.returncode == 1
    assert one_sentence(done.stderr), done.stderr
    assert "Read-only file system: make its disk, its folder and the file writable" in done.stderr
    assert mount("-o", "remount,rw", str(disk))
    goes_on(disk)
