"""A distribution of a stranger's, with plugins of its own, as it would be installed."""

from pathlib import Path

MODULE = '''
from typing import ClassVar

from pydantic import BaseModel, Field, SecretStr


class Half(BaseModel, frozen=True, extra="forbid"):
    """Half of what comes in, at most `most`."""

    most: int = Field(3, ge=1)
    steps: tuple[int, ...] = ()

    def __call__(self, view, lots):
        return min(self.most, lots) if view.account.balance_usd >= 10_000 else 0.0

    def explain(self, view, lots):
        return {"most_lots": self.most, "balance_usd": float(view.account.balance_usd)}


class Limit(BaseModel, frozen=True, extra="forbid"):
    """A guard with two limits."""

    example: ClassVar = {"loss_max_usd": 500.0, "names": ["a", "b"]}
    loss_max_usd: float
    names: tuple[str, ...]


class Shouting:
    """A signal source that is handed its name beside its parameters."""

    class Params(BaseModel, frozen=True, extra="forbid"):
        key: SecretStr
        volume: int = 1

    def __init__(self, params, *, name):
        self.params, self.name = params, name


def plain(*, seed, name="x"):
    """A plugin without a schema."""
    return (seed, name)
'''
ENTRY_POINTS = """
[gamma.sizers]
half = stranger:Half
broken = stranger:Nothing

[gamma.guards]
limit = stranger:Limit

[gamma.signals]
shouting = stranger:Shouting

[gamma.feeds]
plain = stranger:plain
"""


def install(folder: Path, name: str = "stranger", entry_points: str = ENTRY_POINTS) -> None:
    """Write the distribution into a folder that is then put on the path."""
    (folder / "stranger.py").write_text(MODULE)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entry_points)
