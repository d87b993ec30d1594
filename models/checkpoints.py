"""Checkpoints: a trained policy on disk, verified before it is used. Loading needs no JAX, and nothing is unpickled.

    name/policy.safetensors    the weights of `models.ppo` by name, and `scale.mean` and `scale.variance`, float32
    name/card.toml             what the policy is, what it was trained on, how it did: `models.cards`
    name/SHA256SUMS            the sums of both, as `sha256sum --check` reads them

The hash of a checkpoint is the SHA-256 of its SHA256SUMS file: `sha256sum name/SHA256SUMS`. It stands for both files.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from gamma.errors import ConfigInvalid, InputInvalid
from models import cards
from models.cards import AGAIN, Card

POLICY: Final = "policy.safetensors"
CARD: Final = "card.toml"
SUMS: Final = "SHA256SUMS"
BYTES_MAX: Final = {CARD: 1 << 20, POLICY: 1 << 26, SUMS: 1 << 12}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LINES: Final = re.compile(rf"([0-9a-f]{{64}})  {re.escape(CARD)}\n([0-9a-f]{{64}})  {re.escape(POLICY)}\n".encode())

Tensors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A verified checkpoint; its tensors are read-only, and `sha256` is the hash that a configuration pins.

    An ensemble has no tensors, and `members`, each as verified as itself.
    """

    card: Card
    tensors: Tensors
    sha256: str
    members: "tuple[Checkpoint, ...]" = ()


def save(folder: Path, tensors: Mapping[str, Any], card: Card) -> str:
    """Write a checkpoint, whole or not at all, and give its hash; what is there is never overwritten.

    Raises: InputInvalid when the folder exists, or when tensors and card do not fit each other or this code.
    """
    if folder.exists() or folder.is_symlink():
        raise InputInvalid(f"{folder} exists, and a checkpoint is not overwritten; give another name, or move it away")
    found = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    if wrong := _tensors_wrong(card, found) or _schema_wrong(card):
        raise InputInvalid(f"{folder} was not written: {wrong}")
    files = {CARD: cards.written(card).encode(), POLICY: safetensors.numpy.save(dict(sorted(found.items())))}
    files[SUMS] = _sums(files)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    beside.mkdir()
    try:
        for name, content in files.items():
            _write(beside / name, content)
        sha256 = load(beside, pinned_sha256=hashlib.sha256(files[SUMS]).hexdigest()).sha256
        _sync(beside)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _sync(folder.parent)
    return sha256


def load(folder: Path, *, pinned_sha256: str | None, schema_hash: str | None = None) -> Checkpoint:
    """Read a checkpoint and verify all of it: files, sums, the pinned hash, card, tensors, schema, in this order.

    `pinned_sha256` is None only where a person looks at what is there: nothing trades from an unpinned checkpoint.
    `schema_hash` is what the caller will show the policy; it must be this code's, and the card's, in any case.

    Raises: ConfigInvalid, which names file, field and value, and says what to do.
    """
    files = _read(folder)
    if wrong := _sums_wrong(files):
        raise ConfigInvalid(f"{folder / wrong}; {AGAIN}")
    sha256 = hashlib.sha256(files[SUMS]).hexdigest()
    if pinned_sha256 is not None:
        _match(folder, sha256, pinned_sha256)
    card = cards.read(_text(folder / CARD, files[CARD]), str(folder / CARD))
    tensors = _parsed(folder / POLICY, files[POLICY])
    if wrong := _tensors_wrong(card, tensors):
        raise ConfigInvalid(f"{folder / POLICY}: {wrong}; {AGAIN}")
    if wrong := _schema_wrong(card, schema_hash):
        raise ConfigInvalid(f"{folder / CARD}: {wrong}")
    return Checkpoint(
        card=card, tensors=MappingProxyType(tensors), sha256=sha256, members=tuple(_members(folder, card))
    )


def _members(folder: Path, card: Card) -> Iterator[Checkpoint]:
    """The checkpoints that an ensemble names, beside it; each is what its card says, and acts as it does."""
    for member in card.members:
        try:
            found = load(folder.parent / member.name, pinned_sha256=member.sha256)
        except ConfigInvalid as error:
            raise ConfigInvalid(f"{folder / CARD}: member {member.name} is refused: {error}") from None
        if wrong := _member_wrong(card, found.card):
            raise ConfigInvalid(f"{folder / CARD}: member {member.name} {wrong}; join others, or make the card anew")
        yield found


def _member_wrong(card: Card, member: Card) -> str:
    """Why a checkpoint cannot be a member; nothing where it can."""
    if member.members:
        return "is an ensemble itself"
    for name in ("phase", "window_bars", "conditions"):
        if getattr(member, name) != getattr(card, name):
            return f"has another {name} ({getattr(member, name)}) than the ensemble ({getattr(card, name)})"
    if missing := sorted(set(card.markets) - set(member.markets)):
        return f"was not trained for {', '.join(missing)}"
    if not set(member.training.bars) <= set(card.training.bars):
        return "was trained on bars that the ensemble's card does not tell of"
    return ""


def _read(folder: Path) -> dict[str, bytes]:
    """The three files, each read once: what is verified is what is used."""
    try:
        there = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise ConfigInvalid(f"{folder} is no folder that can be read ({error.strerror}); name a checkpoint") from None
    if missing := [name for name in BYTES_MAX if name not in there]:
        raise ConfigInvalid(f"{folder}: {', '.join(missing)} is missing; {AGAIN}")
    if odd := [name for name in there if name not in BYTES_MAX]:
        raise ConfigInvalid(f"{folder}: {', '.join(odd)} is no part of a checkpoint; move it away")
    return {name: _content(folder / name, most) for name, most in BYTES_MAX.items()}


def _content(path: Path, most: int) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ConfigInvalid(f"{path} is no plain file; {AGAIN}")
            content = file.read(most + 1)
    except OSError as error:
        raise ConfigInvalid(f"{path} is no plain file that can be read ({error.strerror}); {AGAIN}") from None
    if len(content) > most:
        raise ConfigInvalid(f"{path} is longer than {most:,} bytes, the most that is read; {AGAIN}")
    return content


def _sums(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in (CARD, POLICY)).encode()


def _sums_wrong(files: Mapping[str, bytes]) -> str:
    """Which file is not as its sum says, and how; nothing where both are."""
    due = _sums(files)
    if due == files[SUMS]:
        return ""
    told = _LINES.fullmatch(files[SUMS])
    if told is None:
        return f"{SUMS} is not two lines, of {CARD} and {POLICY}, as sha256sum writes them"
    lines = zip((CARD, POLICY), due.splitlines(), told.groups(), strict=True)
    name, here, said = next((name, line[:64], said) for name, line, said in lines if line[:64] != said)
    return f"{name} has the SHA-256 {here.decode()}, and {SUMS} says {said.decode()}"


def _match(folder: Path, sha256: str, pinned_sha256: str) -> None:
    if not _SHA256.fullmatch(pinned_sha256):
        raise ConfigInvalid(
            f"pinned_sha256 = {pinned_sha256!r} is no SHA-256 of 64 digits 0-9 a-f; `gamma models show` prints it"
        )
    if sha256 != pinned_sha256:
        raise ConfigInvalid(
            f"{folder / SUMS} has the SHA-256 {sha256}, and {pinned_sha256} is pinned: it is another checkpoint;"
            " put back the one that is pinned, or look at this one (`gamma models show`) and pin it"
        )


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path}: is not UTF-8 at byte {error.start:,}; {AGAIN}") from None


def _parsed(path: Path, content: bytes) -> dict[str, NDArray[np.float32]]:
    try:
        found = safetensors.numpy.load(content)
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise ConfigInvalid(f"{path}: cannot be read as safetensors ({error}); {AGAIN}") from None
    for tensor in found.values():
        tensor.flags.writeable = False
    return found


def _tensors_wrong(card: Card, tensors: Mapping[str, NDArray[Any]]) -> str:
    """What is wrong with the tensors of a policy with this card; nothing where they are as they should be."""
    shapes = cards.shapes(card)
    for name in (*shapes, *tensors):
        if name not in tensors:
            return f"{name} is missing; the card demands it, of shape {shapes[name]}"
        if name not in shapes:
            return f"{name} is there, and no policy with this card has it"
    return next((wrong for name, shape in shapes.items() if (wrong := _tensor_wrong(name, tensors[name], shape))), "")


def _tensor_wrong(name: str, tensor: NDArray[Any], shape: tuple[int, ...]) -> str:
    if tensor.dtype != np.float32:
        return f"{name} is {tensor.dtype}, and should be float32"
    if tensor.shape != shape:
        return f"{name} is of shape {tensor.shape}, and by the card should be of shape {shape}"
    if not (fine := np.isfinite(tensor)).all():
        return f"{name} has {_first(tensor, ~fine)}, and should be finite"
    if name == "scale.variance" and not (fine := tensor >= 0).all():
        return f"{name} has {_first(tensor, ~fine)}, and no variance is below 0"
    return ""


def _first(tensor: NDArray[Any], where: NDArray[np.bool_]) -> str:
    at = np.argwhere(where)[0].tolist()
    return f"{tensor[tuple(at)]} at {at}"


def _schema_wrong(card: Card, schema_hash: str | None = None) -> str:
    """In what the policy was shown something else than this code shows; nothing where it was not."""
    due, mend = cards.seen_of(card.phase, card.window_bars), "train it anew with this version, or use that one"
    for part in ("moves", "times", "own"):
        here, told = getattr(due, part), getattr(card.seen, part)
        if here != told:
            other = next((f"{b!r} for {a!r}" for a, b in zip(here, told, strict=False) if a != b), "more or fewer")
            return f"[seen] {part} is not what this version shows a policy ({other}); {mend}"
    if card.seen.schema_sha256 != due.schema_sha256:
        told = card.seen.schema_sha256
        return f"[seen] schema_sha256 = {told!r}, and this version's is {due.schema_sha256!r}; {mend}"
    if schema_hash is not None and schema_hash != due.schema_sha256:
        return (
            f"[seen] schema_sha256 = {due.schema_sha256!r}, and {schema_hash!r} is what it would be shown;"
            f" use a policy of phase and window as configured (its card: {card.phase}, {card.window_bars} bars)"
        )
    return ""


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
