"""`TrainingSpeed`: steps a second of the environment, of PPO, and of what they are compared with, in one process."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, final

import jax
import jax.numpy as jnp
import psutil
from jax.sharding import PartitionSpec as P

from gamma.errors import InputInvalid
from gamma.ports import SpeedFigure
from models import ppo, spread
from models.futures.records import World
from models.noise import mixed
from models.speed import case, ceiling, recipe
from models.speed.beside import NotMeasured, stable_baselines

SMALL: Final = ppo.Config(hidden=(128, 128))
LARGE: Final = ppo.Config(hidden=(256, 256))
# Environment steps a second of the system that gamma replaces, training included, on a rented GPU.
ORIGIN: Final = {"phase 1": 10_483, "phase 2": 7_801}


@dataclass(frozen=True, slots=True)
class _Program:
    """A compiled program and how many steps one call of it makes; `run` takes what it gave, and gives it again."""

    steps: int
    run: Callable[[Any], Any]
    first: Any


@dataclass(frozen=True, slots=True)
class _Row:
    """A figure of the table: what is timed, by which program, and what its figure is held against."""

    what: str
    program: Callable[[], _Program]
    recipe: str = ""
    ceiling: str = ""
    note: str = ""


@final
class TrainingSpeed:
    """Medians of runs that take turns, so that all of them meet the same other work on the machine."""

    def figures(self, rounds: int, only: str, *, beside: bool) -> Sequence[SpeedFigure]:
        spread.use_cores()
        rows = {name: row for name, row in _rows().items() if name.startswith(only)}
        if not rows:
            raise InputInvalid(f"--only {only}: nothing that is timed begins so; there are {', '.join(_rows())}")
        found, others = _timed({name: row.program() for name, row in rows.items()}, rounds)
        told = [SpeedFigure(row.what, round(found[name]), _beside(found, name, row)) for name, row in rows.items()]
        meanwhile = f"{others:.1f} of {os.cpu_count()} cores"
        told.append(SpeedFigure("other programs meanwhile took", 0, meanwhile))
        return [*told, *_others(found)] if beside else told


def _rows() -> Mapping[str, _Row]:
    shared = recipe.Style(shared=True, activation=jax.nn.relu)
    published = recipe.Style(shared=False, activation=jnp.tanh)
    origin = "the origin: " + ", ".join(f"{value:,} ({phase})" for phase, value in ORIGIN.items())
    rows = {
        f"env{envs}": _Row(f"environment and sizer chain, {envs:,} environments", partial(_env, envs))
        for envs in (256, 2_048)
    }
    for name, what, config, window in (
        ("small", "33 inputs, 2 x 128", SMALL, 1),
        ("wide", "242 inputs (20 bars), 2 x 128", SMALL, 20),
        ("large", "242 inputs (20 bars), 2 x 256", LARGE, 20),
    ):
        rows |= {
            name: _Row(f"PPO, {what}", partial(_ours, config, window), f"{name}-recipe", f"{name}-products", origin),
            f"{name}-recipe": _Row("  PureJaxRL's recipe, the same network", partial(_theirs, config, window, shared)),
            f"{name}-published": _Row(
                "  PureJaxRL's recipe, two tanh networks as it has them", partial(_theirs, config, window, published)
            ),
            f"{name}-products": _Row("  the network's matrix products alone", partial(_products, config, window)),
        }
    return rows


def _others(found: Mapping[str, float]) -> Sequence[SpeedFigure]:
    """Stable-Baselines3 on a Gymnasium environment like ours, and how many times as fast ours is."""
    try:
        theirs = stable_baselines()
    except NotMeasured as reason:
        return [SpeedFigure("Stable-Baselines3: not measured", 0, str(reason))]
    return [
        SpeedFigure(
            what, round(theirs[name]), f"ours: {found[ours] / theirs[name]:,.0f} times" if ours in found else ""
        )
        for name, ours, what in (
            ("sb3-own", "small", "Stable-Baselines3, 33 inputs, one environment, its own settings"),
            ("sb3", "small", "Stable-Baselines3, 33 inputs, 16 environments, our settings"),
            ("sb3-wide", "wide", "Stable-Baselines3, 242 inputs, 16 environments, our settings"),
        )
    ]


def _beside(found: Mapping[str, float], name: str, row: _Row) -> str:
    told = []
    if row.recipe in found:
        told.append(f"{found[name] / found[row.recipe]:.1f} times PureJaxRL's recipe")
    if row.ceiling in found:
        told.append(f"{found[name] / found[row.ceiling]:.0%} of its matrix products alone")
    return "; ".join([*told, row.note] if row.note else told)


def _env(envs: int) -> _Program:
    terms, world = case.terms(1), case.world()
    state = case.env(terms, world).reset(None, mixed(jnp.arange(envs, dtype=jnp.uint32)))
    each: Any = P()  # type: ignore[no-untyped-call]
    parted: Any = P(ppo.LANES)  # type: ignore[no-untyped-call]
    walk = ceiling.at_once(partial(case.walk, terms), spread.devices_for(envs), (each, parted), (parted, parted))
    return _Program(envs * case.ENV_STEPS, lambda state: walk(world, state)[0], state)


def _ours(config: ppo.Config, window: int) -> _Program:
    terms, world = case.terms(window), case.world()
    shared = replace(config, devices=spread.devices_for(config.envs))
    first = jax.jit(lambda world: ppo.begin(shared, case.env(terms, world), jnp.uint32(1), None))(world)

    def update(world: World, run: ppo.Train) -> tuple[ppo.Train, Any]:
        return ppo.update(shared, case.env(terms, world), run, None)

    go, first = spread.spread(shared, update, world, first)
    return _Program(config.envs * config.steps, lambda run: go(run)[0], first)


def _theirs(config: ppo.Config, window: int, style: recipe.Style) -> _Program:
    terms, world = case.terms(window), case.world()
    first = jax.jit(lambda world: recipe.begin(config, style, case.env(terms, world), jnp.uint32(1)))(world)
    update = jax.jit(lambda world, run: recipe.update(config, style, case.env(terms, world), run)[0], donate_argnums=1)
    return _Program(config.envs * config.steps, partial(update, world), first)


def _products(config: ppo.Config, window: int) -> _Program:
    env = case.env(case.terms(window), case.world())
    state = env.reset(None, jnp.zeros(1, jnp.uint32))
    weights, rows = ceiling.products(config, env.observe(state).shape[1], env.legal(state).shape[1])
    run = ceiling.spread(replace(config, devices=spread.devices_for(config.envs)))
    return _Program(config.envs * config.steps, lambda weights: run(weights, rows), weights)


def _timed(programs: Mapping[str, _Program], rounds: int) -> tuple[Mapping[str, float], float]:
    """Steps a second of each, by the median of its runs, and how many cores other programs took meanwhile."""
    states = {name: _done(one.run(one.first)) for name, one in programs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    busy, own, began = _busy_s(), time.process_time(), time.perf_counter()
    for _ in range(rounds):
        for name, one in programs.items():
            start = time.perf_counter()
            states[name] = _done(one.run(states[name]))
            seconds[name].append(time.perf_counter() - start)
    others = _busy_s() - busy - (time.process_time() - own)
    found = {name: one.steps / statistics.median(seconds[name]) for name, one in programs.items()}
    return found, max(0.0, others / (time.perf_counter() - began))


def _busy_s() -> float:
    """For how long the machine's cores have worked, all together [s]."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


def _done(value: Any) -> Any:
    return jax.tree.map(lambda x: x.block_until_ready(), value)
