"""A size picker in closed form, as a stranger would install it: the price is a Brownian path of known volatility.

    P(ruin) = 2 Phi(-ruin_frac / vol);  mean return = leverage * mean;  growth = that - (leverage * vol)^2 / 2

A checkpoint is a folder with an `oracle.toml`; its hash is that file's.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from gamma.bars import Bar
from gamma.curves import SizeCurve, Sizes
from gamma.errors import ConfigInvalid
from gamma.markets import Market
from gamma.ports import Picked, Trained

FILE = "oracle.toml"
CARD: Mapping[str, Any] = {
    "markets": ["XAU_USD"],
    "bar_s": 3600,
    "bars_needed": 32,
    "vol_frac": 0.02,
    "mean_frac": 0.001,
    "novelty": 1.0,
    "paper_only": False,
    "fails": "",
}


@dataclass
class Oracle:
    """The picker; `asked` keeps what it was asked."""

    told: Mapping[str, Any] = field(default_factory=lambda: dict(CARD))
    sha256: str = "0" * 64
    bars_seen: int = 0
    asked: list[Sizes] = field(default_factory=list)

    @property
    def trained(self) -> Trained:
        return Trained(
            sha256=self.sha256,
            kind="oracle",
            markets=self.told["markets"],
            created="2026-01-01",
            ts_created_utc_ns=0,
            steps=0,
            paper_only=self.told["paper_only"],
            card={},
        )

    @property
    def bar_s(self) -> int:
        return int(self.told["bar_s"])

    @property
    def bars_needed(self) -> int:
        return int(self.told["bars_needed"])

    def see(self, bar: Bar) -> None:  # noqa: ARG002
        self.bars_seen += 1

    def pick(self, sizes: Sizes) -> Picked:
        self.asked.append(sizes)
        if self.told["fails"] == "raises":
            raise RuntimeError("out of memory")
        vol, mean = self.told["vol_frac"], self.told["mean_frac"]
        ruin = np.array([2 * NormalDist().cdf(-level / vol) for level in sizes.ruin_frac])
        growth = sizes.leverage * mean - np.square(sizes.leverage * vol) / 2
        curve = SizeCurve(
            lots=sizes.lots,
            ruin_prob=ruin * (np.nan if self.told["fails"] == "nan" else 1.0),
            return_mean=sizes.leverage * mean,
            growth_mean=growth,
        )
        return Picked(curve=curve, novelty=self.told["novelty"], calibration="closed")


class OracleShelf:
    """Where they lie."""

    @property
    def shipped(self) -> Path:
        return Path("oracles")

    def found(self, folder: Path) -> Sequence[Path]:
        if (folder / FILE).exists():
            return (folder,)
        return sorted(one.parent for one in folder.glob(f"*/{FILE}"))

    def told(self, folder: Path) -> Trained:
        return self._read(folder).trained

    def open(self, folder: Path, *, market: Market, pinned_sha256: str) -> Oracle:  # noqa: ARG002
        oracle = self._read(folder)
        if oracle.sha256 != pinned_sha256:
            raise ConfigInvalid(f"{folder} has the hash {oracle.sha256}, and {pinned_sha256} is pinned")
        return oracle

    def _read(self, folder: Path) -> Oracle:
        content = (folder / FILE).read_bytes()
        return Oracle({**CARD, **tomllib.loads(content.decode())}, hashlib.sha256(content).hexdigest())


def install(folder: Path) -> None:
    """Write the distribution into a folder that is then put on the path."""
    metadata = folder / "oracle-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: oracle\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[gamma.checkpoints]\noracle = tests.picker.oracle:OracleShelf\n")


def checkpoint(folder: Path, card: str = "") -> str:
    """Write a checkpoint, and give its hash."""
    folder.mkdir(parents=True)
    (folder / FILE).write_text(card)
    return hashlib.sha256(card.encode()).hexdigest()
