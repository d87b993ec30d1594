"""A matrix product for networks whose derivatives are as fast as the product itself, on a CPU too."""

from collections.abc import Callable

import jax
from jax import Array


@jax.custom_vjp
def product(rows: Array, weights: Array) -> Array:
    """`rows @ weights`, [B, I] and [I, O], whose derivative is written in the orders that a CPU multiplies fastest.

    XLA would multiply by the rows transposed in place: 1.6 times slower than by a copy of them, and 5 times slower
    than the other way around where the weights are narrow.
    """
    return rows @ weights


def _product(rows: Array, weights: Array) -> tuple[Array, tuple[Array, Array]]:
    return rows @ weights, (rows, weights)


def _derived(kept: tuple[Array, Array], back: Array) -> tuple[Array, Array]:
    rows, weights = kept
    alone: Callable[[Array], Array] = jax.lax.optimization_barrier  # XLA leaves a copy as it is
    narrow = weights.shape[1] < weights.shape[0] // 2
    return back @ alone(weights.T), alone(back.T @ rows).T if narrow else alone(rows.T) @ back


product.defvjp(_product, _derived)
