"""Orders of small training runs: simulated bars, a window of one bar, a few updates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gamma.cli.init import example
from gamma.cli.training_order import Asked, configured, order_of
from gamma.ports import TrainingOrder, TrainingTold
from models.futures.training import FuturesTrainer

UPDATE = 256 * 128


def asked(**differs: Any) -> Asked:
    told: dict[str, Any] = {
        "markets": ("MNQ",),
        "bars": (),
        "strategy": "",
        "phase": 2,
        "steps": 3 * UPDATE,
        "seeds": (1,),
        "window": 1,
        "begin_from": "",
        "days": 10,
        "held_out_frac": 0.2,
        "entry_bonus_usd": 300.0,
        "manage_bonus_usd": 400.0,
        "checkpoint_updates": 1,
        "config": "",
    }
    return Asked(**(told | differs))


def order(out: Path, *, resume: bool = False, **differs: Any) -> TrainingOrder:
    """An order under the configuration beside the folder: the example, where there is none."""
    config = out.parent / "config.toml"
    if not config.exists():
        config.write_text(example())
    return order_of(asked(**differs), configured(config), out, "run-1", resume=resume)


def trained(given: TrainingOrder, stop_after: int | None = None) -> list[TrainingTold]:
    """Train, and stop listening after so many updates of the last seed."""
    told: list[TrainingTold] = []
    listening = FuturesTrainer().train(given)
    for one in listening:
        told.append(one)
        if stop_after is not None and len(told) == stop_after * len(given.seeds):
            listening.close()  # type: ignore[attr-defined]
            break
    return told


def files_of(folder: Path, names: Sequence[str] = ("policy.safetensors", "resume.safetensors")) -> dict[str, bytes]:
    """The files of these names in a run, by their paths in it."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.name in names}
