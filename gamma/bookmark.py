"""A bookmark: the book as it stood at one event of a long ledger, so that a start need not fold years of them again.

It lies beside the ledger, and only what was folded and found sound is written there. It is believed where it is whole,
was made by this very code for the same markets and capital, and the ledger's chain has the same hash at its event; else
the ledger is folded from its beginning, as without one. What it says is never more than the ledger says.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, final, get_args, get_origin, get_type_hints

from gamma import codec
from gamma.book import Book, Setup, durable, open_book
from gamma.errors import Corrupt
from gamma.ledger.connections import file_of

EVENTS_MIN: Final = 50_000
"""Shorter ledgers have none: to read them whole takes a second or two."""
_ROOM: Final = Path(__file__).parent
# What makes a book of events, and what looks along: a change there makes every bookmark void.
_MAKERS: Final = ("bookmark.py", "codec.py", "events.py", "floor.py", "orders.py", "markets.py", "book", "invariants")
# What no fact leaves, and the slots, which the ticks tell.
_MEMORY: Final = frozenset({"setup", "ts_event_utc_ns", "slots", "marks", "sessions", "breaches"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """The book after event `seq`, whose hash is `sha256`, in the boot `epoch`; `rounds` is what the patrol keeps.

    `book.ts_event_utc_ns` is the time of the last fact.
    """

    seq: int
    sha256: str
    epoch: int
    book: Book
    rounds: Mapping[str, Any]


def place(url: str, account: str) -> Path:
    """Where the bookmark of a ledger lies: beside its file; in the working folder where a server has it."""
    path = file_of(url)
    return Path(f"{account}.bookmark") if path is None else path.resolve().with_name(f"{path.resolve().name}.bookmark")


def find(url: str, setup: Setup, hash_at: Callable[[int], str]) -> Bookmark | None:
    """The bookmark of this ledger, where there is one that can be believed; `hash_at` tells the chain's hashes."""
    try:
        seal, _, text = place(url, setup.account).read_text(encoding="ascii").partition("\n")
        tree = json.loads(text) if seal == _seal(text) else {}
        if tree.get("made_by") != _made_by(setup) or hash_at(tree["seq"]) != tree["sha256"]:
            return None
        book = _book(tree["book"], setup).at(tree["ts_event_utc_ns"])
        return Bookmark(seq=tree["seq"], sha256=tree["sha256"], epoch=tree["epoch"], book=book, rounds=tree["rounds"])
    except (OSError, UnicodeDecodeError, ValueError, LookupError, TypeError, Corrupt):
        return None


def put(url: str, bookmark: Bookmark) -> None:
    """Write it where the ledger is long; that it cannot be written costs the next start time, and nothing else."""
    if bookmark.seq < EVENTS_MIN:
        return
    setup = bookmark.book.setup
    tree = {
        "made_by": _made_by(setup),
        "seq": bookmark.seq,
        "sha256": bookmark.sha256,
        "epoch": bookmark.epoch,
        "ts_event_utc_ns": bookmark.book.ts_event_utc_ns,
        "book": _plain(durable(bookmark.book)),
        "rounds": bookmark.rounds,
    }
    text = json.dumps(tree, separators=(",", ":"))
    path = place(url, setup.account)
    part = path.with_name(f".{path.name}.part")
    with suppress(OSError):
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(f"{_seal(text)}\n{text}")
        part.replace(path)


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _made_by(setup: Setup) -> str:
    return _seal(f"{_code()} {setup!r}")


@cache
def _code() -> str:
    total = hashlib.sha256()
    for name in _MAKERS:
        found = _ROOM / name
        for path in sorted(found.glob("*.py")) if found.is_dir() else [found]:
            total.update(path.read_bytes())
    return total.hexdigest()


def _plain(book: Book) -> dict[str, Any]:
    """The fields that facts leave in a book; mappings as pairs, for their order counts too."""
    return {name: _written(hint, getattr(book, name)) for name, hint in _hints().items()}


def _book(tree: Mapping[str, Any], setup: Setup) -> Book:
    return replace(open_book(setup), **{name: _read(hint, tree[name]) for name, hint in _hints().items()})


@cache
def _hints() -> dict[str, Any]:
    hints = get_type_hints(Book)
    return {f.name: hints[f.name] for f in fields(Book) if f.name not in _MEMORY}


def _written(hint: Any, value: Any) -> Any:
    if not _maps(hint):
        return codec.plain_as(hint, value)
    key, one = get_args(hint)
    return [[codec.plain_as(key, name), codec.plain_as(one, item)] for name, item in value.items()]


def _read(hint: Any, tree: Any) -> Any:
    if not _maps(hint):
        return codec.rebuild_as(hint, tree)
    key, one = get_args(hint)
    return {codec.rebuild_as(key, name): codec.rebuild_as(one, item) for name, item in tree}


def _maps(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)
