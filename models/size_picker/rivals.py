"""What a picker is held against: rules without a model, behind the same interface, and hindsight.

A rule permits sizes up to a limit and takes the largest that it permits. It has no view of growth: the `growth_mean`
and `return_mean` of its curve only rank sizes. Its `ruin_prob` is the share of past trades that the size would have
ruined, whatever the candles: what a model must beat.
"""

from dataclasses import dataclass
from typing import Final, Literal, final

import numpy as np

from gamma.curves import SizeCurve, chosen
from gamma.numeric import TOLERANCE_64
from models.size_picker import form
from models.size_picker.form import Flags, Floats, Ints, Shown, Trades

Of = Literal["leverage", "excursion", "ranges"]
LEVERAGE_MAX: Final = 20.0
LEVERAGE_STEP: Final = 0.25
RANGES: Final = np.geomspace(1.0, 1_000.0, 121)
EXCURSIONS: Final = np.geomspace(0.7 / LEVERAGE_MAX, 7.0, 121)
GROWTH_LEAST: Final = float(np.log(0.01))


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """The largest size within a limit: leverage at most so much, or ruin only beyond an excursion.

    `of` says what the limit is of: `leverage`; `excursion`, a share of price, or `ranges`, an excursion in units of the
    window's ranges, that ruins no permitted size. `past` are adverse excursions of past trades, the smallest first.
    """

    name: str
    of: Of
    limit: float
    past: Floats

    def curve(self, shown: Shown) -> SizeCurve:
        worth = np.where(self._permitted(shown) & shown.allowed, shown.leverage, -1.0)
        prob = 1.0 - np.searchsorted(self.past, shown.ruin_frac, side="left") / max(1, len(self.past))
        return SizeCurve(
            lots=np.arange(shown.leverage.shape[-1]),
            ruin_prob=np.where(shown.allowed, prob, np.nan),
            return_mean=np.where(shown.allowed, worth, np.nan),
            growth_mean=np.where(shown.allowed, worth, np.nan),
        )

    def _permitted(self, shown: Shown) -> Flags:
        if self.of == "leverage":
            return shown.leverage <= self.limit * (1.0 + TOLERANCE_64)
        if self.of == "excursion":
            return shown.ruin_frac > self.limit
        return shown.ruin_frac > self.limit * form.scale(shown.candles)[:, None]


def none(past: Floats) -> Rule:
    """Never trade."""
    return Rule(name="always 0", of="leverage", limit=0.0, past=np.sort(past))


def most(past: Floats) -> Rule:
    """Always the most that leverage allows: as bad as a rule can be."""
    return Rule(name="always the most", of="leverage", limit=np.inf, past=np.sort(past))


def mae_quantile(train: Trades, ruin_max: float, of: Of = "excursion") -> Rule:
    """The largest size that a share of at most `ruin_max` of past trades would have ruined, by their excursions."""
    unit = form.scale(train.candles) if of == "ranges" else 1.0
    limit = _quantile(train.adverse_frac / unit, train.weights, 1.0 - ruin_max)
    name = "MAE quantile" if of == "excursion" else "MAE quantile in ranges"
    return Rule(name=name, of=of, limit=limit, past=_past(train))


def best_fixed(train: Trades, ruin_max: float = 1.0) -> Rule:
    """The fixed leverage with the most average log growth on past trades, ruined at most so often there."""
    return _best("best fixed leverage", "leverage", train, ruin_max)


def best_in_ranges(train: Trades, ruin_max: float = 1.0) -> Rule:
    """The same with leverage in inverse proportion to the ranges of the window: volatility, and no more of candles."""
    return _best("best leverage by ranges", "ranges", train, ruin_max)


def grid(of: Of) -> Floats:
    """The limits that are tried, from the boldest to none."""
    if of == "leverage":
        return np.arange(LEVERAGE_MAX, -LEVERAGE_STEP / 2.0, -LEVERAGE_STEP)
    return np.append(RANGES if of == "ranges" else EXCURSIONS, np.inf)


def hindsight(trades: Trades) -> Ints:
    """The lots that each trade should have had: the most growth, the smallest of equals. Shapes: [N]."""
    best: Ints = np.argmax(np.nan_to_num(growth(trades.returns), nan=-np.inf), axis=1)
    return best


def growth(returns: Floats) -> Floats:
    """Log growth of equity; a loss of 99 % or more, which a gap can bring, counts as 99 %. NaN stays NaN."""
    found: Floats = np.maximum(np.log1p(np.maximum(returns, -1.0 + 1e-12)), GROWTH_LEAST)
    return found


def taken(rule: Rule, trades: Trades) -> Ints:
    """The lots that a rule takes of each trade, whatever the risk. Shapes: [N]."""
    found: Ints = chosen(rule.curve(form.shown(trades)), ruin_max=1.0)
    return found


def _best(name: str, of: Of, train: Trades, ruin_max: float) -> Rule:
    grown, ruined, rows = growth(train.returns), train.ruined, np.arange(len(train))
    best = Rule(name=name, of="leverage", limit=0.0, past=_past(train))
    most_growth = 0.0
    for limit in grid(of):
        rule = Rule(name=name, of=of, limit=float(limit), past=best.past)
        lots = taken(rule, train)
        made = float(np.average(grown[rows, lots], weights=train.weights))
        risk = float(np.average(ruined[rows, lots], weights=train.weights))
        # Of equals the last, the most timid, is the best.
        if made >= most_growth and risk <= ruin_max:
            best, most_growth = rule, made
    return best


def _past(train: Trades) -> Floats:
    """Excursions as sorted quantiles of the natural mix: as many as the trades, at most 10,000."""
    order = np.argsort(train.adverse_frac)
    reached = np.cumsum(train.weights[order])
    at = (np.arange(min(len(train), 10_000)) + 0.5) / min(len(train), 10_000) * reached[-1]
    found: Floats = train.adverse_frac[order][np.minimum(len(train) - 1, np.searchsorted(reached, at))]
    return found


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """The smallest value that so large a share of the weight is not above."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][min(len(values) - 1, int(np.searchsorted(reached, share * reached[-1])))])
