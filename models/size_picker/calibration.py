"""Calibration: of sizes that a model calls ruined with a probability of 2 %, two in a hundred are.

A model trained with a penalty for calling safe what liquidates, or on a mix that is balanced by hindsight, tilts its
probabilities; a threshold means nothing before they are set right on trades of the natural mix that it has not seen.
"""

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from gamma.curves import SizeCurve
from gamma.errors import InputInvalid
from models.size_picker import form
from models.size_picker.conformal import scale_of
from models.size_picker.drift import Drift
from models.size_picker.form import Flags, Floats, Picker, Shown, Trades

CELLS: Final = 512
BINS: Final = 15


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """What was seen for what was predicted: knots that both rise, straight lines between, level beyond. Shapes: [B]."""

    predicted: Floats
    observed: Floats

    def __call__(self, prob: Floats) -> Floats:
        found: Floats = np.interp(prob, self.predicted, self.observed)
        return found


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibrated:
    """A picker whose probabilities of liquidation are set right; what rose with size, leverage or less equity does.

    With a `drift` its view of where each trade goes is drawn to the mean, as far as it was not borne out.
    """

    picker: Picker
    calibration: Calibration
    drift: Drift | None = None

    @property
    def name(self) -> str:
        return self.picker.name

    def scale(self, shown: Shown) -> Floats:
        return scale_of(self.picker, shown)

    def curve(self, shown: Shown) -> SizeCurve:
        curve = self.picker.curve(shown)
        curve = curve if self.drift is None else self.drift(curve, shown)
        prob = np.where(np.isposinf(shown.ruin_frac), 0.0, self.calibration(curve.ruin_prob))
        return replace(curve, ruin_prob=np.where(shown.allowed, prob, np.nan))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """Probabilities of liquidation, whether it came, and what each counts: all trades the same. Shapes: [M]."""

    prob: Floats
    ruined: Flags
    weights: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reliability:
    """Bins of equal mass, by what was predicted: the mean prediction, the share that came, the mass. Shapes: [15]."""

    predicted: Floats
    observed: Floats
    mass: Floats

    @property
    def ece(self) -> float:
        """The expected calibration error: how far the bins are off, in the mean."""
        return float(np.sum(self.mass * np.abs(self.observed - self.predicted)) / np.sum(self.mass))


def predictions(picker: Picker, trades: Trades) -> Predictions:
    """What a picker says of every size above 0 that each trade could have had.

    Raises: InputInvalid where there are no trades, or a probability is no number from 0 to 1.
    """
    if not len(trades):
        raise InputInvalid("no trades to hold probabilities against; give a set that has some")
    return predicted(picker.name, picker.curve(form.shown(trades)), trades)


def predicted(name: str, curve: SizeCurve, trades: Trades) -> Predictions:
    """The same of a curve that is there already.

    Raises: InputInvalid where a probability is no number from 0 to 1.
    """
    could = trades.allowed & np.isfinite(trades.ruin_frac)
    prob = curve.ruin_prob[could]
    if not bool(np.all((prob >= 0.0) & (prob <= 1.0))):
        raise InputInvalid(f"{name} gives probabilities that are none; train it anew")
    each = trades.weights / np.maximum(1, could.sum(axis=1))
    return Predictions(
        prob=prob.astype(np.float64),
        ruined=trades.ruined[could],
        weights=np.broadcast_to(each[:, None], could.shape)[could],
    )


def fit(told: Predictions) -> Calibration:
    """The calibration by isotonic regression of what came on what was predicted, in cells of equal mass.

    Source: Zadrozny and Elkan (2002), Transforming Classifier Scores into Accurate Multiclass Probability Estimates.
    """
    cells = _cells(told, CELLS)
    kept = cells.mass > 0.0
    blocks: list[tuple[float, float, float]] = []
    for predicted, observed, mass in zip(cells.predicted[kept], cells.observed[kept], cells.mass[kept], strict=True):
        block = (float(predicted), float(observed), float(mass))
        # A block that is not above the one before it, in what came or in what was predicted, joins it.
        while blocks and (block[1] <= blocks[-1][1] or block[0] <= blocks[-1][0]):
            before = blocks.pop()
            total = before[2] + block[2]
            block = (
                (before[0] * before[2] + block[0] * block[2]) / total,
                (before[1] * before[2] + block[1] * block[2]) / total,
                total,
            )
        blocks.append(block)
    predicted, observed, _ = np.array(blocks).T
    return Calibration(predicted=predicted, observed=observed)


def reliability(told: Predictions) -> Reliability:
    """What came for what was predicted, in 15 bins of equal mass."""
    return _cells(told, BINS)


def brier(told: Predictions) -> float:
    """The mean squared error of the probabilities (Brier 1950)."""
    return float(np.average(np.square(told.prob - told.ruined), weights=told.weights))


def _cells(told: Predictions, count: int) -> Reliability:
    """Cells of equal mass by prediction; equal predictions lie in one cell."""
    order = np.argsort(told.prob, kind="stable")
    prob, weights = told.prob[order], told.weights[order]
    middle = np.cumsum(weights) - weights / 2.0
    first = np.searchsorted(prob, prob, side="left")
    at = np.minimum(count - 1, (middle[first] / np.sum(weights) * count).astype(np.int64))
    mass = np.bincount(at, weights, count).astype(np.float64)
    some = np.where(mass > 0.0, mass, 1.0)
    return Reliability(
        predicted=np.bincount(at, weights * prob, count) / some,
        observed=np.bincount(at, weights * told.ruined[order], count) / some,
        mass=mass,
    )
