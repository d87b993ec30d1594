"""Checkpoints of event policies: sealed folders (`models.sealed`) whose card and tensors are an event policy's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from gamma.errors import ConfigInvalid, InputInvalid
from models import card_text, sealed
from models.events import cards
from models.events.cards import Card
from models.sealed import AGAIN, CARD, EVENTS, Tensors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventCheckpoint:
    """A verified checkpoint; its tensors are read-only, and `sha256` is the hash that a configuration pins."""

    card: Card
    tensors: Tensors
    sha256: str


def save(folder: Path, tensors: Mapping[str, Any], card: Card) -> str:
    """Write a checkpoint, whole or not at all, and give its hash; what is there is never overwritten.

    Raises: InputInvalid when the folder exists, or when tensors and card do not fit each other or this code.
    """
    sealed.check_new(folder)
    found = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    if wrong := sealed.tensors_wrong(EVENTS, cards.shapes(card), found) or cards.schema_wrong(card):
        raise InputInvalid(f"{folder} was not written: {wrong}")

    def verify(beside: Path, sha256: str) -> None:
        load(beside, pinned_sha256=sha256)

    return sealed.write(folder, EVENTS, card_text.written(card), found, verify)


def load(folder: Path, *, pinned_sha256: str | None) -> EventCheckpoint:
    """Read a checkpoint and verify all of it: files, sums, the pinned hash, card, tensors, schema, in this order.

    `pinned_sha256` is None only where a person looks at what is there: nothing trades from an unpinned checkpoint.

    Raises: ConfigInvalid, which names file, field and value, and says what to do.
    """
    files = sealed.read(folder, EVENTS, pinned_sha256)
    card = card_text.read(Card, files.card, str(folder / CARD))
    tensors = sealed.parsed(folder / EVENTS.weights, files.weights)
    if wrong := sealed.tensors_wrong(EVENTS, cards.shapes(card), tensors):
        raise ConfigInvalid(f"{folder / EVENTS.weights}: {wrong}; {AGAIN}")
    if wrong := cards.schema_wrong(card):
        raise ConfigInvalid(f"{folder / CARD}: {wrong}")
    return EventCheckpoint(card=card, tensors=MappingProxyType(tensors), sha256=files.sha256)
