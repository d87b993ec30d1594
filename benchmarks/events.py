"""Steps a second of the event environment with the daemon's sizers as its mask, beside the same rules in plain Python.

    .venv/bin/python benchmarks/events.py [--rounds N]

Both play random legal actions in the same simulated markets: the mask of the 21 actions, an action, and what trades until
the next look. The chain of JAX is the daemon's sizers; plain Python has the caps written out, one market at a time, as
environments for Gymnasium are. Seconds of all cores together are touched less by what else runs on the machine. A test holds one against the other
(`tests/models/events/test_by_another_program.py`).
"""

import argparse
import random
import statistics
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gamma.actions import ACTIONS
from gamma.feeds.events import BITCOIN_15M, simulate
from gamma.markets import event_market
from models.events import env
from models.events.records import Course, Terms, world_of
from models.events.sight import observe
from models.events.sizes import legal
from models.noise import chance
from sizers.cash_buffer import CashBuffer
from sizers.concentration_cap import ConcentrationCap
from sizers.encoded_size import EncodedSize
from sizers.impact_cap import ImpactCap
from sizers.liquidity_cap import LiquidityCap
from sizers.order_value_cap import OrderValueCap
from sizers.position_cap import PositionCap

sys.path.insert(0, str(Path(__file__).parent))
from _plain_events import Market, plain

STEPS, MARKETS, ALONE = 128, 2_000, 20_000
CHAIN = (EncodedSize(), LiquidityCap(), ImpactCap(), OrderValueCap(), PositionCap(), ConcentrationCap(), CashBuffer())


def course_of(tape):
    return Course(Terms(market=event_market("KXBTC15M"), sizers=CHAIN), world_of(tape))


def together(course, envs, *, sees):
    """A compiled run of so many steps in so many environments."""
    places = jnp.arange(envs * ACTIONS, dtype=jnp.uint32).reshape(envs, ACTIONS)

    def one(state, at):
        drawn = chance(places, at, 0)
        action = jnp.argmax(jnp.where(legal(course, state), drawn, 0.0), axis=1).astype(jnp.int32)
        seen = observe(course, state).sum() if sees else 0.0
        state, told = env.step(course, state, action)
        return state, told.reward.sum() + seen

    run = jax.jit(lambda state: jax.lax.scan(one, state, jnp.arange(STEPS)))
    state = env.reset(course, jnp.arange(envs, dtype=jnp.uint32))
    return lambda: jax.block_until_ready(run(state))


def alone(tape):
    """Steps of plain Python, market after market."""
    rng, rows, left = random.Random(0), 0, ALONE
    while left > 0:
        market, over = Market(tape, rows % MARKETS), False
        while not over and left > 0:
            legal_actions = [action for action, is_legal in enumerate(market.mask()) if is_legal]
            _, over = market.step(rng.choice(legal_actions))
            left -= 1
        rows += 1


def timed(call):
    """Wall seconds, and seconds of all cores together."""
    start, begun = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - begun


def main():
    told = argparse.ArgumentParser()
    told.add_argument("--rounds", type=int, default=7)
    rounds = told.parse_args().rounds
    tape = simulate(BITCOIN_15M, np.random.default_rng(1), MARKETS)
    course, lists = course_of(tape), plain(tape)
    runs = {
        "mask and step, 256 environments": (together(course, 256, sees=False), 256 * STEPS),
        "mask, what the policy sees, and step, 256 environments": (together(course, 256, sees=True), 256 * STEPS),
        "the same, 2,048 environments": (together(course, 2_048, sees=True), 2_048 * STEPS),
        "plain Python, mask and step, one market at a time": (lambda: alone(lists), ALONE),
    }
    seconds = {name: [] for name in runs}
    for run, _ in runs.values():
        run()  # compiles
    for _ in range(rounds):
        for name, (run, _) in runs.items():
            seconds[name].append(timed(run))
    rates = {
        name: [steps / statistics.median(column) for column in zip(*seconds[name], strict=True)]
        for name, (_, steps) in runs.items()
    }
    reference = list(rates.values())[-1]
    print(f"{'steps a second':<58}{'wall':>10}{'':10}{'all cores':>10}")
    for name, found in rates.items():
        wall, cores = (f"{rate:10,.0f} {rate / beside:7.1f} x" for rate, beside in zip(found, reference, strict=True))
        print(f"{name:<58}{wall}{cores}")


if __name__ == "__main__":
    main()
