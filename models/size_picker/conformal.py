"""The conformal layer: a bound on the risk of liquidation that holds whatever the model.

A trade's score is its adverse excursion in units of the model's scale, S = a / scale(x); a size is liquidated where S
reaches r = ruin_frac / scale(x). Among n calibration scores the bound of a size is the p-value

    ruin_bound(size) = (1 + #{i: S_i >= r(size)}) / (n + 1)

Whoever takes only sizes whose bound is not above alpha is liquidated with a probability of at most alpha, on trades
that are exchangeable with those of the calibration, whatever the model, the equity and the choice among such sizes.
Proof: say a size with bound <= alpha was taken and liquidated, so that S >= r. Then #{S_i >= S} <= #{S_i >= r}, and so
p = (1 + #{S_i >= S}) / (n + 1) <= alpha. But p is the rank of S among n + 1 exchangeable scores, counted from the
largest, over n + 1, and such a rank is not above alpha with a probability of at most alpha. Nothing was asked of
how the size was picked. A bound is never below 1 / (n + 1): alpha needs n >= ceil(1 / alpha) - 1.

The chance is over calibration and trade together, not for each candle pattern: that is the model's part, whose scale
makes the bound as narrow on quiet days as it can be, and not its validity.
Source: Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World; Papadopoulos et al. (2002).
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, final, runtime_checkable

import numpy as np

from gamma.curves import SizeCurve
from gamma.errors import InputInvalid
from models.size_picker import form
from models.size_picker.form import Floats, Ints, Picker, Shown, Trades

STEP: Final = 0.005
SCORE_MAX: Final = float(np.finfo(np.float32).max)  # what has no score; no distance reaches so far


@runtime_checkable
class Scaled(Protocol):
    """A model with its own unit of excursions: how far a trade goes against it, as a share of price. Shapes: [N]."""

    def scale(self, shown: Shown) -> Floats: ...


def scale_of(picker: Picker, shown: Shown) -> Floats:
    """The unit of excursions: the model's own where it has one, else that of the window's ranges. Shapes: [N]."""
    return picker.scale(shown) if isinstance(picker, Scaled) else form.scale(shown.candles)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conformal:
    """A picker with the conformal layer over it; `scores` are of its calibration, the smallest first. Shapes: [n]."""

    picker: Picker
    scores: Floats

    @property
    def name(self) -> str:
        return f"{self.picker.name} + conformal"

    def scale(self, shown: Shown) -> Floats:
        return scale_of(self.picker, shown)

    def curve(self, shown: Shown) -> SizeCurve:
        return self.bounded(self.picker.curve(shown), shown)

    def bounded(self, curve: SizeCurve, shown: Shown) -> SizeCurve:
        """The picker's own curve, with the bound of each size."""
        bound = bounds(self.scores, self.scale(shown), shown.ruin_frac)
        return replace(curve, ruin_bound=np.where(shown.allowed, bound, np.nan))


def over(picker: Picker, calibration: Trades) -> Conformal:
    """The picker with a conformal layer from trades that it was not trained on, of the natural mix.

    Raises: InputInvalid where there is none, or weights say that the mix is not natural.
    """
    return Conformal(picker=picker, scores=sealed(scores(picker, calibration)))


def scores(picker: Picker, trades: Trades) -> Floats:
    """The score of each trade; infinite where it has none, so that what is not known counts as ruin. Shapes: [N].

    Raises: InputInvalid where there are no trades, or weights say that the mix is not natural.
    """
    if not len(trades):
        raise InputInvalid("no trades to calibrate on; give at least 99 for a bound of 1 %")
    if np.ptp(trades.weights) > 0.0:
        raise InputInvalid("the trades are weighted, and scores are not; draw them in the natural mix first")
    found = trades.adverse_frac / scale_of(picker, form.shown(trades))
    return np.where(np.isfinite(found), found, np.inf)


def sealed(found: Floats) -> Floats:
    """Scores as they are kept: sorted, as float32, and rounded up, which only makes bounds wider."""
    small = np.asarray(np.minimum(found, SCORE_MAX), dtype=np.float32)
    up = np.where(small < found, np.nextafter(small, np.float32(SCORE_MAX)), small)
    return np.sort(up.astype(np.float32))


def bounds(scores: Floats, scale: Floats, ruin_frac: Floats) -> Floats:
    """The p-value of each size; 1 where scale or distance is no number. Shapes: [n], [N], [N, K] to [N, K]."""
    unit = np.where(scale > 0.0, scale, np.nan)
    reach = ruin_frac / unit[:, None]
    worse = len(scores) - np.searchsorted(scores, np.nan_to_num(reach, nan=-np.inf, posinf=np.inf), side="left")
    return np.where(reach == reach, (1.0 + worse) / (len(scores) + 1.0), 1.0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The level that is in force where the market drifts: what is asked for, adapted to what has happened.

        level' = level + step * (alpha - missed),    missed: 1 where the trade's own p-value was not above the level

    Whatever happens, the share of misses among T trades is within (1 + step * (1 + d)) / (step * T) of alpha, where
    at most d trades are open at a time; a liquidation of a size that the level allowed is always a miss. Below 0 it
    allows no size, from 1 on any. Source: Gibbs and Candes (2021), Adaptive Conformal Inference Under
    Distribution Shift.
    """

    alpha: float
    level: float
    step: float = STEP

    def after(self, *, missed: bool) -> "Level":
        return replace(self, level=self.level + self.step * (self.alpha - missed))


def levels(p_values: Floats, ts_entry: Ints, ts_exit: Ints, start: Level) -> Floats:
    """The level in force as each trade was entered: trades count from their exit on, in the order of exits.

    `p_values` are the trades' own: bounds at their excursions. It is a pure fold: the same trades give the same levels.

    Shapes: [N] each.
    """
    found = np.empty(len(p_values))
    now = start
    # Of what happens at one instant exits are first: a trade that ends as another begins is known by then.
    order = np.lexsort((np.repeat([1, 0], len(p_values)), np.concatenate([ts_entry, ts_exit])))
    for event in order:
        row = event % len(p_values)
        if event < len(p_values):
            found[row] = now.level
        else:
            now = now.after(missed=bool(p_values[row] <= found[row]))
    return found


def own_p_values(layer: Conformal, trades: Trades) -> Floats:
    """What the bound of a size that each trade's own excursion just ruined would have been. Shapes: [N]."""
    return bounds(layer.scores, layer.scale(form.shown(trades)), trades.adverse_frac[:, None])[:, 0]


def adapted(bound: Floats, level: Any, alpha: float) -> Floats:
    """The bounds as they compare with `alpha` while `level` is in force: none passes at a level of 0 or less.

    Shapes: [N, K], [N] to [N, K].
    """
    in_force = np.asarray(level, dtype=np.float64)[..., None]
    passes = bound <= in_force
    return np.where(passes, np.minimum(bound, alpha), np.where(bound != bound, np.nan, np.maximum(bound, 1.0)))
