"""An error of the machine's ends with what a person can do about it."""

import errno
import os
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gamma.mends import mend, mend_sqlite, of_machine, out_of_files


def refused(number: int) -> OSError:
    return OSError(number, os.strerror(number), "f")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "No space left on device: free some space on its disk"),
        (errno.EROFS, "Read-only file system: make its disk, its folder and the file writable"),
        (errno.ENOENT, "No such file or directory: make its folder"),
        (errno.EXDEV, "Invalid cross-device link"),
    ],
)
def test_what_was_refused_is_told_with_what_to_do(number: int, told: str) -> None:
    assert mend(refused(number)) == told


def test_a_full_disk_is_the_machine_s_doing_and_a_wrong_path_is_not() -> None:
    assert of_machine(refused(errno.ENOSPC))
    assert not of_machine(refused(errno.ENOENT))


def test_a_locked_database_names_the_other_program(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "f")) as one, closing(sqlite3.connect(tmp_path / "f", timeout=0)) as two:
        one.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as told:
            two.execute("BEGIN IMMEDIATE")
    assert mend_sqlite(told.value) == "database is locked: another program keeps it locked: end that one"


def test_a_process_without_another_file_to_open_is_told_from_one_without_the_right(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as told:
        sqlite3.connect(tmp_path / "missing" / "f")
    assert out_of_files() is None
    assert "let this user read and write there" in mend_sqlite(told.value)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        told_so = mend_sqlite(told.value)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert told_so.startswith("Too many open files: allow this process more open files")
