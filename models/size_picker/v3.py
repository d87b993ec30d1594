"""V3: one distribution of a trade's adverse excursion and final move, from which all sizes follow.

A trade falls into one of A x M cells, by its adverse excursion a / scale and its final move / scale:

    P(cell | x)  proportional to  exp(table[cell] + sum_k g_k(x) basis[k, cell]),    g = trust network(x) + b

The table is how often each cell occurs, the basis a few smooth functions of its row and column; `trust` [K] says how
far what the network learned holds on real trades, where it learned from simulated ones too.

A size is ruined where a reaches its ruin distance r. With w = the share of each row of cells below r (even in log a
between edges, the last row falling as a power), mu the mean move of a cell and L the leverage of the size:

    P(ruin)    = sum (1 - w) P(cell)
    E[return]  = sum w P(cell) L mu - P(ruin) loss
    E[growth]  = sum w P(cell) log(1 + L mu) + P(ruin) log(1 - loss),    loss = L (r + gap)

where `gap` is how far beyond r a liquidation is filled, in the mean. 1 - w never rises with r, whatever the weights:
P(ruin) never falls with size or leverage, nor rises with equity. Nothing of equity or size is shown to the network,
and of the candles only what `features.sums` reckons of them: with every candle it had learned chance by heart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from gamma.curves import SizeCurve
from models.size_picker import features, nets
from models.size_picker.form import Floats, Shown, scale
from models.size_picker.nets import Weights

ROWS: Final = 32
COLUMNS: Final = 20
TILTS: Final = 9
REACH_PROB: Final = 0.95
_LOSS_MAX: Final = 1 - 1e-9
_CELLS_MAX: Final = 4_000_000  # at a time, so that a long list of trades stays in a few dozen megabytes


def shapes(hidden: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor."""
    cells = (ROWS, COLUMNS)
    fixed = {"table": cells, "basis": (TILTS, *cells), "moves": cells, "edges": (ROWS,), "tail": (1,), "gap": (1,)}
    return nets.shapes(len(features.SUMS), hidden, TILTS) | {"trust": (TILTS,)} | fixed


def seen(shown: Shown) -> Floats:
    """What the network is shown: the sums of the candles. Shapes: [N, S]."""
    return features.sums(shown)


def logits(weights: Weights, scaled: Any) -> Any:
    """Of every cell, but for a constant. Shapes: [N, F] to [N, A, M]."""
    tilts = weights["trust"] * (nets.trunk(weights, scaled) @ weights["head.w"]) + weights["head.b"]
    cells = weights["basis"].reshape(TILTS, -1)
    return weights["table"] + (tilts @ cells).reshape(-1, ROWS, COLUMNS)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class V3:
    """The distribution, and what every size of a trade comes to by it."""

    weights: Weights

    @property
    def name(self) -> str:
        return "V3"

    def scale(self, shown: Shown) -> Floats:
        """The model's own unit of excursions: how far all but one trade in twenty go at most. Shapes: [N]."""
        rows = self.cells(seen(shown)).sum(axis=2)
        edges = self.weights["edges"]
        below = np.cumsum(rows, axis=1) - rows
        at = np.maximum((below <= REACH_PROB).sum(axis=1) - 1, 0)
        every = np.arange(len(at))
        share = (REACH_PROB - below[every, at]) / rows[every, at]
        last = -np.log(np.maximum(1 - share, 1e-12)) / self.weights["tail"][0]
        inside = share * np.append(np.diff(edges), 0.0)[at]
        found: Floats = np.exp(edges[at] + np.where(at == ROWS - 1, last, inside)) * scale(shown.candles)
        return found

    def cells(self, seen: Floats) -> Floats:
        """The probability of every cell. Shapes: [N, F] to [N, A, M]."""
        found = logits(self.weights, nets.scaled(self.weights, seen))
        found = np.exp(found - found.max(axis=(1, 2), keepdims=True))
        return np.asarray(found / found.sum(axis=(1, 2), keepdims=True))

    def curve(self, shown: Shown) -> SizeCurve:
        each = max(1, _CELLS_MAX // (ROWS * COLUMNS * shown.leverage.shape[1]))
        parts = [self._part(_rows(shown, slice(n, n + each))) for n in range(0, len(shown.candles), each)]
        found = (np.concatenate(column) for column in zip(*parts, strict=True))
        prob, mean, growth = (np.where(shown.allowed, column, np.nan) for column in found)
        lots = np.arange(shown.leverage.shape[1])
        return SizeCurve(lots=lots, ruin_prob=prob, return_mean=mean, growth_mean=growth)

    def _part(self, shown: Shown) -> tuple[Floats, Floats, Floats]:
        unit = scale(shown.candles)
        cells = self.cells(seen(shown))
        lives = self._lives(np.log(shown.ruin_frac / unit[:, None]))
        rows = cells.sum(axis=2)
        prob = np.einsum("nka,na->nk", 1 - lives, rows)
        at_stake = np.where(np.isfinite(shown.ruin_frac), shown.ruin_frac, 0.0)
        loss = shown.leverage * (at_stake + self.weights["gap"][0] * unit[:, None])
        stake = shown.leverage * unit[:, None]
        moved = np.einsum("nam,am->na", cells, self.weights["moves"])
        mean = stake * np.einsum("nka,na->nk", lives, moved) - prob * loss
        # What lives has lost less than what ruins; the mean of a cell that is cut may say otherwise.
        moves = stake[:, :, None] * self.weights["moves"].ravel()
        np.maximum(moves, -np.minimum(loss, _LOSS_MAX)[:, :, None], out=moves)
        moves += 1.0
        grown = np.log(moves, out=moves).reshape(*stake.shape, ROWS, COLUMNS)
        each = np.matmul(grown.transpose(0, 2, 1, 3), cells[:, :, :, None])[..., 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            ruin = np.where(prob > 0, prob * np.log1p(-np.minimum(loss, 1.0)), 0.0)
        growth = np.einsum("nka,nak->nk", lives, each) + ruin
        return prob, mean, growth

    def _lives(self, ruin_log: Floats) -> Floats:
        """The share of each row that lies below the ruin distance. Shapes: [N, K] to [N, K, A]."""
        edges = self.weights["edges"]
        above = ruin_log[:, :, None] - edges
        inside = (above[:, :, :-1] / np.diff(edges)).clip(0.0, 1.0)
        last = -np.expm1(-self.weights["tail"][0] * np.maximum(above[:, :, -1:], 0.0))
        return np.concatenate([inside, last], axis=2)


def of(tensors: Weights) -> V3:
    """The model of a checkpoint's tensors."""
    return V3(weights={name: np.asarray(tensor, dtype=np.float64) for name, tensor in tensors.items()})


def _rows(shown: Shown, rows: slice) -> Shown:
    return Shown(
        candles=shown.candles[rows],
        leverage=shown.leverage[rows],
        ruin_frac=shown.ruin_frac[rows],
        allowed=shown.allowed[rows],
        equity_ratio=shown.equity_ratio[rows],
        spread_frac=shown.spread_frac[rows],
    )
