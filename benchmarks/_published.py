"""A published figure beside ours, and the files that they come in."""

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from gamma.stats import Floats

DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure beside its published value; `digits` are the decimals that were published."""

    source: str
    figure: str
    published: float
    ours: float
    digits: int
    reason: str = ""

    @property
    def difference(self) -> float:
        """Ours - published."""
        return self.ours - self.published

    @property
    def same(self) -> bool:
        """Whether the two agree to the digits that were published."""
        return abs(self.difference) <= 0.5000001 * 10.0**-self.digits + 1e-9 * abs(self.published)


def reference(folder: Path) -> Any:
    return json.loads((folder / "reference_values.json").read_text(encoding="utf-8"))


def table(path: Path) -> list[dict[str, str]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(text.decode("utf-8-sig").splitlines()))


def column(found: Sequence[dict[str, str]], name: str) -> Floats:
    return np.array([float(row[name]) for row in found])


def nanoseconds(day: str) -> int:
    return (date.fromisoformat(day[:10]) - date(1970, 1, 1)).days * DAY_NS


def by_month(closed: Sequence[dict[str, str]], pnl: Floats) -> Iterator[list[float]]:
    pairs = sorted(zip((row["Date and time"][:7] for row in closed), pnl.tolist(), strict=True))
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        yield [value for _, value in group]


def percent(cell: str) -> float:
    return float(cell.rstrip("%")) / 100
