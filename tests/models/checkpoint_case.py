"""Checkpoints to write and to spoil: small, of either phase, with weights of chance."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import cards, checkpoints
from models.cards import NOTICE, Bars, Card, Conditions, Evaluation, Figure, Training

LEARNED = Bars(
    name="NQ_300s.parquet",
    sha256="a1" * 32,
    bars=100_000,
    first_utc=datetime(2019, 1, 2, 14, 35, tzinfo=UTC),
    last_utc=datetime(2022, 12, 30, 21, 0, tzinfo=UTC),
)
LATER = Bars(
    name="NQ_300s.parquet",
    sha256="b2" * 32,
    bars=20_000,
    first_utc=datetime(2023, 1, 3, 14, 35, tzinfo=UTC),
    last_utc=datetime(2023, 12, 29, 21, 0, tzinfo=UTC),
)
CONDITIONS = Conditions(
    stop_atr=1.5,
    loss_max_usd=500.0,
    target_r=3.0,
    break_even_atr=0.5,
    trail_atr=1.0,
    trail_from_r=1.0,
    room_min_frac=0.25,
    cash_only=True,
    cancel_before_s=600,
    flat_before_s=300,
)
REPORT = Evaluation(
    name="report span",
    out_of_sample=True,
    bars=LATER,
    sessions=250,
    figures=(
        Figure(name="return_usd", value=-812.5, low=-4_120.0, high=2_444.25),
        Figure(name="hold_frac", value=0.28),
    ),
)


def card(*, phase: int = 2, window_bars: int = 3, seed: int = 7, **differs: Any) -> Card:
    told: dict[str, Any] = {
        "format": 1,
        "notice": NOTICE,
        "markets": ("MNQ",),
        "kind": "futures",
        "phase": phase,
        "actions": cards.names(phase),
        "window_bars": window_bars,
        "hidden": (8, 6),
        "created_utc": datetime(2026, 3, 2, 15, tzinfo=UTC),
        "conditions": CONDITIONS,
        "seen": cards.seen_of(phase, window_bars),
        "training": Training(
            bars=(LEARNED,), seed=seed, steps=10_000_000, code_commit="6680bd0", config_sha256="c3" * 32
        ),
    }
    return Card(**(told | differs))


def tensors(of: Card, seed: int = 1) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    drawn = {name: rng.normal(size=shape).astype(np.float32) for name, shape in cards.shapes(of).items()}
    return drawn | {"scale.variance": np.square(drawn["scale.variance"])}


def summed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with sums that are right, as whoever changes a file could write them."""
    lines = (f"{hashlib.sha256(files[n]).hexdigest()}  {n}\n" for n in (checkpoints.CARD, checkpoints.POLICY))
    return dict(files) | {checkpoints.SUMS: "".join(lines).encode()}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lay(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files as they are, and nothing else."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
