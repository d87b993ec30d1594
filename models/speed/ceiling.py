"""The least that training can take: the matrix products of its network, and nothing else, on the same machine."""

from itertools import pairwise

import jax
import jax.numpy as jnp
from jax import Array

from models import ppo

ROWS = 2_048


def products(config: ppo.Config, width: int, actions: int) -> tuple[list[Array], Array]:
    """Weights of the network's shapes, and rows to multiply with them."""
    sizes = (width, *config.hidden, actions + 1)
    return [jnp.full(shape, 1e-3, jnp.float32) for shape in pairwise(sizes)], jnp.ones((ROWS, width), jnp.float32)


def chain(config: ppo.Config, weights: list[Array], rows: Array) -> list[Array]:
    """The products of one update of one batch: a pass forward for its rollout, and forward and back for each epoch."""
    blocks = config.envs * config.steps // ROWS

    def forward(weights: list[Array]) -> Array:
        hidden = rows
        for w in weights:
            hidden = hidden @ w
        return hidden

    def rollout(weights: list[Array], _: None) -> tuple[list[Array], None]:
        return [w + 1e-12 * forward(weights).mean() for w in weights], None

    def learn(weights: list[Array], _: None) -> tuple[list[Array], None]:
        found, back = jax.vjp(forward, weights)
        (gradient,) = back(found)
        return [w + 1e-12 * g for w, g in zip(weights, gradient, strict=True)], None

    weights, _ = jax.lax.scan(rollout, weights, None, length=blocks)
    return jax.lax.scan(learn, weights, None, length=blocks * config.epochs)[0]
