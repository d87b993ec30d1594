"""Where size pickers lie, and what their cards tell: the commands' way to them. Nothing here needs JAX."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from gamma.clock import NS
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.markets import Market
from gamma.ports import SizePicker, Trained
from models import card_text, sealed
from models.size_picker import checkpoints
from models.size_picker.cards import Card
from models.size_picker.checkpoints import PickerCheckpoint
from models.size_picker.serving import BarPicker


@final
class PickerShelf:
    """Size pickers trained by `models.size_picker.learning`."""

    @property
    def shipped(self) -> Path:
        return Path(__file__).parents[1] / "shipped"

    def found(self, folder: Path) -> Sequence[Path]:
        return sealed.lying(folder, sealed.PICKER)

    def told(self, folder: Path) -> Trained:
        return told_of(checkpoints.load(folder, pinned_sha256=None))

    def open(self, folder: Path, *, market: Market, pinned_sha256: str) -> SizePicker:
        checkpoint = checkpoints.load(folder, pinned_sha256=pinned_sha256)
        if market.symbol not in checkpoint.card.markets:
            known = ", ".join(checkpoint.card.markets)
            raise ConfigInvalid(
                f"{folder} picks sizes of {known}, and not of {market.symbol}; name another, or train one"
            )
        return BarPicker(told_of(checkpoint), checkpoint)

    def join(self, out: Path, members: Sequence[Path]) -> str:
        raise InputInvalid(f"{members[0]} is a size picker, and those are not joined to {out.name}; join policies")

    def appraise(self, folder: Path, out: Path, evaluations: Sequence[Mapping[str, Any]]) -> str:
        checkpoint = checkpoints.load(folder, pinned_sha256=None)
        told = checkpoint.card.model_dump(mode="json")
        told["evaluations"] = [*told["evaluations"], *evaluations]
        return checkpoints.save(out, checkpoint.tensors, card_text.made(Card, told, str(folder)))


def told_of(checkpoint: PickerCheckpoint) -> Trained:
    """What the commands and the daemon are told of a checkpoint."""
    card = checkpoint.card
    layer = ", conformal" if card.calibration and card.calibration.scores else ""
    return Trained(
        sha256=checkpoint.sha256,
        kind=f"size picker {card.model}{layer}",
        markets=card.markets,
        created=card.created_utc.date().isoformat(),
        ts_created_utc_ns=round(card.created_utc.timestamp()) * NS,
        steps=card.training.steps,
        paper_only=card.paper_only,
        card=card.model_dump(mode="json"),
    )
