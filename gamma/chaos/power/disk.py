"""Power loss: from one recording of all writes, what a disk may hold after a cut at any moment.

What was synced is there. Of what was written since, each write may be there or not, whole or torn; so may the
making and the deleting of files, of which the last ones go first, for file systems keep those in order.
Assumed is what SQLite assumes: a sync that was answered holds, and a torn write harms nothing beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final, final

from gamma.errors import InvariantBroken

SECTOR_BYTES: Final = 512
# Of the writes that were not synced, how many are whole after a cut: none, most, all, or some.
_KEPT_FRACS: Final = (0.0, 0.5, 0.5, 0.9, 1.0)


class Did(StrEnum):
    """What SQLite did; `MARK` is a note of the recording's own."""

    FOUND = "found"
    MADE = "made"
    WRITTEN = "written"
    TRUNCATED = "truncated"
    SYNCED = "synced"
    DELETED = "deleted"
    FOLDER_SYNCED = "folder synced"
    MARK = "mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing done to a file, or to the folder; `number` is the file's own, `name` what the folder calls it."""

    did: Did
    number: int = 0
    name: str = ""
    offset: int = 0
    content: bytes = b""


@final
class Recording:
    """All that SQLite did in a folder, in its order, with notes between."""

    def __init__(self, folder: Path) -> None:
        self.acts: list[Act] = []
        self._names: dict[int, str] = {}
        self._numbers: dict[int, int] = {}
        for path in folder.glob("*.db*"):
            act = Act(did=Did.FOUND, number=self._named(path.name), name=path.name, content=path.read_bytes())
            self.acts.append(act)

    def mark(self, text: str) -> None:
        """Note that something else happened now."""
        self.acts.append(Act(did=Did.MARK, name=text))

    def opened(self, name: str, number: int, flags: int, *, created: bool) -> int:  # noqa: ARG002
        """A file that was there before the recording is on disk as it is."""
        if number not in self._numbers:
            found = [ours for ours, called in self._names.items() if called == name]
            self._numbers[number] = self._named(name) if created or not found else found[-1]
            if created:
                self.acts.append(Act(did=Did.MADE, number=self._numbers[number], name=name))
        return 0

    def written(self, number: int, offset: int, content: bytes) -> int:
        return self._note(Did.WRITTEN, number, offset, content)

    def truncated(self, number: int, size: int) -> int:
        return self._note(Did.TRUNCATED, number, size)

    def synced(self, number: int) -> int:
        return self._note(Did.SYNCED, number)

    def deleted(self, name: str) -> int:
        self.acts.append(Act(did=Did.DELETED, name=name))
        return 0

    def folder_synced(self) -> int:
        self.acts.append(Act(did=Did.FOLDER_SYNCED))
        return 0

    def _note(self, did: Did, number: int, offset: int = 0, content: bytes = b"") -> int:
        ours = self._numbers[number]
        self.acts.append(Act(did=did, number=ours, name=self._names[ours], offset=offset, content=content))
        return 0

    def _named(self, name: str) -> int:
        """A number for a file of this name; one that is made anew gets a new one."""
        self._names[len(self._names) + 1] = name
        return len(self._names)


def surviving(acts: Sequence[Act], rng: Random, spared: str = "") -> dict[str, bytes]:
    """The files after a cut that came when all of `acts` were done.

    Files whose names begin with `spared` are on another machine, which runs on; none are where it is empty.
    """
    disk, other = _Disk(), _Disk()
    for act in acts:
        if act.did is Did.FOLDER_SYNCED:
            disk.settle()
        elif act.did is not Did.MARK and spared and act.name.startswith(spared):
            other.take(act)
        elif act.did is not Did.MARK:
            disk.take(act)
    other.settle()
    return disk.after_cut(rng) | {name: other.files[number].whole() for name, number in other.names.items()}


@dataclass
class _File:
    """What is on disk of a file for sure, and what waits for its sync."""

    held: bytearray = field(default_factory=bytearray)
    waiting: list[Act] = field(default_factory=list)

    def settle(self) -> None:
        for act in self.waiting:
            _apply(self.held, act)
        self.waiting.clear()

    def whole(self) -> bytes:
        self.settle()
        return bytes(self.held)


class _Disk:
    """Files by their numbers, and what the folder calls them: for sure, and what waits."""

    def __init__(self) -> None:
        self.files: dict[int, _File] = {}
        self.names: dict[str, int] = {}
        self._waiting: list[Act] = []

    def take(self, act: Act) -> None:
        """Do one act; what it did waits for a sync."""
        if act.did is Did.FOUND:
            self.files[act.number] = _File(held=bytearray(act.content))
            self.names[act.name] = act.number
        elif act.did in (Did.MADE, Did.DELETED):
            self.files.setdefault(act.number, _File())
            self._waiting.append(act)
        elif act.did is Did.SYNCED:
            self.files[act.number].settle()
        else:
            self.files[act.number].waiting.append(act)

    def settle(self) -> None:
        """The folder was synced: files have the names that they were given."""
        self._rename(self._waiting)
        self._waiting.clear()

    def _rename(self, acts: Iterable[Act]) -> None:
        for act in acts:
            if act.did is Did.DELETED:
                self.names.pop(act.name, None)
            else:
                self.names[act.name] = act.number

    def after_cut(self, rng: Random) -> dict[str, bytes]:
        """What is there when the power comes back; the disk itself is of no use after that."""
        self._rename(self._waiting[: rng.randint(0, len(self._waiting))])
        kept_frac = rng.choice(_KEPT_FRACS)
        return {name: _torn(self.files[number], rng, kept_frac) for name, number in self.names.items()}


def _torn(file: _File, rng: Random, kept_frac: float) -> bytes:
    """The file with some of what waited: later writes may be there without the earlier ones."""
    for act in file.waiting:
        if rng.random() < kept_frac:
            _apply(file.held, act)
        elif act.did is Did.WRITTEN:
            _apply_torn(file.held, act, rng)
    return bytes(file.held)


def _apply(held: bytearray, act: Act) -> None:
    if act.did is Did.TRUNCATED:
        _resize(held, act.offset)
    elif act.did is Did.WRITTEN:
        _put(held, act.offset, act.content)
    else:
        raise InvariantBroken(f"{act.did} does not change a file")


def _apply_torn(held: bytearray, act: Act, rng: Random) -> None:
    """Nothing of a write, some of its sectors, its beginning, or its place in the file with anything in it."""
    how = rng.choice(("lost", "lost", "sectors", "beginning", "anything"))
    if how == "beginning":
        _put(held, act.offset, act.content[: rng.randrange(len(act.content))])
    if how not in ("sectors", "anything"):
        return
    for start, end in _sectors(act.offset, len(act.content)):
        if rng.random() < 0.5:
            part = act.content[start - act.offset : end - act.offset]
            _put(held, start, part if how == "sectors" else rng.randbytes(len(part)))


def _sectors(offset: int, size: int) -> Iterable[tuple[int, int]]:
    """The parts of a write that lie in one sector each."""
    first = offset // SECTOR_BYTES * SECTOR_BYTES
    for start in range(first, offset + size, SECTOR_BYTES):
        yield max(start, offset), min(start + SECTOR_BYTES, offset + size)


def _put(held: bytearray, offset: int, content: bytes) -> None:
    if content:
        _resize(held, max(len(held), offset + len(content)))
        held[offset : offset + len(content)] = content


def _resize(held: bytearray, size: int) -> None:
    if size < len(held):
        del held[size:]
    else:
        held.extend(bytes(size - len(held)))
