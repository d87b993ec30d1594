"""One answer of a futures policy, in NumPy as the daemon asks it: the shipped shape, 20 bars seen, two layers of 128.

    .venv/bin/python benchmarks/policy.py

Beside it: the network alone as a JAX call that is compiled ahead of time, and that call with its compiling in time.
"""

import gc
import time

import jax
import jax.numpy as jnp
import numpy as np
from _measure import show, timed

from gamma.calendar import session_at
from gamma.feeds.sim import SimFeed
from gamma.markets import market
from gamma.ports import Trained
from gamma.views import Situation
from models import ppo
from models.cards import NOTICE, Bars, Card, Training, conditions_of, names, seen_of, shapes
from models.checkpoints import Checkpoint
from models.futures.deadlines import Deadlines
from models.futures.records import Terms
from models.serving import FuturesPolicy

START_NS = 1_772_463_600_000_000_000  # Mon 2026-03-02 15:00 UTC
MNQ = market("MNQ")
TIMES = 5_000


def checkpoint():
    """Weights of chance in the shape of the policies that ship."""
    when = "2026-03-02T15:00:00Z"
    bars = Bars(name="none", sha256="0" * 64, bars=1, first_utc=when, last_utc=when)
    card = Card(
        format=1,
        notice=NOTICE,
        markets=("MNQ",),
        kind="futures",
        phase=2,
        actions=names(2),
        window_bars=20,
        hidden=(128, 128),
        created_utc=when,
        conditions=conditions_of(Terms(phase=2, market=MNQ, sizers=()), Deadlines()),
        seen=seen_of(2, 20),
        training=Training(bars=(bars,), seed=1, steps=0, code_commit="unknown", config_sha256="0" * 64),
    )
    rng = np.random.default_rng(1)
    tensors = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes(card).items()}
    return Checkpoint(card=card, tensors=tensors | {"scale.variance": np.ones(card.width, np.float32)}, sha256="")


def trained():
    return Trained(
        sha256="",
        kind="futures phase 2",
        markets=("MNQ",),
        created="2026-03-02",
        ts_created_utc_ns=0,
        steps=0,
        paper_only=True,
        card={},
    )


def main():
    one = checkpoint()
    policy = FuturesPolicy(trained(), [one], MNQ)
    bars = iter(SimFeed(markets=("MNQ",), seed=1).bars(START_NS))
    for _ in range(policy.bars_needed):
        bar = next(bars)
        policy.see(bar, session_at("MNQ", bar.ts_close_utc_ns - 1))
    session = session_at("MNQ", bar.ts_close_utc_ns - 1)
    held = Situation(
        ts_event_utc_ns=bar.ts_close_utc_ns,
        side=1,
        lots=3,
        entry_ticks=80_000.0,
        stop_ticks=79_960.0,
        target_ticks=80_120.0,
        best_ticks=80_050.0,
        risk_ticks=40.0,
        bars_held=7,
        balance_microusd=50_000_000_000,
        equity_microusd=50_000_000_000,
        floor_microusd=47_500_000_000,
        drawdown_microusd=2_500_000_000,
    )
    gc.collect()
    gc.freeze()  # as the daemon does once it is warm
    seen = policy.observation(policy.stands(held), 2_500.0)
    network = policy.networks[0]

    def answer():
        policy.see(bar, session)
        return policy.act(held)

    weights = {name: jnp.asarray(tensor) for name, tensor in one.tensors.items()}
    scale = ppo.Scale(weights.pop("scale.mean"), weights.pop("scale.variance"), jnp.float32(1))

    def forward(seen):
        return ppo.forward(weights, ppo.scaled(scale, seen))[0]

    shape = jax.ShapeDtypeStruct(seen.shape, jnp.float32)
    began = time.perf_counter()
    compiled = jax.jit(forward).lower(shape).compile()
    compiling_s = time.perf_counter() - began
    narrow = seen.astype(np.float32)
    assert np.allclose(np.asarray(compiled(narrow)), network.logits(network.scaled(seen)), atol=1e-4)

    plain = timed(lambda: network.logits(network.scaled(seen)), TIMES)
    show("the network in NumPy, 64-bit", plain)
    show("a JAX call, compiled ahead of time", timed(lambda: np.asarray(compiled(narrow)), TIMES), plain)
    show("observation, mask, network, novelty", timed(lambda: policy.act(held), TIMES), plain)
    show("a closed bar: features first, then all of that", timed(answer, TIMES), plain)
    three = FuturesPolicy(trained(), [one] * 3, MNQ)
    three.see(bar, session)
    show("an ensemble of three, without the features", timed(lambda: three.act(held), TIMES), plain)
    print(f"compiling the JAX call takes {compiling_s:.2f} s at each start; NumPy needs none of it")


if __name__ == "__main__":
    main()
