"""A probe environment whose best way is known."""

from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from models.noise import chance
from models.ppo import Env, Told


class Corridor(NamedTuple):
    """A cell of a corridor, and how many steps were taken. Shapes: [E]."""

    at: Array
    steps: Array
    salt: Array
    episode: Array
    over: Array


CELLS: Final = 5
STEPS: Final = 10
BEST: Final = 10.0 / 2  # two steps to the right end and its 10


def corridor() -> Env:
    """A corridor of five cells: left is a small reward at once, the right end a large one that ends the episode.

    From the middle the best is to walk right. The last of three actions is illegal everywhere, and would be dear.
    """

    def reset(_: Any, salt: Array) -> Corridor:
        zero = jnp.zeros(salt.shape, jnp.int32)
        return Corridor(zero + 2, zero, salt, zero, zero)

    def step(_: Any, state: Corridor, action: Array) -> tuple[Corridor, Told]:
        live = state.over == 0
        at = jnp.clip(state.at + jnp.where(action == 1, 1, -1), 0, CELLS - 1)
        end = at == CELLS - 1
        cut = ~end & (state.steps + 1 >= STEPS)
        reward = jnp.where(end, 10.0, jnp.where(at == 0, 0.1, 0.0)) - 100.0 * (action == 2)
        fresh = reset(None, state.salt)
        after = Corridor(at, state.steps + 1, state.salt, state.episode, (end | cut).astype(jnp.int32))
        after = Corridor(*(jnp.where(live, new, old) for new, old in zip(after, fresh, strict=True)))
        after = after._replace(episode=state.episode + ~live)
        told = Told(reward * live, end & live, cut & live, live, {"ends": (end & live).sum()})
        return after, told

    def observe(state: Corridor) -> Array:
        spot = jax.nn.one_hot(state.at, CELLS)
        return jnp.concatenate([spot, chance(state.salt, state.episode, 1)[:, None]], axis=1)

    def legal(state: Corridor) -> Array:
        yes = jnp.ones(state.at.shape, bool)
        return jnp.stack([yes, yes, ~yes], axis=1)

    return Env(reset=reset, step=step, observe=observe, legal=legal)
