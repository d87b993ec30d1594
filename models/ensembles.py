"""Ensembles: several policies that are shown the same, and answer with the mean of their logits."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gamma.errors import InputInvalid
from models import checkpoints
from models.cards import Bars, Card, Member
from models.checkpoints import Checkpoint

LEAST: Final = 2


def join(out: Path, members: Sequence[Path]) -> str:
    """Write the checkpoint of an ensemble beside its members; gives its hash.

    Raises: InputInvalid when `out` is there, or a member does not lie beside it; ConfigInvalid when one is refused.
    """
    if len(members) < LEAST:
        raise InputInvalid(f"an ensemble has {LEAST} members or more; name them all")
    for member in members:
        if member.resolve().parent != out.resolve().parent:
            raise InputInvalid(f"{member} does not lie beside {out}; an ensemble and its members share a folder")
    found = [checkpoints.load(member, pinned_sha256=None) for member in members]
    names = [member.resolve().name for member in members]
    return checkpoints.save(out, {}, _card(names, found))


def _card(names: Sequence[str], found: Sequence[Checkpoint]) -> Card:
    """The first member's, with what all were trained on."""
    first = found[0].card
    bars: list[Bars] = []
    for one in found:
        bars += [trained for trained in one.card.training.bars if trained not in bars]
    told = first.model_dump(exclude={"evaluations", "hidden", "members"})
    training = first.training.model_copy(
        update={
            "bars": tuple(bars),
            "steps": sum(one.card.training.steps for one in found),
            "began_from_sha256": None,
        }
    )
    members = [Member(name=name, sha256=one.sha256) for name, one in zip(names, found, strict=True)]
    markets = [symbol for symbol in first.markets if all(symbol in one.card.markets for one in found)]
    created = datetime.now(UTC).replace(microsecond=0)
    told |= {"hidden": (), "members": members, "training": training, "created_utc": created, "markets": markets}
    return Card.model_validate(told)
