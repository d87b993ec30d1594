"""How far a model's view of where a trade goes is to be trusted: as far as trades that it has not seen bear it out.

A model is shown a few thousand real trades, and the mean move of a trade is a hundredth of its spread: what a network
says of it is mostly chance, and whoever sizes by it pays for that. Here its mean move, trade by trade, is drawn
towards its own mean over all of them; what it says of spread, tails and excursions stays.
"""

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from gamma.curves import SizeCurve
from models.size_picker.form import Floats, Picker, Shown, Trades, shown
from models.size_picker.samples import Days

ERRORS: Final = 2.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The mean of a model's mean moves, as a share of price, and how much of what is beside it is trusted, 0 to 1."""

    mean_frac: float
    trust: float

    def __call__(self, curve: SizeCurve, told: Shown) -> SizeCurve:
        """The curve with the mean move of each trade drawn to their mean, to first order."""
        own = move_of(curve, told)
        more = (self.mean_frac + self.trust * (own - self.mean_frac) - own)[:, None]
        earned = (1.0 - curve.ruin_prob) * told.leverage * more
        return replace(curve, return_mean=curve.return_mean + earned, growth_mean=curve.growth_mean + earned)


def move_of(curve: SizeCurve, told: Shown) -> Floats:
    """The mean move that a model expects of each trade, from the smallest size above 0. Shapes: [N]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = curve.return_mean[:, 1] / told.leverage[:, 1]
    return found


def fit(picker: Picker, trades: Trades) -> Drift:
    """The drift by trades that the model has not seen: the slope of what came on what was expected, less two errors.

    The error is that of the slope in resamples of days, in blocks of a month, for trades come in clusters.
    """
    told = shown(trades)
    expected = move_of(picker.curve(told), told)
    known = np.isfinite(expected)
    if not known.any():
        return Drift(mean_frac=0.0, trust=0.0)
    mean = float(np.mean(expected[known]))
    x = np.where(known, expected - mean, 0.0)
    y = trades.move_frac - np.mean(trades.move_frac)
    days = Days.drawn(trades)
    products, squares = (np.bincount(days.of, each, days.times.shape[1]) for each in (x * y, x * x))
    if not squares.sum() > 0.0:
        return Drift(mean_frac=mean, trust=0.0)
    slopes = (days.times @ products) / np.maximum(days.times @ squares, np.finfo(np.float64).tiny)
    slope = float(products.sum() / squares.sum())
    return Drift(mean_frac=mean, trust=float(np.clip(slope - ERRORS * np.std(slopes), 0.0, 1.0)))
