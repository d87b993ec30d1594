"""Mends: what a person can do about a disk or a machine that refuses, in a few words for the end of a message."""

import errno
import os
import sqlite3
from collections.abc import Mapping
from typing import Final

_SPACE: Final = "free some space on its disk"
_FILES: Final = "allow this process more open files (ulimit -n; LimitNOFILE= of a service)"
_RIGHTS: Final = "let this user read and write there"
_DISK: Final = "look after its disk; the kernel's log says what is wrong with it"
_WRITABLE: Final = "make its disk, its folder and the file writable"

_OF_MACHINE: Final[Mapping[int, str]] = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f)",
    errno.EROFS: _WRITABLE,
    errno.EMFILE: _FILES,
    errno.ENFILE: "close some programs: the machine gives out no more open files",
    errno.ENOMEM: "free some memory",
    errno.EIO: _DISK,
}
_OF_SETTING: Final[Mapping[int, str]] = {
    errno.ENOENT: "make its folder",
    errno.ENOTDIR: "name a path whose folders are folders",
    errno.EISDIR: "name a file",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
}
_OF_SQLITE: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: _SPACE,
    sqlite3.SQLITE_BUSY: "another program keeps it locked: end that one",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked: end that one",
    sqlite3.SQLITE_PROTOCOL: "another program keeps it locked: end that one",
    sqlite3.SQLITE_NOMEM: "free some memory",
    sqlite3.SQLITE_READONLY: _WRITABLE,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_IOERR: "free some space on its disk, or " + _DISK,
}
# The low byte of SQLite's code is the kind of the error; the rest of it tells more.
_KIND: Final = 0xFF
# The database, its WAL, the shared memory beside it, and the folder when that is synced.
_FILES_OF_SQLITE: Final = 4


def of_machine(error: OSError) -> bool:
    """Whether the machine refuses for now, and not because of what it was asked."""
    return error.errno in _OF_MACHINE


def mend(error: OSError) -> str:
    """What was refused and what to do about it, without the name of the file."""
    number = error.errno or 0
    done = _OF_MACHINE.get(number) or _OF_SETTING.get(number)
    told = error.strerror or str(error)
    return f"{told}: {done}" if done else told


def mend_sqlite(error: Exception) -> str:
    """What SQLite says and what to do about it."""
    code = int(getattr(error, "sqlite_errorcode", 0)) & _KIND
    if code == sqlite3.SQLITE_CANTOPEN and (starved := out_of_files()):
        return mend(starved)
    done = _OF_SQLITE.get(code)
    return f"{error}: {done}" if done else str(error)


def out_of_files() -> OSError | None:
    """The error where this process can open no more files; SQLite, which needs a few, does not say so."""
    opened: list[int] = []
    try:
        for _ in range(_FILES_OF_SQLITE):
            opened.append(os.open(os.curdir, os.O_RDONLY))  # noqa: PERF401  (those before the error must be closed)
    except OSError as error:
        return error if of_machine(error) else None
    finally:
        for number in opened:
            os.close(number)
    return None
