"""What if the entries had an edge: plain rules have none after costs, and without one the best size is 0.

Where every trade loses in the mean, whoever trades least is ahead, and nothing is learned of who sizes best. So trades
can be credited with an edge: each that lives earns a further share of its notional at its exit, while its excursion,
and with it every liquidation, is as it was. Whoever picks is told of it, and rules are fitted to credited trades.
"""

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from gamma.curves import SizeCurve
from models.size_picker import form
from models.size_picker.conformal import Conformal, scale_of
from models.size_picker.form import Floats, Picker, Shown, Trades


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WithEdge:
    """A picker that is told of an edge: a share of notional that each trade earns which is not liquidated.

    Growth is taken to rise by log(1 + leverage * edge) where the trade lives, which is so to first order.
    """

    picker: Picker
    edge_frac: float

    @property
    def name(self) -> str:
        return self.picker.name

    def scale(self, shown: Shown) -> Floats:
        return scale_of(self.picker, shown)

    def curve(self, shown: Shown) -> SizeCurve:
        curve = self.picker.curve(shown)
        lives = 1.0 - curve.ruin_prob
        more = shown.leverage * self.edge_frac
        return replace(
            curve,
            return_mean=curve.return_mean + lives * more,
            growth_mean=curve.growth_mean + lives * np.log1p(more),
        )


def told(picker: Picker, edge_frac: float) -> Picker:
    """The picker, told of an edge; a conformal layer stays over it, for no excursion is another."""
    if edge_frac == 0.0:
        return picker
    if isinstance(picker, Conformal):
        return replace(picker, picker=WithEdge(picker=picker.picker, edge_frac=edge_frac))
    return WithEdge(picker=picker, edge_frac=edge_frac)


def credited(trades: Trades, edge_frac: float) -> Trades:
    """The trades as they would have come out with that edge."""
    earned = np.where(trades.ruined, 0.0, form.shown(trades).leverage * edge_frac)
    return replace(trades, returns=trades.returns + earned, move_frac=trades.move_frac + edge_frac)
