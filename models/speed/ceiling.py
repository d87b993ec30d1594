"""The least that training can take: the matrix products of its network, and nothing else, on the same machine."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from models import ppo

ROWS: Final = 256


def products(config: ppo.Config, width: int, actions: int) -> tuple[list[Array], Array]:
    """Weights of the network's shapes, and rows to multiply with them."""
    sizes = (width, *config.hidden, actions + 1)
    return [jnp.full(shape, 1e-3, jnp.float32) for shape in pairwise(sizes)], jnp.ones((ROWS, width), jnp.float32)


def chain(config: ppo.Config, weights: list[Array], rows: Array) -> list[Array]:
    """A device's products for an update: a pass forward for its rollout, and forward and back for each epoch."""
    blocks = config.envs * config.steps // config.devices // ROWS

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


def spread(config: ppo.Config) -> Callable[[list[Array], Array], list[Array]]:
    """`chain` on every device at once, each with its share of the batch."""

    def run(weights: list[Array], rows: Array) -> list[Array]:
        return chain(config, weights, rows)

    each: Any = P()  # type: ignore[no-untyped-call]
    return at_once(run, config.devices, (each, each), each)


def at_once(run: Callable[..., Any], devices: int, given: Any, found: Any) -> Callable[..., Any]:
    """A program compiled for so many devices, none of which waits for another; `given`, `found`: what is parted."""
    if devices == 1:
        return jax.jit(run)
    mesh = jax.make_mesh((devices,), (ppo.LANES,), (AxisType.Auto,), devices=jax.devices()[:devices])
    return jax.jit(jax.shard_map(run, mesh=mesh, in_specs=given, out_specs=found, check_vma=False))
