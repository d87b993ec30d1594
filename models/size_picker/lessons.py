"""What each model learns from trades: its fresh weights, what it is shown, and its loss on a trade."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from models.size_picker import cards, nets, v1, v2, v3, v3_cells
from models.size_picker.cards import ModelName
from models.size_picker.form import Trades, scale, shown

HUBER: Final = 0.25
RETURN_WEIGHT: Final = 4.0
FIXED: Final = frozenset({*nets.SCALE, "basis", "moves", "edges", "tail", "gap", "trust"})

Tensors = Mapping[str, NDArray[Any]]
Batch = Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """How one model is trained: `fixed` tensors stay as they are, `fresh` ones are learned.

    `rows` gives what is learned from trades, an array each; `loss` that of each trade in a batch of them.
    """

    fixed: Tensors
    fresh: Tensors
    rows: Callable[[Trades], Tensors]
    loss: Callable[[Mapping[str, Any], Batch], Array]


def lesson(model: ModelName, trades: Trades, hidden: Sequence[int], seed: int) -> Lesson:
    """The lesson of a model on these training trades."""
    rng = np.random.default_rng(seed)
    fixed = _moments(cards.MODELS[model].seen(shown(trades)), trades.weights)
    if model == "v1":
        fresh = nets.fresh(rng, _learned(v1.shapes(hidden)))
        return Lesson(fixed=fixed, fresh=fresh, rows=_rows_v1, loss=_loss_v1)
    if model == "v2":
        fresh = nets.fresh(rng, _learned(v2.shapes(hidden))) | {"rising": np.full(2, -2.0, np.float32)}
        return Lesson(fixed=fixed, fresh=fresh, rows=_rows_v2, loss=_loss_v2)
    cells, made = v3_cells.made(trades)
    fresh = nets.fresh(rng, _learned(v3.shapes(hidden))) | {"table": made.pop("table")}
    fixed |= made | {"trust": np.ones(v3.TILTS, np.float32)}
    return Lesson(fixed=fixed, fresh=fresh, rows=partial(_rows_v3, cells), loss=_loss_v3)


def set_right(found: Tensors, cells: v3_cells.Cells) -> Lesson:
    """V3's second lesson, on real trades alone: how far to trust each tilt of the network, and where all begin."""
    fresh = {name: found[name] for name in ("trust", "head.b")}
    fixed = {name: tensor for name, tensor in found.items() if name not in fresh}
    return Lesson(fixed=fixed, fresh=fresh, rows=partial(_rows_v3, cells), loss=_loss_v3)


def _rows_v3(cells: v3_cells.Cells, trades: Trades) -> Tensors:
    return {"seen": v3.seen(shown(trades)), "cell": cells.places(trades).astype(np.int32)}


def _learned(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in shapes.items() if name not in FIXED}


def _moments(seen: NDArray[Any], weights: NDArray[Any]) -> dict[str, NDArray[Any]]:
    weights = weights / weights.sum()
    mean = weights @ seen
    variance = weights @ np.square(seen - mean)
    return {"scale.mean": mean.astype(np.float32), "scale.variance": variance.astype(np.float32)}


def _rows_v1(trades: Trades) -> Tensors:
    given = shown(trades)
    return {
        "seen": v1.seen(given),
        "context": v1.context(given),
        "allowed": trades.allowed,
        "best": v1.best(trades).astype(np.int32),
    }


def _loss_v1(weights: Mapping[str, Any], batch: Batch) -> Array:
    found = v1.logits(weights, nets.scaled(weights, batch["seen"]), batch["context"])
    logs = jax.nn.log_softmax(jnp.where(batch["allowed"], found, v1.NEVER))
    return -jnp.take_along_axis(logs, batch["best"][:, None], axis=1)[:, 0]


def _rows_v2(trades: Trades) -> Tensors:
    given = shown(trades)
    return {
        "seen": v2.seen(given),
        "context": v2.context(given),
        "counts": trades.allowed & np.isfinite(given.ruin_frac),
        "ruined": trades.ruined,
        "stake": (given.leverage * scale(given.candles)[:, None]).astype(np.float32),
        "returns": np.where(trades.allowed, trades.returns, 0.0).astype(np.float32),
    }


def _loss_v2(weights: Mapping[str, Any], batch: Batch) -> Array:
    """BCE with the penalty, and Huber's loss of the return; means over a trade's sizes."""
    logit, out = v2.heads(weights, nets.scaled(weights, batch["seen"]), batch["context"])
    unsafe = v2.PENALTY * jax.nn.softplus(-logit)
    crossed = jnp.where(batch["ruined"], unsafe, jax.nn.softplus(logit))
    off = jnp.abs(batch["stake"] * out - batch["returns"])
    near = jnp.minimum(off, HUBER)
    huber = near * (off - 0.5 * near)
    counts = batch["counts"].astype(jnp.float32)
    return ((crossed + RETURN_WEIGHT * huber) * counts).sum(axis=1) / jnp.maximum(counts.sum(axis=1), 1.0)


def _loss_v3(weights: Mapping[str, Any], batch: Batch) -> Array:
    found = v3.logits(weights, nets.scaled(weights, batch["seen"])).reshape(len(batch["cell"]), -1)
    return -jnp.take_along_axis(jax.nn.log_softmax(found), batch["cell"][:, None], axis=1)[:, 0]
