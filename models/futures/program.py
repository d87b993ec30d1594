"""A training run as one compiled program: its beginning, and its update, for all seeds and markets, on all devices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
from jax import Array

from models import ppo
from models.futures.lessons import Curriculum, lesson
from models.futures.records import Lesson, Terms, World
from models.futures.together import finite, market_env, together
from models.spread import spread


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """What is trained: terms and worlds by market, seeds side by side (`vmap`), environments over devices."""

    terms: tuple[Terms, ...]
    worlds: tuple[World, ...]
    config: ppo.Config
    curriculum: Curriculum | None
    seeds: tuple[int, ...]

    @property
    def batch(self) -> int:
        """How many decisions an update has, of one seed."""
        return self.config.envs * self.config.steps

    def begin(self) -> ppo.Train:
        """The run before its first update; of several seeds every array has one more axis in front."""

        def begun(worlds: tuple[World, ...], seed: Array) -> ppo.Train:
            return ppo.begin(self.config, self._env(worlds), seed, self._lessons(0.0))

        # One after the other: a batch of the decompositions that make orthogonal weights can lock up all of a small
        # machine's threads, each waiting for the others (jax 0.10).
        compiled = jax.jit(begun)
        begins: list[ppo.Train] = [compiled(self.worlds, jnp.uint32(seed)) for seed in self.seeds]
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

        def updated(worlds: tuple[World, ...], train: ppo.Train) -> tuple[ppo.Train, Any]:
            lessons = self._lessons(train.done / self.config.updates)
            after, told = ppo.update(self.config, self._env(worlds), train, lessons)
            return after, {**told, "finite": finite(after.weights)}

        mapped = updated if len(self.seeds) == 1 else jax.vmap(updated, in_axes=(None, 0))
        return spread(self.config, mapped, self.worlds, train)

    def _env(self, worlds: Sequence[World]) -> ppo.Env:
        return together([market_env(terms, world) for terms, world in zip(self.terms, worlds, strict=True)])

    def _lessons(self, progress: Array | float) -> tuple[Lesson, ...]:
        return tuple(lesson(self.curriculum, terms.market, progress) for terms in self.terms)
