"""What a process holds: memory, open handles, and how long the lists and maps of the daemon are; whether it grows."""

import gc
import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Final

CONTAINERS: Final = (dict, list, tuple, set, frozenset, deque)
_DEPTH_MAX: Final = 6
_LISTED_MIN: Final = 10
EARLY_DAY: Final = 5
MEMORY_MAX: Final = 1.05
SIZE_FREE: Final = 300
SIZE_MAX: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What was held at one moment: memory as the kernel counts it [bytes] and as Python does [blocks], open handles.

    `sizes` are the lengths of lists and maps, by where they are.
    """

    resident_bytes: int
    blocks: int
    handles: int
    sizes: dict[str, int]


def held(root: object) -> Held:
    """What this process holds now, and how long the lists and maps are that gamma's objects under `root` have."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Held(
        resident_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
        blocks=sys.getallocatedblocks(),
        handles=len(list(Path("/proc/self/fd").iterdir())),
        sizes={where: size for where, size in _sizes(root, "", set(), 0) if size >= _LISTED_MIN},
    )


def grown(evenings: Mapping[int, Held], early_day: int = EARLY_DAY) -> list[str]:
    """What was more on a later evening than on that of the early day, by which all has been seen that there is.

    Handles may not be one more. Memory may be a twentieth more, for the pages that Python keeps are never all full.
    Lists and maps may be twice as long, where they are long, for one day has more orders than another.
    """
    if early_day not in evenings:
        return []
    early, wrong = evenings[early_day], []
    for number, late in sorted(evenings.items()):
        if number <= early_day:
            continue
        if late.handles > early.handles:
            wrong.append(f"day {number}: {late.handles} open handles, of {early.handles} on day {early_day}")
        for what in ("resident_bytes", "blocks"):
            now, before = getattr(late, what), getattr(early, what)
            if now > MEMORY_MAX * before:
                wrong.append(f"day {number}: {now:,} {what}, of {before:,} on day {early_day}")
        for where, size in late.sizes.items():
            before = early.sizes.get(where, 0)
            if size > max(SIZE_FREE, SIZE_MAX * before):
                wrong.append(f"day {number}: {where} has {size:,} entries, and had {before:,} on day {early_day}")
    return wrong


def _sizes(found: object, where: str, seen: set[int], depth: int) -> Iterator[tuple[str, int]]:
    if id(found) in seen or depth > _DEPTH_MAX:
        return
    seen.add(id(found))
    if isinstance(found, CONTAINERS):
        yield where, len(found)
        for inner in list(found.values() if isinstance(found, dict) else found)[:_LISTED_MIN]:
            yield from _sizes(inner, f"{where}[]", seen, depth + 1)
    elif type(found).__module__.startswith(("gamma.", "brokers.")):
        for name, value in _parts(found):
            yield from _sizes(value, f"{where}.{name}", seen, depth + 1)


def _parts(found: Any) -> Iterator[tuple[str, object]]:
    if is_dataclass(found):
        yield from ((f.name, getattr(found, f.name)) for f in fields(found))
    yield from getattr(found, "__dict__", {}).items()
