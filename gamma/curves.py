"""`SizeCurve`: what a size picker says of every size of one trade, and the choice among them."""

from dataclasses import dataclass
from typing import Final, Literal

from gamma.numeric import NAN, Num, namespace

By = Literal["growth", "return"]
RUIN_MAX: Final = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeCurve:
    """One trade at every size, from 0 lots up; what a size cannot have is NaN, and such a size is never chosen.

    `ruin_prob` is the calibrated probability that the size is ruined before its exit: liquidated, or at the floor.
    `ruin_bound` is the conformal layer's: at the smallest error rate that it stands for, the size is safe; NaN
    throughout where there is no such layer. `return_mean` is the mean return on equity, `growth_mean` the mean log
    growth of equity [1/trade]; minus infinity where a loss of all is possible.

    Shapes: each [..., K], K sizes; `lots` [K].
    """

    lots: Num
    ruin_prob: Num
    return_mean: Num
    growth_mean: Num
    ruin_bound: Num = NAN


def chosen(curve: SizeCurve, ruin_max: Num = RUIN_MAX, by: By = "growth") -> Num:
    """The lots with the most growth, or return, among sizes whose risk of ruin is known and not above `ruin_max`.

    Of sizes as good as one another it is the smallest; 0 where no other is both safe and better than none.

    Shapes: [...].
    """
    xp = namespace(curve.ruin_prob)
    worth = curve.growth_mean if by == "growth" else curve.return_mean
    without_bound = curve.ruin_bound != curve.ruin_bound
    safe = (curve.ruin_prob <= ruin_max) & (without_bound | (curve.ruin_bound <= ruin_max))
    # What is no number compares as false, and so stays out; 0 lots are worth 0, whatever a model says of them.
    better = safe & (worth > 0.0) & (curve.lots > 0)
    best = xp.argmax(xp.where(better, worth, 0.0), axis=-1)
    found = xp.take(xp.asarray(curve.lots), best)
    return xp.where(better.any(axis=-1), found, 0)
