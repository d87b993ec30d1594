"""Sealed folders: weights and their card on disk, verified before they are used. Nothing is unpickled, nor needs JAX.

    name/policy.safetensors    the weights by name, float32; a size picker's are in picker.safetensors,
                               an event policy's in events.safetensors
    name/card.toml             what they are, what they were trained on, how they did
    name/SHA256SUMS            the sums of both, as `sha256sum --check` reads them

The hash of a folder is the SHA-256 of its SHA256SUMS file: `sha256sum name/SHA256SUMS`. It stands for both files.
What a card says, and which tensors it demands, each kind knows for itself: `models.checkpoints` of policies,
`models.size_picker.checkpoints` of size pickers, `models.events.checkpoints` of event policies.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from gamma.errors import ConfigInvalid, InputInvalid

AGAIN: Final = "copy the checkpoint again from where it was made, or train it anew"
CARD: Final = "card.toml"
SUMS: Final = "SHA256SUMS"
CARD_BYTES_MAX: Final = 1 << 20
SUMS_BYTES_MAX: Final = 1 << 12
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

Tensors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of sealed folder: what it is called, and the file that its weights lie in."""

    noun: str
    weights: str
    weights_bytes_max: int

    @property
    def bytes_max(self) -> Mapping[str, int]:
        """The most that is read of each file."""
        return {CARD: CARD_BYTES_MAX, self.weights: self.weights_bytes_max, SUMS: SUMS_BYTES_MAX}


POLICY: Final = Kind(noun="policy", weights="policy.safetensors", weights_bytes_max=1 << 26)
PICKER: Final = Kind(noun="size picker", weights="picker.safetensors", weights_bytes_max=1 << 22)
EVENTS: Final = Kind(noun="policy for event contracts", weights="events.safetensors", weights_bytes_max=1 << 24)
KINDS: Final = (POLICY, PICKER, EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The content of a folder whose sums are right, each file read once: what is verified is what is used."""

    card: str
    weights: bytes
    sha256: str


def write(folder: Path, kind: Kind, card: str, tensors: Tensors, verify: Callable[[Path, str], object]) -> str:
    """Write a folder, whole or not at all, and give its hash; what is there is never overwritten.

    `verify` is given where it lies first, and its hash, and raises where it would not be read back.

    Raises: InputInvalid when the folder exists.
    """
    check_new(folder)
    files = {CARD: card.encode(), kind.weights: safetensors.numpy.save(dict(sorted(tensors.items())))}
    files[SUMS] = _sums(files, kind)
    sha256 = hashlib.sha256(files[SUMS]).hexdigest()
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    beside.mkdir()
    try:
        for name, content in files.items():
            _write(beside / name, content)
        verify(beside, sha256)
        _sync(beside)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _sync(folder.parent)
    return sha256


def check_new(folder: Path) -> None:
    """Refuse to write where something lies.

    Raises: InputInvalid when the folder exists.
    """
    if folder.exists() or folder.is_symlink():
        raise InputInvalid(f"{folder} exists, and a checkpoint is not overwritten; give another name, or move it away")


def read(folder: Path, kind: Kind, pinned_sha256: str | None) -> Sealed:
    """Read a folder and verify its files, their sums and the pinned hash, in this order.

    Raises: ConfigInvalid, which names the file, and says what to do.
    """
    files = _read(folder, kind)
    if wrong := _sums_wrong(files, kind):
        raise ConfigInvalid(f"{folder / wrong}; {AGAIN}")
    sha256 = hashlib.sha256(files[SUMS]).hexdigest()
    if pinned_sha256 is not None:
        _match(folder, sha256, pinned_sha256)
    return Sealed(card=_text(folder / CARD, files[CARD]), weights=files[kind.weights], sha256=sha256)


def lying(folder: Path, kind: Kind) -> Sequence[Path]:
    """The folders of this kind that lie in a folder, or the folder itself where it is one, unread."""
    if _is_one(folder, kind):
        return (folder,)
    inside = sorted(folder.iterdir()) if folder.is_dir() else ()
    return tuple(one for one in inside if not one.name.startswith(".") and _is_one(one, kind))


def parsed(path: Path, content: bytes) -> dict[str, NDArray[np.float32]]:
    """The tensors of a file, read-only.

    Raises: ConfigInvalid when it is no file of safetensors.
    """
    try:
        found = safetensors.numpy.load(content)
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise ConfigInvalid(f"{path}: cannot be read as safetensors ({error}); {AGAIN}") from None
    for tensor in found.values():
        tensor.flags.writeable = False
    return found


def tensors_wrong(kind: Kind, shapes: Mapping[str, tuple[int, ...]], tensors: Mapping[str, NDArray[Any]]) -> str:
    """What is wrong with the tensors, by the shapes that the card demands; nothing where they are as they should be."""
    for name in (*shapes, *tensors):
        if name not in tensors:
            return f"{name} is missing; the card demands it, of shape {shapes[name]}"
        if name not in shapes:
            return f"{name} is there, and no {kind.noun} with this card has it"
    return next((wrong for name, shape in shapes.items() if (wrong := _tensor_wrong(name, tensors[name], shape))), "")


def _is_one(folder: Path, kind: Kind) -> bool:
    """Whether it is of this kind: a policy by any of its files, so that it is shown with what it lacks."""
    if kind != POLICY or _other(folder, kind):
        return (folder / kind.weights).exists()
    return any((folder / name).exists() for name in kind.bytes_max)


def _read(folder: Path, kind: Kind) -> dict[str, bytes]:
    try:
        there = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise ConfigInvalid(f"{folder} is no folder that can be read ({error.strerror}); name a checkpoint") from None
    if (other := _other(folder, kind)) and kind.weights not in there:
        raise ConfigInvalid(f"{folder} is a {other.noun}, and a {kind.noun} is wanted; name one of those")
    if missing := [name for name in kind.bytes_max if name not in there]:
        raise ConfigInvalid(f"{folder}: {', '.join(missing)} is missing; {AGAIN}")
    if odd := [name for name in there if name not in kind.bytes_max]:
        raise ConfigInvalid(f"{folder}: {', '.join(odd)} is no part of a checkpoint; move it away")
    return {name: _content(folder / name, most) for name, most in kind.bytes_max.items()}


def _other(folder: Path, kind: Kind) -> Kind | None:
    """Which other kind's weights lie in the folder."""
    return next((other for other in KINDS if other != kind and (folder / other.weights).exists()), None)


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


def _sums(files: Mapping[str, bytes], kind: Kind) -> bytes:
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in (CARD, kind.weights)).encode()


def _sums_wrong(files: Mapping[str, bytes], kind: Kind) -> str:
    """Which file is not as its sum says, and how; nothing where both are."""
    due = _sums(files, kind)
    if due == files[SUMS]:
        return ""
    lines = rf"([0-9a-f]{{64}})  {re.escape(CARD)}\n([0-9a-f]{{64}})  {re.escape(kind.weights)}\n"
    told = re.fullmatch(lines.encode(), files[SUMS])
    if told is None:
        return f"{SUMS} is not two lines, of {CARD} and {kind.weights}, as sha256sum writes them"
    pairs = zip((CARD, kind.weights), due.splitlines(), told.groups(), strict=True)
    name, here, said = next((name, line[:64], said) for name, line, said in pairs if line[:64] != said)
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
