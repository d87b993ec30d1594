"""Size pickers with weights of chance, sealed and to spoil."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cards import NOTICE
from models.size_picker import cards, v3_cells
from models.size_picker.cards import Card, TradeSet, Training
from models.size_picker.features import SCHEMA_SHA256
from models.size_picker.form import FEATURES, WINDOW_BARS
from tests.models.size_picker.trades_case import brownian

LEARNED = TradeSet(
    name="gold 2006 to 2021",
    sha256="a1" * 32,
    real=True,
    trades=20_000,
    first_utc=datetime(2006, 3, 20, tzinfo=UTC),
    last_utc=datetime(2021, 12, 30, tzinfo=UTC),
)
LATER = TradeSet(
    name="gold 2023",
    sha256="b2" * 32,
    real=True,
    trades=900,
    first_utc=datetime(2023, 1, 3, tzinfo=UTC),
    last_utc=datetime(2023, 12, 29, tzinfo=UTC),
)


def card(model: str = "v3", **differs: Any) -> Card:
    told: dict[str, Any] = {
        "format": 1,
        "notice": NOTICE,
        "kind": "size_picker",
        "model": model,
        "markets": ("XAU_USD",),
        "bar_s": 3_600,
        "window_bars": WINDOW_BARS,
        "features": FEATURES,
        "schema_sha256": SCHEMA_SHA256,
        "hidden": (8,),
        "created_utc": datetime(2026, 3, 2, 15, tzinfo=UTC),
        "training": Training(sets=(LEARNED,), seed=7, steps=4_000, loss_validation=5.4, code_commit="6680bd0"),
    }
    return Card(**(told | differs))


def tensors(of: Card, seed: int = 1) -> dict[str, NDArray[Any]]:
    """Of chance, but where a model could not have them."""
    rng = np.random.default_rng(seed)
    drawn = {name: rng.normal(size=shape).astype(np.float32) * 0.3 for name, shape in cards.shapes(of).items()}
    drawn["scale.variance"] = np.square(drawn["scale.variance"]) + np.float32(0.5)
    if of.model == "v3":
        _, made = v3_cells.made(brownian(2_000, seed))
        drawn |= {name: made[name] for name in ("edges", "tail", "gap", "moves")}
    return drawn
