"""Where event policies lie, and what their cards tell: the commands' way to them. Nothing here needs JAX."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from gamma.clock import NS
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.markets import Kind, Market
from gamma.ports import EventPolicy, Trained
from models import card_text, sealed
from models.events import checkpoints
from models.events.cards import Card
from models.events.checkpoints import EventCheckpoint
from models.events.serving import ServedEventPolicy


@final
class EventShelf:
    """Event policies trained by `models.ppo`."""

    @property
    def shipped(self) -> Path:
        return Path(__file__).parents[1] / "shipped"

    def found(self, folder: Path) -> Sequence[Path]:
        return sealed.lying(folder, sealed.EVENTS)

    def told(self, folder: Path) -> Trained:
        return told_of(checkpoints.load(folder, pinned_sha256=None))

    def open(self, folder: Path, *, market: Market, pinned_sha256: str) -> EventPolicy:
        checkpoint = checkpoints.load(folder, pinned_sha256=pinned_sha256)
        if market.kind is not Kind.EVENT:
            raise ConfigInvalid(f"{folder} trades event contracts, and {market.symbol} is none; trade it in one")
        return ServedEventPolicy(told_of(checkpoint), checkpoint)

    def join(self, out: Path, members: Sequence[Path]) -> str:
        raise InputInvalid(f"{members[0]} is an event policy, and those are not joined to {out.name}; join others")

    def appraise(self, folder: Path, out: Path, evaluations: Sequence[Mapping[str, Any]]) -> str:
        checkpoint = checkpoints.load(folder, pinned_sha256=None)
        told = checkpoint.card.model_dump(mode="json")
        told["evaluations"] = [*told["evaluations"], *evaluations]
        return checkpoints.save(out, checkpoint.tensors, card_text.made(Card, told, str(folder)))


def told_of(checkpoint: EventCheckpoint) -> Trained:
    """What the commands and the daemon are told of a checkpoint."""
    card = checkpoint.card
    sizes = card.conditions.sizes_lots
    return Trained(
        sha256=checkpoint.sha256,
        kind=f"{card.kind}, {'all sizes' if len(sizes) > 1 else f'{sizes[0]} contracts'}",
        markets=card.markets,
        created=card.created_utc.date().isoformat(),
        ts_created_utc_ns=round(card.created_utc.timestamp()) * NS,
        steps=card.training.steps,
        paper_only=card.paper_only,
        card=card.model_dump(mode="json"),
    )
