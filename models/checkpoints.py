"""Checkpoints of policies: sealed folders (`models.sealed`) whose card and tensors are a policy's.

The weights are those of `models.ppo` by name, with `scale.mean` and `scale.variance`; the card is `models.cards`'.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from gamma.errors import ConfigInvalid, InputInvalid
from models import cards, sealed
from models.cards import Card
from models.sealed import AGAIN, CARD, SUMS, Tensors

__all__ = ("BYTES_MAX", "CARD", "POLICY", "SUMS", "Checkpoint", "Tensors", "load", "save")

POLICY: Final = sealed.POLICY.weights
BYTES_MAX: Final = sealed.POLICY.bytes_max


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
    sealed.check_new(folder)
    found = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    if wrong := sealed.tensors_wrong(sealed.POLICY, cards.shapes(card), found) or _schema_wrong(card):
        raise InputInvalid(f"{folder} was not written: {wrong}")

    def verify(beside: Path, sha256: str) -> None:
        load(beside, pinned_sha256=sha256)

    return sealed.write(folder, sealed.POLICY, cards.written(card), found, verify)


def load(folder: Path, *, pinned_sha256: str | None, schema_hash: str | None = None) -> Checkpoint:
    """Read a checkpoint and verify all of it: files, sums, the pinned hash, card, tensors, schema, in this order.

    `pinned_sha256` is None only where a person looks at what is there: nothing trades from an unpinned checkpoint.
    `schema_hash` is what the caller will show the policy; it must be this code's, and the card's, in any case.

    Raises: ConfigInvalid, which names file, field and value, and says what to do.
    """
    files = sealed.read(folder, sealed.POLICY, pinned_sha256)
    card = cards.read(files.card, str(folder / CARD))
    tensors = sealed.parsed(folder / POLICY, files.weights)
    if wrong := sealed.tensors_wrong(sealed.POLICY, cards.shapes(card), tensors):
        raise ConfigInvalid(f"{folder / POLICY}: {wrong}; {AGAIN}")
    if wrong := _schema_wrong(card, schema_hash):
        raise ConfigInvalid(f"{folder / CARD}: {wrong}")
    members = tuple(_members(folder, card))
    return Checkpoint(card=card, tensors=MappingProxyType(tensors), sha256=files.sha256, members=members)


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
