"""The simulation in JAX: one compiled pass over all trades, the paths shared between the cores of the machine."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from gamma.errors import InputInvalid
from gamma.montecarlo import draws
from gamma.montecarlo.chains import MEND, Chain, setting_of
from gamma.montecarlo.paths import Ground, Paths, Setting, Step, Tables, Time, advance, begin, tables_of
from gamma.montecarlo.rules import Account
from gamma.montecarlo.simulation import Ask, Simulated, chances_of, starts_of, times_of, told
from gamma.montecarlo.stream import Stream

CORES_MOST: Final = 8
_SHARED: Final = "paths"

Lanes = tuple[Any, Any]
"""What differs from path to path: salts, and before which trade each begins. Shapes: [B]."""


def use_cores() -> None:
    """Make each core of the CPU a device, where JAX has not begun yet and XLA_FLAGS does not say how many there are."""
    if "device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        jax.config.update("jax_num_cpu_devices", min(CORES_MOST, cores))  # type: ignore[no-untyped-call]
    except RuntimeError:
        return


def compiled(
    stream: Stream, account: Account, chain: Chain, ask: Ask, *, whole: bool = False
) -> Callable[[Ask], Simulated]:
    """Compile a simulation for as many paths and trades as `ask` has; what it gives runs it with any seed and block.

    With `whole` every step is kept.

    Raises: InputInvalid, naming the sizer, where one cannot be called with arrays or be traced.
    """
    setting = setting_of(stream, account, chain, uncertain=ask.uncertain)
    use_cores()
    devices = _devices(ask.paths)
    with jax.enable_x64(True):
        given = _given(setting, ask, devices)
        try:
            program = jax.jit(_spread(setting, devices, whole=whole)).lower(*given).compile()
        except Exception as error:
            raise _refused(stream, account, chain, ask) or error from error

    def run(asked: Ask) -> Simulated:
        if (asked.paths, asked.trades, asked.uncertain) != (ask.paths, ask.trades, ask.uncertain):
            raise InputInvalid("compiled for other paths, trades or win rates; compile it anew")
        with jax.enable_x64(True):
            paths, steps = jax.block_until_ready(program(*_given(setting, asked, devices)))  # type: ignore[no-untyped-call]
        return told(setting, paths, steps)

    return run


def _given(setting: Setting, ask: Ask, devices: int) -> tuple[Tables, Time, Lanes]:
    salts = draws.path_salts(ask.seed, ask.paths)
    tables = tables_of(setting, chances_of(setting, ask))
    given = tables, times_of(setting, ask), (salts, starts_of(setting, salts))
    if devices == 1:
        return given
    mesh = _mesh(devices)
    put = partial(jax.tree.map, lambda part, spec: jax.device_put(part, NamedSharding(mesh, spec)))
    return cast("tuple[Tables, Time, Lanes]", put(given, _specs(setting)))


def _specs(setting: Setting) -> tuple[Any, ...]:
    """Which of what is given every core needs whole, and which is shared out by paths."""
    whole, parted = P(), P(_SHARED)  # type: ignore[no-untyped-call]
    chances = draws.Chances(begin_prob=whole, spoil_prob=parted, lift_prob=parted, wins=whole, others=whole)
    alike: dict[str, Any] = dict.fromkeys(Tables._fields, whole)
    tables = Tables(**alike)._replace(seen=dict.fromkeys(setting.stream.seen, whole), chances=chances)
    return tables, Time(whole, whole), (parted, parted)


def _spread(setting: Setting, devices: int, *, whole: bool) -> Callable[..., Any]:
    """The pass, each core with its share of the paths."""
    alone = partial(_passed, setting, whole)
    if devices == 1:
        return alone
    parted, rows = P(_SHARED), P(None, _SHARED)  # type: ignore[no-untyped-call]
    alike: dict[str, Any] = dict.fromkeys(Paths._fields, parted)
    ended = Paths(**alike)._replace(ring=rows)
    out = (ended, Step(rows, rows, rows) if whole else None)
    return jax.shard_map(alone, mesh=_mesh(devices), in_specs=_specs(setting), out_specs=out, check_vma=False)


def _passed(setting: Setting, whole: bool, tables: Tables, times: Time, lanes: Lanes) -> tuple[Paths, Step | None]:
    """Shapes: `lanes` [B]; what every step did [T, B]."""
    salts, starts = lanes
    place = jnp.arange(salts.shape[0], dtype=jnp.int32)

    def put(ring: Any, row: Any, value: Any) -> Any:
        return ring.at[row, place].set(value, unique_indices=True, mode="promise_in_bounds")

    ground = Ground(jnp, setting, tables, put)

    def one(paths: Paths, now: Time) -> tuple[Paths, Step | None]:
        after, done = advance(ground, paths, salts, now)
        return after, Step(*(jnp.broadcast_to(part, salts.shape) for part in done)) if whole else None

    return jax.lax.scan(one, begin(jnp, setting, starts), times)


def _mesh(devices: int) -> Any:
    return jax.make_mesh((devices,), (_SHARED,), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices])


def _devices(paths: int) -> int:
    """How many cores may have an equal share."""
    return max(n for n in range(1, min(len(jax.devices()), CORES_MOST) + 1) if paths % n == 0)


def _refused(stream: Stream, account: Account, chain: Chain, ask: Ask) -> InputInvalid | None:
    """Which sizer it is that JAX cannot trace; None where each can be by itself."""
    few = replace(ask, paths=2, trades=1)
    for name, sizer in chain:
        setting = setting_of(stream, account, [(name, sizer)], uncertain=ask.uncertain)
        try:
            jax.eval_shape(partial(_passed, setting, False), *_given(setting, few, 1))
        except Exception as error:  # noqa: BLE001 - whatever a third party's sizer raises
            first = str(error).partition("\n")[0]
            return InputInvalid(f"sizer {name} cannot be traced by JAX ({type(error).__name__}: {first}): {MEND}")
    return None
