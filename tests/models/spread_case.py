"""Two devices learn the way along the corridor together, twice; run as a program of its own, before JAX has begun."""

import json
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from models import spread
from models.ppo import Config, Train, begin, update
from tests.models.corridor import corridor


def main() -> None:
    """Print the mean reward after each run, and whether both runs have the same weights."""
    jax.config.update("jax_num_cpu_devices", 2)  # type: ignore[no-untyped-call]
    config = Config(envs=128, devices=spread.devices_for(128), steps=16, hidden=(32,), updates=60, rate=3e-3)
    env = corridor()

    def program(_: Any, train: Train) -> tuple[Train, Any]:
        return update(config, env, train, None)

    trained: list[Any] = []
    rewards: list[float] = []
    for _ in range(2):
        go, train = spread.spread(config, program, None, begin(config, env, jnp.uint32(1), None))
        reward = 0.0
        for n in range(config.updates):
            if trained and n == config.updates // 2:  # the second run is stopped, and goes on
                go, train = spread.spread(config, program, None, jax.tree.map(np.asarray, train))
            train, told = go(train)
            reward = float(told["reward"])
        trained.append(jax.tree.leaves(jax.device_get(train)))
        rewards.append(reward)
    same = all(np.array_equal(a, b) for a, b in zip(*trained, strict=True))
    json.dump({"devices": config.devices, "rewards": rewards, "same": same}, sys.stdout)


if __name__ == "__main__":
    main()
