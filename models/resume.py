"""All of a training run's state in one file, to go on from bit for bit; nothing is unpickled."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import jax
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from gamma.errors import ConfigInvalid
from models import runs

AGAIN: Final = "begin anew with --from and a checkpoint of the run"
TOLD: Final = "updates_sha256"
T = TypeVar("T")


def save(path: Path, state: Any, updates: int) -> None:
    """Write the state after so many updates, in place of what was there, whole or not at all."""
    tensors = _named(jax.device_get(state))
    # One entry, for several are written in an order of chance, and equal runs have equal files.
    told = {TOLD: f"{updates} {_sum(tensors, updates)}"}
    runs.replace(path, safetensors.numpy.save(tensors, metadata=told))


def load(path: Path, like: T) -> tuple[T, int]:
    """The state, in the form of `like`, and after how many updates it was saved.

    Raises: ConfigInvalid when the file is not whole, or is of another form.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        after, _, sha256 = told[TOLD].partition(" ")
        updates = int(after)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ConfigInvalid(f"{path} cannot be read ({error}); {AGAIN}") from None
    if sha256 != _sum(tensors, updates):
        raise ConfigInvalid(f"{path} is not as it was written: its SHA-256 is another; {AGAIN}")
    due = _named(like)
    if {n: (t.shape, t.dtype) for n, t in due.items()} != {n: (t.shape, t.dtype) for n, t in tensors.items()}:
        raise ConfigInvalid(f"{path} holds a run of another form than this one; {AGAIN}")
    return jax.tree.unflatten(jax.tree.structure(like), [tensors[name] for name in _names(like)]), updates


def _names(state: Any) -> list[str]:
    return [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(state)[0]]


def _named(state: Any) -> dict[str, NDArray[Any]]:
    return {n: np.asarray(leaf, order="C") for n, leaf in zip(_names(state), jax.tree.leaves(state), strict=True)}


def _sum(tensors: Mapping[str, NDArray[Any]], updates: int) -> str:
    total = hashlib.sha256(str(updates).encode())
    for name in sorted(tensors):
        total.update(f"{name} {tensors[name].dtype} {tensors[name].shape}\n".encode())
        total.update(tensors[name].tobytes())
    return total.hexdigest()
