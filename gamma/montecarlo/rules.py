"""The rules under which a simulated account lives: its floor, and the safety halt; equity in whole micro-dollars."""

import math
from dataclasses import dataclass
from typing import Any, final

from gamma.errors import InputInvalid
from gamma.floor import FloorRule
from gamma.markets import MICRO
from gamma.montecarlo.stream import USD_MAX


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What an account starts with, and what ends it.

    It halts for good where the balance is below `halt_frac` of the capital, or equity `drawdown_halt_frac` under its
    peak; from `drawdown_half_frac` on it trades half size. It is ruined where equity touches its floor, or nothing
    is left.
    """

    start_usd: float
    capital_usd: float
    floor: FloorRule | None = None
    halt_frac: float = 0.5
    drawdown_half_frac: float = math.inf
    drawdown_halt_frac: float = math.inf

    def __post_init__(self) -> None:
        for name in ("start_usd", "capital_usd"):
            value = getattr(self, name)
            if not 0 < value < USD_MAX:
                raise InputInvalid(f"{name} is {value}; an account needs more than 0 and less than {USD_MAX:,.0f} usd")

    @property
    def start_microusd(self) -> float:
        """What it starts with, in whole micro-dollars."""
        return float(round(self.start_usd * MICRO))


def fell(xp: Any, peak_usd: Any, equity_usd: Any, frac: float) -> Any:
    """Whether equity lies so far below its peak; never where there is no such limit. Shapes: [B]."""
    if math.isinf(frac):
        return xp.zeros_like(peak_usd, dtype=bool)
    return peak_usd - equity_usd >= frac * peak_usd


def floor_under(xp: Any, rule: FloorRule, floor: Any, reference: Any) -> Any:
    """The floor after this reference, which never falls [micro-dollars]. Shapes: [B]."""
    trailing = reference - rule.drawdown_microusd
    if rule.lock_microusd is not None:
        trailing = xp.minimum(trailing, float(rule.lock_microusd))
    return xp.maximum(floor, trailing)
