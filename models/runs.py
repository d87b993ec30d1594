"""The folder of a training run: what was asked, the state to go on from, its checkpoints, and what was told.

    run.json               what the run is: its id, kind and seeds, what must not change, and what the command was given
    resume.safetensors     all of the run's state at its last save, replaced at once: `models.resume`
    checkpoints/0050       a checkpoint after so many updates: `models.sealed`
    metrics.jsonl          a line an update
    held_out.json          how it did on sessions that it did not learn from
    picture.png            its learning curves

Of several seeds each has its checkpoints and metrics in a folder of its own, `seed-1` and so on.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gamma.errors import ConfigInvalid, InputInvalid
from models.sealed import Tensors

RUN: Final = "run.json"
RESUME: Final = "resume.safetensors"
METRICS: Final = "metrics.jsonl"
HELD_OUT: Final = "held_out.json"
PICTURE: Final = "picture.png"
CHECKPOINTS: Final = "checkpoints"


def begin(out: Path, told: Mapping[str, Any]) -> None:
    """Make the folder of a new run.

    Raises: InputInvalid when it is there already.
    """
    if out.exists() or out.is_symlink():
        raise InputInvalid(f"{out} is there already; go on with it (--resume {out}), or give another name to --out")
    out.mkdir(parents=True)
    replace(out / RUN, (json.dumps(told, indent=1, allow_nan=False) + "\n").encode())


def told_of(out: Path) -> dict[str, Any]:
    """What the folder says the run is.

    Raises: InputInvalid when no run is in it.
    """
    try:
        told: dict[str, Any] = json.loads((out / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputInvalid(f"{out}: no run is in it ({RUN}: {error}); name the folder that --out made") from None
    return told


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Keep the run to this process.

    Raises: InputInvalid when another trains it.
    """
    with (out / RUN).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputInvalid(f"{out}: another process is training this run; wait for it, or stop it") from None
        yield


def member(out: Path, seeds: Sequence[int], seed: int) -> Path:
    """The folder of a seed: the run's own where it has no other."""
    return out if len(seeds) == 1 else out / f"seed-{seed}"


def checkpoint(folder: Path, updates: int) -> Path:
    """Where the checkpoint after so many updates lies."""
    return folder / CHECKPOINTS / f"{updates:04}"


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a run or seed, unread."""
    there = folder / CHECKPOINTS
    found = [one for one in there.iterdir() if one.name.isdigit()] if there.is_dir() else []
    return max(found, key=lambda one: int(one.name), default=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Written:
    """A checkpoint to be kept: its tensors, and how one of its kind is written, and read back verified."""

    tensors: Tensors
    save: Callable[[Path], object]
    load: Callable[[Path], Tensors]


def keep(folder: Path, updates: int, written: Written) -> Path:
    """Write a checkpoint; one that a run wrote before it was cut off must be the same, and stays.

    Raises: InputInvalid when another lies there, or it cannot be written.
    """
    target = checkpoint(folder, updates)
    if not target.exists():
        written.save(target)
        return target
    there = written.load(target)
    if any(not np.array_equal(there[name], tensor) for name, tensor in written.tensors.items()):
        raise InputInvalid(
            f"{target} has other weights than this run came to, and a checkpoint is not overwritten; move it away"
        )
    return target


def cut(folder: Path, updates: int) -> None:
    """Take back what was told after so many updates, by a run that was cut off before its next save."""
    path = folder / METRICS
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    if len(lines) > updates:
        replace(path, b"".join(lines[:updates]))


def tell(folder: Path, line: Mapping[str, Any]) -> None:
    """Add a line to the run's metrics."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, allow_nan=False) + "\n")


def metrics(folder: Path) -> list[dict[str, float]]:
    """What was told, update by update.

    Raises: InputInvalid when nothing was.
    """
    try:
        return [json.loads(line) for line in (folder / METRICS).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise InputInvalid(f"{folder}: no run has told anything in it ({METRICS}: {error})") from None


def check_same(out: Path, now: Mapping[str, Any]) -> None:
    """Refuse to go on with other bars, another configuration or other code than the run began with.

    Raises: ConfigInvalid naming what differs.
    """
    before = told_of(out)["same"]
    differs = [name for name in now if json.loads(json.dumps(now[name])) != before.get(name)]
    if differs:
        name = differs[0]
        newest = last_checkpoint(out) or f"{out}/.../{CHECKPOINTS}/NNNN"
        raise ConfigInvalid(
            f"{out}: its {name} differ: {_short(before.get(name))} when it began, {_short(now[name])} now, and a run "
            f"goes on bit for bit or not at all; put back what it began with, or begin anew with --from {newest}"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def replace(path: Path, content: bytes) -> None:
    """Write a file anew, whole or not at all; it is on disk afterwards."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
