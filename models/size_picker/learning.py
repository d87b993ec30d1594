"""How a model is trained: AdamW on short gradients, a one-cycle learning rate, and a stop where it gets no better.

Deterministic by seed: the same trades and plan on the same machine give the same weights, bit for bit.
Sources: Loshchilov and Hutter (2019), Decoupled Weight Decay; Smith and Topin (2018), Super-Convergence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from gamma.errors import InputInvalid
from gamma.ports import PickerEpoch
from models.size_picker.form import Trades
from models.size_picker.lessons import Lesson, Tensors

WHOLE: Final = 8_192  # trades of the validation at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how fast a model learns; `patience` epochs without a better validation loss end it."""

    epochs: int = 20
    batch: int = 1_024
    rate: float = 2e-3
    decay: float = 1e-2
    gradient_max: float = 1.0
    patience: int = 6
    seed: int = 1


Ending = Literal["done", "no better", "stopped", "not a number"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """The best weights by validation, with the fixed tensors; `steps` is how many minibatches made them."""

    tensors: Tensors
    steps: int
    loss: float
    ending: Ending


def fit(
    lesson: Lesson, plan: Plan, trades: Trades, validation: Trades, tell: Callable[[PickerEpoch], bool] = lambda _: True
) -> Learned:
    """Train to the end, or until it gets no better, `tell` says no, or weights are no numbers: the best so far stay.

    Raises: InputInvalid where there are too few trades, or no epoch gave numbers.
    """
    if len(trades) < 2 or not len(validation):
        raise InputInvalid(f"{len(trades)} trades, {len(validation)} to validate on: too few; give more")
    size = min(plan.batch, len(trades))
    steps = len(trades) // size
    rule = _rule(plan, plan.epochs * steps)
    fixed = {name: jnp.asarray(tensor) for name, tensor in lesson.fixed.items()}
    rows, held = _on_device(lesson, trades), _on_device(lesson, validation)
    weights: Any = {name: jnp.asarray(tensor) for name, tensor in lesson.fresh.items()}
    state = rule.init(weights)
    one = jax.jit(partial(_epoch, lesson, rule, (steps, size)), donate_argnums=(1,))
    judge = jax.jit(partial(_judged, lesson))
    key = jax.random.key(plan.seed)
    best: tuple[int, float, Any] = (0, float("inf"), None)
    ending: Ending = "done"
    for epoch in range(1, plan.epochs + 1):
        key, drawn = jax.random.split(key)
        weights, state, loss = one(weights, state, fixed, rows, drawn)
        found = float(judge({**fixed, **weights}, held))
        if not np.isfinite(found) or not np.isfinite(float(loss)):
            ending = "not a number"
            break
        if found < best[1]:
            best = (epoch, found, jax.device_get(weights))
        if not tell(
            PickerEpoch(epoch=epoch, epochs=plan.epochs, loss=float(loss), validation_loss=found, best=best[0])
        ):
            ending = "stopped"
            break
        if epoch - best[0] >= plan.patience:
            ending = "no better"
            break
    if best[2] is None:
        raise InputInvalid("the weights were no numbers after the first epoch; look at the trades, or another seed")
    tensors = {**lesson.fixed, **{name: np.asarray(tensor, np.float32) for name, tensor in best[2].items()}}
    return Learned(tensors=tensors, steps=best[0] * steps, loss=best[1], ending=ending)


def _rule(plan: Plan, steps: int) -> optax.GradientTransformation:
    rate = optax.cosine_onecycle_schedule(max(steps, 4), plan.rate)
    return optax.chain(
        optax.clip_by_global_norm(plan.gradient_max),
        optax.adamw(rate, weight_decay=plan.decay, mask=lambda tree: {name: name.endswith(".w") for name in tree}),
    )


def _on_device(lesson: Lesson, trades: Trades) -> dict[str, Array]:
    weights = trades.weights / trades.weights.mean()
    rows = {**lesson.rows(trades), "weights": np.asarray(weights, dtype=np.float32)}
    return {name: jnp.asarray(column) for name, column in rows.items()}


def _loss(
    lesson: Lesson, fixed: Mapping[str, Array], weights: Mapping[str, Array], batch: Mapping[str, Array]
) -> Array:
    return jnp.asarray(jnp.mean(lesson.loss({**fixed, **weights}, batch) * batch["weights"]))


def _epoch(
    lesson: Lesson, rule: optax.GradientTransformation, of: tuple[int, int], weights: Any, state: Any, *given: Any
) -> tuple[Any, Any, Array]:
    """All trades once, in an order of chance; what is left of a whole minibatch waits for another epoch."""
    fixed, rows, key = given
    steps, size = of
    order = jax.random.permutation(key, len(rows["weights"]))[: steps * size].reshape(steps, size)

    def step(carry: tuple[Any, Any], chosen: Array) -> tuple[tuple[Any, Any], Array]:
        weights, state = carry
        batch = {name: column[chosen] for name, column in rows.items()}
        loss, gradient = jax.value_and_grad(partial(_loss, lesson, fixed))(weights, batch)
        change, state = rule.update(gradient, state, weights)
        return (optax.apply_updates(weights, change), state), loss

    (weights, state), losses = jax.lax.scan(step, (weights, state), order)
    return weights, state, losses.mean()


def _judged(lesson: Lesson, weights: Mapping[str, Array], rows: Mapping[str, Array]) -> Array:
    count = len(rows["weights"])
    size = min(count, WHOLE)
    parts = -(-count // size)
    padded = {
        name: jnp.pad(column, [(0, parts * size - count), *[(0, 0)] * (column.ndim - 1)]).reshape(
            parts, size, *column.shape[1:]
        )
        for name, column in rows.items()
    }

    def part(total: Array, batch: Mapping[str, Array]) -> tuple[Array, None]:
        return total + (lesson.loss(weights, batch) * batch["weights"]).sum(), None

    total, _ = jax.lax.scan(part, jnp.float32(0), padded)
    return jnp.asarray(total / rows["weights"].sum())
