"""`SizeCurve`: what a size picker says of every size of one trade, and the choice among them.

Before it stand `Sizes`: what the picker is asked. All of it is scale-free, so that one picker serves any price, equity
and market.
"""

from dataclasses import dataclass
from typing import Final, Literal

from gamma.numeric import NAN, Num, namespace

By = Literal["growth", "return", "size"]
RUIN_MAX: Final = 0.10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sizes:
    """Every size of one trade before it is made, from 0 lots up: what a picker is asked.

    `side` is +1 or -1. `leverage` is a size's notional over equity. `ruin_frac` is the adverse excursion that ruins
    it, as a share of price: liquidated, or at the floor; infinite at 0 lots. `allowed` is what margin bears.
    `equity_ratio` is equity over the account's first, `spread_frac` the spread as a share of price.

    Shapes: `lots`, `leverage`, `ruin_frac` and `allowed` [K], the others scalars.
    """

    side: int
    lots: Num
    leverage: Num
    ruin_frac: Num
    allowed: Num
    equity_ratio: float
    spread_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeCurve:
    """One trade at every size, from 0 lots up; what a size cannot have is NaN, and such a size is never chosen.

    `ruin_prob` is the calibrated probability that the size is ruined before its exit: liquidated, or at the floor.
    `ruin_bound` is the conformal layer's: at the smallest error rate that it stands for, the size is safe; NaN
    throughout where there is no such layer. `return_mean` is the mean return on equity, `growth_mean` the mean log
    growth of equity [1/trade]; minus infinity where a loss of all is possible.

    Shapes: each [..., K], K sizes; `lots` may be [K].
    """

    lots: Num
    ruin_prob: Num
    return_mean: Num
    growth_mean: Num
    ruin_bound: Num = NAN


def worth(curve: SizeCurve, by: By) -> Num:
    """What each size is chosen by: its mean log growth, its mean return, or its own lots. Shapes: [..., K]."""
    if by == "size":
        return curve.lots
    return curve.growth_mean if by == "growth" else curve.return_mean


def chosen(curve: SizeCurve, ruin_max: Num = RUIN_MAX, by: By = "growth") -> Num:
    """The safe lots with the most growth, or return, or the most lots; safe is a known risk of ruin within `ruin_max`.

    Of sizes as good as one another it is the smallest; 0 where no other is both safe and better than none.

    Shapes: [...].
    """
    xp = namespace(curve.ruin_prob)
    worths = worth(curve, by)
    without_bound = curve.ruin_bound != curve.ruin_bound
    safe = (curve.ruin_prob <= ruin_max) & (without_bound | (curve.ruin_bound <= ruin_max))
    # What is no number compares as false, and so stays out; 0 lots are worth 0, whatever a model says of them.
    better = safe & (worths > 0.0) & (curve.lots > 0)
    best = xp.argmax(xp.where(better, worths, 0.0), axis=-1)
    lots = xp.broadcast_to(xp.asarray(curve.lots), better.shape)
    found = xp.take_along_axis(lots, best[..., None], axis=-1)[..., 0]
    return xp.where(better.any(axis=-1), found, 0)
