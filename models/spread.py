"""Training spread over devices: each has its share of the environments, and all have the same weights.

On a CPU each core is a device of its own: two cores that work on blocks of their own are faster than two that share
every small product between them.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import jax
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from models.ppo import BLOCKS, LANES, Config, Train

ENVS_LEAST: Final = 64
CORES_MOST: Final = 8

Program = Callable[[Any, Train], tuple[Train, Any]]


def use_cores() -> None:
    """Make each core of the CPU a device, if JAX has not begun yet and XLA_FLAGS does not say how many there are."""
    if "device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        jax.config.update("jax_num_cpu_devices", _cores())  # type: ignore[no-untyped-call]
    except RuntimeError:
        return


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(CORES_MOST, cores)


def devices_for(envs: int, markets: int = 1) -> int:
    """How many devices may share so many environments, as many of each market."""
    fits = [n for n in range(2, len(jax.devices()) + 1) if envs // markets % n == 0 and envs % (n * BLOCKS) == 0]
    return max((n for n in fits if envs // n >= ENVS_LEAST), default=1)


def spread(config: Config, program: Program, world: Any, train: Train) -> tuple[Callable[[Train], Any], Train]:
    """`program(world, train)`, compiled for the devices of `config`, and the run put where it wants it.

    What the compiled program is given, it uses up. Of several seeds every array has one more axis in front.
    It gives its result when that is there: the cores of a CPU wait for one another inside an update, and would wait
    for ever if one of them began the next before.
    """
    if config.devices == 1:
        return partial(jax.jit(program, donate_argnums=1), world), jax.device_put(train)
    mesh = jax.make_mesh((config.devices,), (LANES,), devices=jax.devices()[: config.devices])
    whole: Any = P()  # type: ignore[no-untyped-call]
    parted: Any = P(*(None,) * train.salt.ndim, LANES)  # type: ignore[no-untyped-call]
    held = Train(*(parted if name == "state" else whole for name in Train._fields))
    mapped = jax.shard_map(program, mesh=mesh, in_specs=(whole, held), out_specs=(held, whole), check_vma=False)

    compiled = jax.jit(mapped, donate_argnums=1)

    def put(part: Any, where: Any) -> Any:
        return jax.device_put(part, NamedSharding(mesh, where))

    def go(world: Any, train: Train) -> Any:
        return jax.block_until_ready(compiled(world, train))  # type: ignore[no-untyped-call]

    return partial(go, put(world, whole)), Train(*map(put, train, held))
