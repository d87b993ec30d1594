"""Where checkpoints lie, and what their cards tell: the commands' way to them. Nothing here needs JAX."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from gamma.clock import NS
from gamma.markets import Market
from gamma.ports import Policy, Trained
from models import cards, checkpoints, ensembles, sealed
from models.checkpoints import Checkpoint
from models.serving import FuturesPolicy


@final
class Shelf:
    """Futures policies trained by `models.ppo`."""

    @property
    def shipped(self) -> Path:
        return Path(__file__).parent / "shipped"

    def found(self, folder: Path) -> Sequence[Path]:
        return sealed.lying(folder, sealed.POLICY)

    def told(self, folder: Path) -> Trained:
        return told_of(checkpoints.load(folder, pinned_sha256=None))

    def open(self, folder: Path, *, market: Market, pinned_sha256: str) -> Policy:
        checkpoint = checkpoints.load(folder, pinned_sha256=pinned_sha256)
        return FuturesPolicy(told_of(checkpoint), checkpoint.members or [checkpoint], market)

    def join(self, out: Path, members: Sequence[Path]) -> str:
        return ensembles.join(out, members)

    def appraise(self, folder: Path, out: Path, evaluations: Sequence[Mapping[str, Any]]) -> str:
        checkpoint = checkpoints.load(folder, pinned_sha256=None)
        told = checkpoint.card.model_dump(mode="json")
        told["evaluations"] = [*told["evaluations"], *evaluations]
        return checkpoints.save(out, checkpoint.tensors, cards.made(told, str(folder)))


def told_of(checkpoint: Checkpoint) -> Trained:
    """What the commands and the daemon are told of a checkpoint."""
    card = checkpoint.card
    return Trained(
        sha256=checkpoint.sha256,
        kind=f"{card.kind} phase {card.phase}" + (f", {len(card.members)} together" if card.members else ""),
        markets=card.markets,
        created=card.created_utc.date().isoformat(),
        ts_created_utc_ns=round(card.created_utc.timestamp()) * NS,
        steps=card.training.steps,
        paper_only=card.paper_only,
        card=card.model_dump(mode="json"),
    )
