"""The cells of V3, from training trades: where their edges lie, how often each occurs, what moves are in it.

Nothing here needs JAX.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from models.size_picker.form import Floats, Ints, Trades, scale, shown, turned
from models.size_picker.v3 import COLUMNS, ROWS, TILTS

TAIL: Final = (0.97, 0.98, 0.99, 0.995, 0.998)
LOW: Final = 1e-3
PRIOR: Final = 0.5  # of a trade in each cell that its row and column together make likely


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Where cells begin: `edges` [A] of log(a / scale), the lowest first, and `columns` [M - 1] of move / scale."""

    edges: Floats
    columns: Floats

    def places(self, trades: Trades) -> Ints:
        """The cell of each trade, row by row. Shapes: [N]."""
        adverse, move = units(trades)
        row = (np.searchsorted(self.edges, np.log(np.maximum(adverse, LOW)), side="right") - 1).clip(0)
        found: Ints = row * COLUMNS + np.searchsorted(self.columns, move, side="right")
        return found


def units(trades: Trades) -> tuple[Floats, Floats]:
    """Adverse excursion and move in units of the scale of the candles before. Shapes: [N] each."""
    unit = scale(turned(trades.candles, trades.side))
    return trades.adverse_frac / unit, trades.move_frac / unit


def made(trades: Trades) -> tuple[Cells, dict[str, Any]]:
    """Cells of even mass, with more edges in the tail; and V3's tensors but for its network, float32."""
    adverse, move = units(trades)
    high = np.log(np.maximum(adverse, LOW))
    probs = np.concatenate([np.linspace(0, 0.95, ROWS - len(TAIL)), TAIL])
    edges = _apart(_quantiles(high, trades.weights, probs))
    tails = (0.005, 0.02)
    even = np.linspace(0.05, 0.95, COLUMNS - 1 - 2 * len(tails))
    columns = _apart(_quantiles(move, trades.weights, np.array([*tails, *even, *(1 - x for x in reversed(tails))])))
    cells = Cells(edges=edges, columns=columns)
    places = cells.places(trades)
    mass: Floats = np.bincount(places, trades.weights / trades.weights.mean(), ROWS * COLUMNS).astype(np.float64)
    far = high >= edges[-1]
    beyond = np.average(high[far] - edges[-1], weights=trades.weights[far]) if far.any() else 0.2
    tensors = {
        "table": _table(mass.reshape(ROWS, COLUMNS)),
        "basis": _basis(),
        "moves": _moves(cells, (places, move, trades.weights), mass),
        "edges": edges,
        "tail": np.array([1 / max(float(beyond), 0.02)]),
        "gap": np.array([gap(trades)]),
    }
    return cells, {name: np.asarray(tensor, dtype=np.float32) for name, tensor in tensors.items()}


def gap(trades: Trades) -> float:
    """How far beyond its ruin distance a liquidation is filled, in units of the scale, in the mean."""
    unit = scale(turned(trades.candles, trades.side))
    leverage = shown(trades).leverage
    ruined = trades.ruined & trades.allowed & (leverage > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = (-trades.returns / leverage - trades.ruin_frac) / unit[:, None]
    weights = np.where(ruined, trades.weights[:, None], 0.0)
    total = weights.sum()
    return float(np.maximum(np.where(ruined, beyond, 0.0) * weights, 0.0).sum() / total) if total > 0 else 0.0


def _quantiles(values: Floats, weights: Floats, probs: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    at = np.cumsum(weights[order]) - 0.5 * weights[order]
    found: Floats = np.interp(probs, at / weights.sum(), values[order])
    return found


def _apart(edges: Floats) -> Floats:
    """Rising edges, however many trades are alike."""
    found: Floats = np.maximum.accumulate(edges + 1e-4 * np.arange(len(edges)))
    return found


def _table(mass: Floats) -> Floats:
    rows, columns = mass.sum(axis=1, keepdims=True), mass.sum(axis=0, keepdims=True)
    likely = (rows + 1) * (columns + 1)
    logs = np.log(mass + PRIOR * likely * mass.size / likely.sum())
    found: Floats = logs - logs.mean()
    return found


def _basis() -> Floats:
    """Smooth functions of a cell's row and column: location, spread and skew of each, and how they go together."""
    row, column = (_scores(n) for n in (ROWS, COLUMNS))
    one_row, one_column = np.ones(ROWS), np.ones(COLUMNS)
    parts = [
        (row, one_column),
        (row**2 - 1, one_column),
        ((row**3 - 3 * row) / 3, one_column),
        (one_row, column),
        (one_row, column**2 - 1),
        (one_row, (column**3 - 3 * column) / 3),
        (row, column),
        (row**2 - 1, column),
        (row, column**2 - 1),
    ]
    found: Floats = np.stack([np.outer(a, b) for a, b in parts])
    assert len(found) == TILTS  # noqa: S101 - by the list above
    return found


def _scores(cells: int) -> Floats:
    normal = NormalDist()
    return np.array([normal.inv_cdf((n + 0.5) / cells) for n in range(cells)])


def _moves(cells: Cells, of: tuple[Ints, Floats, Floats], mass: Floats) -> Floats:
    """The mean move in each cell; where few trades fell, mostly its column's, and no further down than its row."""
    places, move, weights = of
    total = np.bincount(places, weights * move, ROWS * COLUMNS)
    here = np.bincount(places, weights, ROWS * COLUMNS)
    column = (total.reshape(ROWS, -1).sum(axis=0) / np.maximum(here.reshape(ROWS, -1).sum(axis=0), 1e-9))[None, :]
    top = np.append(np.exp(cells.edges[1:]), np.exp(cells.edges[-1]) * 1.5)[:, None]
    likely = np.maximum(np.broadcast_to(column, (ROWS, COLUMNS)), -top).ravel()
    scaled = mass / np.maximum(here, 1e-12) * total
    found: Floats = np.where(mass > 0, (scaled + 2 * likely) / (mass + 2), likely).reshape(ROWS, COLUMNS)
    least: Floats = np.maximum(found, -top)
    return least
