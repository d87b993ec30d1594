"""A training run as one compiled program: its beginning, and its update, for all seeds side by side, on all devices."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
from jax import Array

from models import ppo
from models.spread import spread


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """What is trained: environments made of a `world` of arrays, seeds side by side (`vmap`), spread over devices.

    `lesson` is what the environments are taught at a part of the run, 0 to 1.
    """

    world: Any
    env: Callable[[Any], ppo.Env]
    lesson: Callable[[Array | float], Any]
    config: ppo.Config
    seeds: tuple[int, ...]

    @property
    def batch(self) -> int:
        """How many decisions an update has, of one seed."""
        return self.config.envs * self.config.steps

    def begin(self) -> ppo.Train:
        """The run before its first update; of several seeds every array has one more axis in front."""

        def begun(world: Any, seed: Array) -> ppo.Train:
            return ppo.begin(self.config, self.env(world), seed, self.lesson(0.0))

        # One after the other: a batch of the decompositions that make orthogonal weights can lock up all of a small
        # machine's threads, each waiting for the others (jax 0.10).
        compiled = jax.jit(begun)
        begins: list[ppo.Train] = [compiled(self.world, jnp.uint32(seed)) for seed in self.seeds]
        if len(begins) == 1:
            return begins[0]
        stacked: ppo.Train = jax.tree.map(lambda *leaves: jnp.stack(leaves), *begins)
        return stacked

    def part(self, tree: Any, seed: int) -> Any:
        """What belongs to one seed."""
        if len(self.seeds) == 1:
            return tree
        return jax.tree.map(lambda leaf: leaf[self.seeds.index(seed)], tree)

    def updater(self, train: ppo.Train) -> tuple[Callable[[ppo.Train], tuple[ppo.Train, Any]], ppo.Train]:
        """The compiled update, and the run's state put where it wants it; what it is given, it uses up."""

        def updated(world: Any, train: ppo.Train) -> tuple[ppo.Train, Any]:
            lesson = self.lesson(train.done / self.config.updates)
            after, told = ppo.update(self.config, self.env(world), train, lesson)
            return after, {**told, "finite": finite(after.weights)}

        mapped = updated if len(self.seeds) == 1 else jax.vmap(updated, in_axes=(None, 0))
        return spread(self.config, mapped, self.world, train)


def finite(weights: Any) -> Array:
    """Whether every weight is a number. Shapes: scalar, bool."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(weights)]).all()
