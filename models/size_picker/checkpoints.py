"""Checkpoints of size pickers: sealed folders (`models.sealed`) whose card and tensors are a size picker's.

The tensors are the model's own (`models.size_picker.v1` to `v3`), the scale of what it was shown, and, once it is
calibrated, `calibration.predicted` and `calibration.observed`, the map of its probabilities, `calibration.drift`, how
far its mean moves are trusted, and `conformal.scores`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from gamma.errors import ConfigInvalid, InputInvalid
from models import sealed
from models.sealed import AGAIN, CARD, PICKER, Tensors
from models.size_picker import cards
from models.size_picker.calibration import Calibrated, Calibration
from models.size_picker.cards import Card, TradeSet
from models.size_picker.conformal import Conformal
from models.size_picker.drift import Drift
from models.size_picker.form import Picker

ADDED: Final = ("calibration.predicted", "calibration.observed", "conformal.scores", "calibration.drift")
RISING: Final = (*ADDED[:3], "edges")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PickerCheckpoint:
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
    if wrong := _wrong(card, found) or cards.schema_wrong(card):
        raise InputInvalid(f"{folder} was not written: {wrong}")

    def verify(beside: Path, sha256: str) -> None:
        load(beside, pinned_sha256=sha256)

    return sealed.write(folder, PICKER, cards.written(card), found, verify)


def load(folder: Path, *, pinned_sha256: str | None) -> PickerCheckpoint:
    """Read a checkpoint and verify all of it: files, sums, the pinned hash, card, tensors, schema, in this order.

    `pinned_sha256` is None only where a person looks at what is there: nothing trades from an unpinned checkpoint.

    Raises: ConfigInvalid, which names file, field and value, and says what to do.
    """
    files = sealed.read(folder, PICKER, pinned_sha256)
    card = cards.read(files.card, str(folder / CARD))
    tensors = sealed.parsed(folder / PICKER.weights, files.weights)
    if wrong := _wrong(card, tensors):
        raise ConfigInvalid(f"{folder / PICKER.weights}: {wrong}; {AGAIN}")
    if wrong := cards.schema_wrong(card):
        raise ConfigInvalid(f"{folder / CARD}: {wrong}")
    return PickerCheckpoint(card=card, tensors=MappingProxyType(tensors), sha256=files.sha256)


def bare(checkpoint: PickerCheckpoint) -> Picker:
    """The model alone, neither calibrated nor with a conformal layer."""
    found: Picker = cards.MODELS[checkpoint.card.model].of(
        {name: tensor for name, tensor in checkpoint.tensors.items() if name not in ADDED}
    )
    return found


def picker(checkpoint: PickerCheckpoint) -> Picker:
    """The model as it is to be asked: calibrated, and with its conformal layer, where the checkpoint has them."""
    found, tensors = bare(checkpoint), checkpoint.tensors
    if ADDED[0] in tensors:
        predicted, observed = (tensors[name].astype(np.float64) for name in ADDED[:2])
        calibration = Calibration(predicted=predicted, observed=observed)
        drift = (
            Drift(mean_frac=float(tensors[ADDED[3]][0]), trust=float(tensors[ADDED[3]][1]))
            if ADDED[3] in tensors
            else None
        )
        found = Calibrated(picker=found, calibration=calibration, drift=drift)
    if ADDED[2] in tensors:
        found = Conformal(picker=found, scores=tensors[ADDED[2]].astype(np.float64))
    return found


def calibrated(
    checkpoint: PickerCheckpoint, added: Mapping[str, Any], sets: Sequence[TradeSet]
) -> tuple[dict[str, Any], Card]:
    """Tensors and card of the checkpoint with a calibration on these sets: any of `ADDED`, in place of what it had."""
    tensors: dict[str, Any] = {name: tensor for name, tensor in checkpoint.tensors.items() if name not in ADDED}
    new = {name: np.asarray(tensor, dtype=np.float32) for name, tensor in added.items()}
    calibration = cards.Calibration(
        id=calibration_id(new),
        sets=tuple(sets),
        knots=len(new.get(ADDED[0], ())),
        scores=len(new.get(ADDED[2], ())),
        drift=ADDED[3] in new,
    )
    return tensors | new, checkpoint.card.model_copy(update={"calibration": calibration})


def calibration_id(tensors: Mapping[str, Any]) -> str:
    """The SHA-256 of what a calibration came to."""
    content = [name.encode() + np.ascontiguousarray(tensors[name]).tobytes() for name in ADDED if name in tensors]
    return hashlib.sha256(b"".join(content)).hexdigest()


def _wrong(card: Card, tensors: Mapping[str, Any]) -> str:
    """What is wrong with the tensors of a picker with this card; nothing where they are as they should be."""
    if wrong := sealed.tensors_wrong(PICKER, cards.shapes(card), tensors):
        return wrong
    for name in RISING:
        if name in tensors and (np.diff(tensors[name]) < (1e-6 if name == "edges" else 0.0)).any():
            return f"{name} does not rise, and should"
    for name in ("tail", "gap"):
        if name in tensors and tensors[name][0] < 0:
            return f"{name} is {tensors[name][0]}, and should be 0 or more"
    if any(name in tensors and (np.abs(tensors[name] - 0.5) > 0.5).any() for name in ADDED[:2]):
        return "calibration has what is no probability: below 0, or above 1"
    if card.calibration and card.calibration.id != calibration_id(tensors):
        return f"calibration is another than the card's, whose id is {card.calibration.id}"
    return ""
