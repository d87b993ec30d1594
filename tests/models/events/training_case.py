"""Orders of small training runs for event contracts: a few simulated markets, a few updates."""

from pathlib import Path
from typing import Any

from gamma.cli.event_order import Asked, order_of
from gamma.cli.init import example
from gamma.cli.training_order import configured
from gamma.ports import EventTrainingOrder, TrainingTold
from models.events.training import EventTrainer

UPDATE = 256 * 128


def asked(**differs: Any) -> Asked:
    told: dict[str, Any] = {
        "market": "KXBTC15M",
        "markets": 40,
        "recordings": (),
        "sizes": "variable",
        "strategy": "",
        "balance_usd": 1_000.0,
        "begin_from": "",
        "steps": 3 * UPDATE,
        "seeds": (1,),
        "held_out_frac": 0.2,
        "checkpoint_updates": 1,
        "config": "",
    }
    return Asked(**(told | differs))


def order(out: Path, *, resume: bool = False, **differs: Any) -> EventTrainingOrder:
    """An order under the configuration beside the folder: the example, where there is none."""
    config = out.parent / "config.toml"
    if not config.exists():
        config.write_text(example())
    return order_of(asked(**differs), configured(config), out, "run-1", resume=resume)


def trained(given: EventTrainingOrder, stop_after: int | None = None) -> list[TrainingTold]:
    """Train, and stop listening after so many updates of the last seed."""
    told: list[TrainingTold] = []
    listening = EventTrainer().train(given)
    for one in listening:
        told.append(one)
        if stop_after is not None and len(told) == stop_after * len(given.seeds):
            listening.close()  # type: ignore[attr-defined]
            break
    return told
