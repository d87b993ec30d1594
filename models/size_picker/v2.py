"""V2: two heads for each size, the probability of liquidation and the mean return.

With u = log(ruin_frac / scale), L the size's leverage and e the equity ratio, the first is

    logit q = c(x) - alpha(x) u - sum_j beta_j(x) softplus(u - t_j) + gamma log(1 + L) - delta log(e)

with alpha, beta_j, gamma and delta above 0 whatever the weights, so that it never falls with size or leverage, nor
rises with equity. It is trained with a penalty of five for calling safe what liquidates, which tilts it: where p is
the probability, the loss is least at q = 5 p / (5 p + 1 - p), and so p = q / (q + 5 (1 - q)); what the model says is p.
The second is L times the scale times a small network of x, u, L, e and the spread.

V2 knows no distribution: its growth is that of two outcomes, ruin and the mean of what lives, which leaves out what
the spread of returns costs, and so is a little more than the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from gamma.curves import SizeCurve
from gamma.numeric import namespace
from models.size_picker import features, nets
from models.size_picker.form import SCALE_MIN, Floats, Shown, scale
from models.size_picker.nets import Weights

PENALTY: Final = 5.0
KNOTS: Final = (1.0, 1.75, 2.5, 3.25, 4.0)
RUIN: Final = 2 + len(KNOTS)
WIDTH: Final = 16
CONTEXT: Final = 4
_U: Final = (-3.0, 9.0)


def shapes(hidden: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor."""
    sizes = {"sizes.w": (CONTEXT, WIDTH), "sizes.out.w": (WIDTH, 1), "rising": (2,)}
    return nets.shapes(len(features.SEEN), hidden, RUIN + WIDTH) | sizes


def seen(shown: Shown) -> Floats:
    """What the network is shown: every candle. Shapes: [N, F]."""
    return features.seen(shown)


def untilted(tilted: Any, penalty: float = PENALTY) -> Any:
    """The probability, of one that was learned with so many times the penalty for calling safe what liquidates."""
    return tilted / (tilted + penalty * (1.0 - tilted))


def context(shown: Shown) -> Floats:
    """What is at stake at each size. Shapes: [N, K, 4]: u, log(1 + L), log e, log(spread / scale)."""
    unit = scale(shown.candles)[:, None]
    with np.errstate(divide="ignore"):
        u = np.log(shown.ruin_frac / unit).clip(*_U)
    spread = np.log(np.maximum(shown.spread_frac, SCALE_MIN)[:, None] / unit)
    ratio = np.log(np.maximum(shown.equity_ratio, SCALE_MIN))[:, None]
    parts = np.broadcast_arrays(u, np.log1p(shown.leverage), ratio, spread)
    return np.stack(parts, axis=-1).astype(np.float32)


def heads(weights: Weights, scaled: Any, context: Any) -> tuple[Any, Any]:
    """The tilted logit of ruin, and the return over leverage and scale. Shapes: [N, F], [N, K, 4] to [N, K] each."""
    out = nets.head(weights, scaled)
    u, levered, ratio = (context[..., n] for n in range(3))
    bend = softplus(out[:, 1:RUIN])
    logit = out[:, :1] + 2.0 - bend[:, :1] * (u - 1.0)
    for n, knot in enumerate(KNOTS):
        logit = logit - bend[:, n + 1 : n + 2] * softplus(u - knot)
    up, down = softplus(weights["rising"][0]), softplus(weights["rising"][1])
    logit = logit + 0.1 * (up * levered - down * ratio)
    inner = (out[:, None, RUIN:] + context @ weights["sizes.w"]).clip(0.0)
    return logit, (inner @ weights["sizes.out.w"])[..., 0]


def softplus(value: Any) -> Any:
    """log(1 + e^value)."""
    xp = namespace(value)
    return xp.maximum(value, 0.0) + xp.log1p(xp.exp(-xp.abs(value)))


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class V2:
    """The two heads, and what every size of a trade comes to by them."""

    weights: Weights

    @property
    def name(self) -> str:
        return "V2"

    def curve(self, shown: Shown) -> SizeCurve:
        scaled = nets.scaled(self.weights, seen(shown))
        logit, out = heads(self.weights, scaled, context(shown).astype(np.float64))
        stake = shown.leverage * scale(shown.candles)[:, None]
        none = np.isposinf(shown.ruin_frac)
        prob = np.where(none, 0.0, untilted(1 / (1 + np.exp(-logit.clip(-500, 500)))))
        mean = stake * out
        loss = np.where(none, 0.0, shown.leverage * np.where(none, 1.0, shown.ruin_frac))
        lives = (mean + prob * loss) / np.maximum(1 - prob, 1e-9)
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = (1 - prob) * np.log1p(np.maximum(lives, -1.0)) + prob * np.log1p(-np.minimum(loss, 1.0))
        prob, mean, growth = (np.where(shown.allowed, each, np.nan) for each in (prob, mean, growth))
        lots = np.arange(shown.leverage.shape[1])
        return SizeCurve(lots=lots, ruin_prob=prob, return_mean=mean, growth_mean=growth)


def of(tensors: Weights) -> V2:
    """The model of a checkpoint's tensors."""
    return V2(weights={name: np.asarray(tensor, dtype=np.float64) for name, tensor in tensors.items()})
