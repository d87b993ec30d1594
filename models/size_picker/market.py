"""The shape of a market in hours: what the simulator draws with, fitted to real bars and kept as a small TOML."""

import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import tomlkit

from gamma.errors import InputInvalid

GOLD: Final = Path(__file__).with_name("gold.toml")
HOURS: Final = 24
GAPS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketShape:
    """What hourly bars are drawn with; times are New York's.

    A bar's volatility is `vol_frac` times its hour's share of it (`hours`, mean square 1 over the hours that trade;
    0 where none do) times e to the sum of autoregressions on several time scales, `cluster_kept` from bar to bar, of
    deviations `cluster_sd`. Shocks are Student's with `tail` degrees of freedom. A bar has a jump with `jump_prob`, of
    `jump_vols` of its volatility. `reach` is how far a bar goes beyond its ends, against a Brownian path of its
    volatility. Drift turns by chance, about every `drift_bars`, between up, none and down; it is `drift_vols` of the
    bar's volatility. `gap_vols` is a step between bars against clustered volatility alone: in a day, over its break,
    over a weekend; with `gap_tail` degrees of freedom.
    """

    vol_frac: float
    hours: tuple[float, ...]
    cluster_sd: tuple[float, ...]
    cluster_kept: tuple[float, ...]
    tail: float
    jump_prob: float
    jump_vols: float
    reach: float
    drift_vols: float
    drift_bars: float
    gap_vols: tuple[float, ...]
    gap_tail: float

    def __post_init__(self) -> None:
        if len(self.hours) != HOURS:
            raise InputInvalid(f"hours: {len(self.hours)} shares; give one for each of the day's {HOURS} hours")
        if len(self.gap_vols) != GAPS:
            raise InputInvalid(f"gap_vols: {len(self.gap_vols)} numbers; give {GAPS}: in a day, a break, a weekend")
        if len(self.cluster_sd) != len(self.cluster_kept):
            raise InputInvalid(f"cluster_sd has {len(self.cluster_sd)} numbers, cluster_kept {len(self.cluster_kept)}")
        for one in (*self.cluster_kept, self.jump_prob):
            if not 0 <= one < 1:
                raise InputInvalid(f"cluster_kept or jump_prob has {one}: give 0 or more, and less than 1")
        if min(self.tail, self.gap_tail) <= 2:
            raise InputInvalid(f"tail = {self.tail}, gap_tail = {self.gap_tail}: give more than 2, for a variance")


@cache
def shape_of(path: Path = GOLD) -> MarketShape:
    """The shape that a TOML has.

    Raises: InputInvalid.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        found: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else float(value) for name, value in told["market"].items()
        }
        return MarketShape(**found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputInvalid(f"{path}: is no market's shape ({error}); make one with gamma size-picker fit") from None


def write(shape: MarketShape, path: Path, fitted: dict[str, Any]) -> None:
    """Write the shape, and what it was fitted to."""
    text = tomlkit.document()
    text.add(tomlkit.comment("Written by gamma size-picker fit; docs/size-picker.md says what each number is."))
    text["fitted"] = fitted
    text["market"] = {
        name: [_short(one) for one in value] if isinstance(value, tuple) else _short(value)
        for name, value in asdict(shape).items()
    }
    path.write_text(tomlkit.dumps(text), encoding="utf-8")


def _short(value: float) -> float:
    return float(f"{value:.6g}")
