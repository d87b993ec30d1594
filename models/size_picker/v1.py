"""V1: one class for each size, the best by hindsight, and cross-entropy: the baseline that the others are held against.

It treats all errors alike, knows no order of sizes, and learns from near ties as if they told something. Its curve says
what its classes say, and no more. The best size by hindsight is the largest that lived, of a trade that won, and 0 of
one that lost; so among trades that won, the classes below a size are those that it would have been ruined in:

    ruin_prob(k) = sum of P(j), 0 < j < k  /  sum of P(j), j > 0

which never falls with size, but may with leverage or equity, which are numbers like any other to it. It knows no
returns: `return_mean` and `growth_mean` are log(P(k) / P(0)), which is highest at its choice, and above 0 where it
would rather have that size than none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from gamma.curves import SizeCurve
from models.size_picker import features, nets
from models.size_picker.form import SCALE_MIN, SIZES, Floats, Ints, Shown, Trades, scale
from models.size_picker.nets import Weights

CONTEXT: Final = 3
NEVER: Final = -1e9


def shapes(hidden: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor."""
    return nets.shapes(len(features.SEEN), hidden, SIZES, CONTEXT)


def seen(shown: Shown) -> Floats:
    """What the network is shown: every candle. Shapes: [N, F]."""
    return features.seen(shown)


def best(trades: Trades) -> Ints:
    """The best size of each trade by hindsight, the smaller of sizes as good; 0 where none won. Shapes: [N]."""
    found: Ints = np.argmax(np.where(trades.allowed, trades.returns, -np.inf), axis=1)
    return found


def context(shown: Shown) -> Floats:
    """What is at stake. Shapes: [N, 3]: log of one lot's ruin distance over the scale, of its leverage, of e."""
    ratio = np.log(np.maximum(shown.equity_ratio, SCALE_MIN))
    parts = (np.log(shown.ruin_frac[:, 1] / scale(shown.candles)) - 4.0, np.log(shown.leverage[:, 1]), ratio)
    return np.stack(parts, axis=1).astype(np.float32)


def logits(weights: Weights, scaled: Any, context: Any) -> Any:
    """Of each class. Shapes: [N, F], [N, 3] to [N, 31]."""
    return nets.head(weights, scaled, context)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class V1:
    """The classes, and what they say of every size of a trade; NaN where the sizes are not those it was trained on."""

    weights: Weights

    @property
    def name(self) -> str:
        return "V1"

    def curve(self, shown: Shown) -> SizeCurve:
        lots = np.arange(shown.leverage.shape[1])
        if len(lots) != SIZES:
            unknown = np.full(shown.leverage.shape, np.nan)
            return SizeCurve(lots=lots, ruin_prob=unknown, return_mean=unknown, growth_mean=unknown)
        logs = self._logs(shown)
        prob = np.exp(logs)
        won = prob[:, 1:].cumsum(axis=1)
        below = np.concatenate([np.zeros((len(won), 2)), won[:, :-1]], axis=1)
        ruin = below / np.maximum(won[:, -1:], 1e-12)
        worth = logs - logs[:, :1]
        ruin, worth = (np.where(shown.allowed, each, np.nan) for each in (ruin, worth))
        return SizeCurve(lots=lots, ruin_prob=ruin, return_mean=worth, growth_mean=worth)

    def _logs(self, shown: Shown) -> Floats:
        """The log of the probability of each class. Shapes: [N, 31]."""
        scaled = nets.scaled(self.weights, seen(shown))
        found = np.where(shown.allowed, logits(self.weights, scaled, context(shown).astype(np.float64)), NEVER)
        found -= found.max(axis=1, keepdims=True)
        return np.asarray(found - np.log(np.exp(found).sum(axis=1, keepdims=True)))


def of(tensors: Weights) -> V1:
    """The model of a checkpoint's tensors."""
    return V1(weights={name: np.asarray(tensor, dtype=np.float64) for name, tensor in tensors.items()})
