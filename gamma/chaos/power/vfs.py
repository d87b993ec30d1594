"""A file layer under SQLite that hears every write, and may refuse it.

SQLite reaches the disk through a table of functions, its VFS. Here a copy of the usual one stands in its
place: what creates, writes, truncates, syncs and deletes goes through Python first, the rest is as fast as
ever. It is put under the very library that Python's `sqlite3` uses, and touches only the files of folders
that are watched, so that the code above it is the code that ships.
"""

import _sqlite3
import ctypes as c
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, final

from gamma.errors import InputInvalid

NAME: Final = b"gamma-chaos"
READ_ONLY: Final = 0x1
CREATE: Final = 0x4
IOERR: Final = 10
CANTOPEN: Final = 14

_Pointer = c.c_void_p
_Open = c.CFUNCTYPE(c.c_int, _Pointer, _Pointer, _Pointer, c.c_int, c.POINTER(c.c_int))
_Delete = c.CFUNCTYPE(c.c_int, _Pointer, c.c_char_p, c.c_int)
_OpenFolder = c.CFUNCTYPE(c.c_int, c.c_char_p, c.POINTER(c.c_int))
_SetCall = c.CFUNCTYPE(c.c_int, _Pointer, c.c_char_p, _Pointer)
_GetCall = c.CFUNCTYPE(_Pointer, _Pointer, c.c_char_p)
_Close = c.CFUNCTYPE(c.c_int, _Pointer)
_Write = c.CFUNCTYPE(c.c_int, _Pointer, _Pointer, c.c_int, c.c_int64)
_Truncate = c.CFUNCTYPE(c.c_int, _Pointer, c.c_int64)
_Sync = c.CFUNCTYPE(c.c_int, _Pointer, c.c_int)


class _Vfs(c.Structure):
    """`struct sqlite3_vfs`, version 3."""

    _fields_ = (
        ("version", c.c_int),
        ("file_bytes", c.c_int),
        ("path_max", c.c_int),
        ("next", _Pointer),
        ("name", c.c_char_p),
        ("app", _Pointer),
        ("open", _Pointer),
        ("delete", _Pointer),
        ("others", _Pointer * 10),
        ("time64", _Pointer),
        ("set_call", _Pointer),
        ("get_call", _Pointer),
        ("next_call", _Pointer),
    )


class _Methods(c.Structure):
    """`struct sqlite3_io_methods`, version 3."""

    _fields_ = (
        ("version", c.c_int),
        ("close", _Pointer),
        ("read", _Pointer),
        ("write", _Pointer),
        ("truncate", _Pointer),
        ("sync", _Pointer),
        ("others", _Pointer * 13),
    )


class Hearing(Protocol):
    """Hears what SQLite does to the files of a folder, before it is done; an answer but 0 refuses it.

    The answers are SQLite's result codes. `number` is that of the opened file: a file that is deleted and made
    again under the same name gets another one.
    """

    def opened(self, name: str, number: int, flags: int, *, created: bool) -> int: ...
    def written(self, number: int, offset: int, content: bytes) -> int: ...
    def truncated(self, number: int, size: int) -> int: ...
    def synced(self, number: int) -> int: ...
    def deleted(self, name: str) -> int: ...
    def folder_synced(self) -> int: ...


@contextmanager
def heard(folder: Path, hearing: Hearing) -> Iterator[None]:
    """Let `hearing` hear what happens to the SQLite files in this folder that are opened from now on.

    Raises: InputInvalid where the layer cannot be put under this Python's SQLite.
    """
    layer = _layer()
    where = str(folder.resolve())
    layer.folders[where] = hearing
    layer.stand(in_place=True)
    try:
        yield
    finally:
        del layer.folders[where]
        if not layer.folders:
            layer.stand(in_place=False)
    if layer.fault is not None:
        fault, layer.fault = layer.fault, None
        raise fault


def reachable() -> str:
    """Why the layer cannot be put under this Python's SQLite; empty where it can."""
    try:
        _layer()
    except InputInvalid as error:
        return str(error)
    return ""


@cache
def _layer() -> "_Layer":
    path = getattr(_sqlite3, "__file__", None)
    library = c.CDLL(path)
    try:
        library.sqlite3_vfs_find.restype = c.POINTER(_Vfs)
        library.sqlite3_vfs_find.argtypes = (c.c_char_p,)
        library.sqlite3_vfs_register.argtypes = (c.POINTER(_Vfs), c.c_int)
    except AttributeError as error:
        raise InputInvalid(f"SQLite is built into this Python out of reach ({error}); use one that links it") from None
    usual = library.sqlite3_vfs_find(None)
    if usual.contents.name != b"unix" or usual.contents.version < 3:
        raise InputInvalid(f"SQLite's file layer is {usual.contents.name!r} here; the one that is known is 'unix'")
    return _Layer(library, usual)


@final
class _Layer:
    """The copy of the usual VFS, with some of its functions ours; there is one in a process, for good."""

    def __init__(self, library: c.CDLL, usual: Any) -> None:
        self.folders: dict[str, Hearing] = {}
        self.fault: BaseException | None = None
        self._library, self._usual = library, usual
        self._files: dict[int, tuple[Hearing, int, Any]] = {}
        self._tables: dict[int, _Methods] = {}
        self._numbers: dict[str, int] = {}
        self._last = 0
        self._ours = _Vfs.from_buffer_copy(usual.contents)
        self._ours.name = NAME
        self._open = _Open(usual.contents.open)
        self._delete = _Delete(usual.contents.delete)
        self._ours.open = self._pointer(_Open, self._opening, CANTOPEN)
        self._ours.delete = self._pointer(_Delete, self._deleting, IOERR)
        self._folder = _OpenFolder(_GetCall(usual.contents.get_call)(c.cast(usual, _Pointer), b"openDirectory"))
        self._folder_ours = self._pointer(_OpenFolder, self._syncing_folder, CANTOPEN)

    def stand(self, *, in_place: bool) -> None:
        """Be the layer of connections that are made from now on, or not any more."""
        self._library.sqlite3_vfs_register(c.byref(self._ours) if in_place else self._usual, 1)
        call = self._folder_ours if in_place else None
        _SetCall(self._usual.contents.set_call)(c.cast(self._usual, _Pointer), b"openDirectory", call)

    def _pointer(self, kind: Any, ours: Callable[..., int], failed: int) -> Any:
        """A function of ours as C sees it; an exception cannot pass through C, and is raised later."""

        def called(*arguments: Any) -> int:
            try:
                return ours(*arguments)
            except BaseException as error:  # noqa: BLE001
                self.fault = self.fault or error
                return failed

        made = kind(called)
        c.pythonapi.Py_IncRef(c.py_object(made))  # C may call it up to the very end of the process
        return c.cast(made, _Pointer)

    # What SQLite calls.

    def _opening(self, vfs: int, name: int | None, file: int, flags: int, out: Any) -> int:
        path = os.fsdecode(c.string_at(name)) if name else ""
        folder, _, short = path.rpartition("/")
        hearing = self.folders.get(folder)
        if hearing is None:
            return int(self._open(vfs, name, file, flags, out))
        created = not Path(path).exists()
        if created or path not in self._numbers:
            self._last += 1
            self._numbers[path] = self._last
        number = self._numbers[path]
        refused = hearing.opened(short, number, flags, created=created and bool(flags & CREATE))
        if refused:
            c.cast(file, c.POINTER(_Pointer)).contents.value = None
            return refused
        answer = int(self._open(vfs, name, file, flags, out))
        if answer == 0:
            self._adopt(file, hearing, number)
        return answer

    def _adopt(self, file: int, hearing: Hearing, number: int) -> None:
        """Let an opened file speak through our functions."""
        slot = c.cast(file, c.POINTER(_Pointer)).contents
        usual = slot.value or 0
        self._files[file] = (hearing, number, _Methods.from_address(usual))
        if usual not in self._tables:
            table = _Methods.from_buffer_copy(_Methods.from_address(usual))
            table.close = self._pointer(_Close, self._closing, 0)
            table.write = self._pointer(_Write, self._writing, IOERR)
            table.truncate = self._pointer(_Truncate, self._truncating, IOERR)
            table.sync = self._pointer(_Sync, self._syncing, IOERR)
            self._tables[usual] = table
        slot.value = c.addressof(self._tables[usual])

    def _closing(self, file: int) -> int:
        _, _, usual = self._files.pop(file)
        return int(_Close(usual.close)(file))

    def _writing(self, file: int, content: int, size: int, offset: int) -> int:
        hearing, number, usual = self._files[file]
        refused = hearing.written(number, offset, c.string_at(content, size))
        return refused or int(_Write(usual.write)(file, content, size, offset))

    def _truncating(self, file: int, size: int) -> int:
        hearing, number, usual = self._files[file]
        return hearing.truncated(number, size) or int(_Truncate(usual.truncate)(file, size))

    def _syncing(self, file: int, flags: int) -> int:
        hearing, number, usual = self._files[file]
        return hearing.synced(number) or int(_Sync(usual.sync)(file, flags))

    def _deleting(self, vfs: int, name: bytes, sync_folder: int) -> int:
        folder, _, short = os.fsdecode(name).rpartition("/")
        hearing = self.folders.get(folder)
        if hearing is not None and Path(os.fsdecode(name)).exists():
            refused = hearing.deleted(short)
            if refused:
                return refused
        return int(self._delete(vfs, name, sync_folder))

    def _syncing_folder(self, path: bytes, out: Any) -> int:
        """A folder is opened to be synced, and for nothing else."""
        hearing = self.folders.get(os.fsdecode(path).rpartition("/")[0])
        if hearing is not None:
            refused = hearing.folder_synced()
            if refused:
                return refused
        return int(self._folder(path, out))
