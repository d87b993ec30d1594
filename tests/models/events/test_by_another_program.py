"""The environment held against the same rules in plain Python, which shares nothing with it but the tape.

Every mask, fill, position and cent of random play through whole simulated markets is the same in both.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gamma.feeds.events import BITCOIN_15M, simulate
from models.events import env
from models.events.sizes import legal
from tests.models.events.market_case import CHAIN, course_of

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks._plain_events import Market, plain

MARKETS = 40


@pytest.mark.slow
@pytest.mark.parametrize("balance_usd", [70.0, 1_000.0, 5_000.0])
def test_every_mask_and_every_cent_is_as_in_plain_python(balance_usd: float) -> None:
    tape = simulate(BITCOIN_15M, np.random.default_rng(23), MARKETS)
    course = course_of(tape, tuple(CHAIN.values()), balance_usd=balance_usd)
    state = env.reset(course, jnp.arange(MARKETS, dtype=jnp.uint32))._replace(row=jnp.arange(MARKETS, dtype=jnp.int32))
    lists = plain(tape)
    markets = [Market(lists, row, round(balance_usd * 100)) for row in range(MARKETS)]
    masked, step = jax.jit(lambda s: legal(course, s)), jax.jit(lambda s, a: env.step(course, s, a))
    rng = np.random.default_rng(1)
    for at in range(180):
        masks = np.asarray(masked(state))
        assert masks.tolist() == [market.mask() for market in markets], at
        action = np.array([rng.choice(np.flatnonzero(mask)) for mask in masks], np.int32)
        made = [market.step(int(chosen)) for market, chosen in zip(markets, action, strict=True)]
        state, seen = step(state, jnp.asarray(action))
        assert (np.asarray(seen.terminated) == [over for _, over in made]).all()
        usd = np.asarray(seen.reward) * course.terms.reward_usd
        assert usd == pytest.approx([twice / 200 for twice, _ in made], abs=0.002)
        if at < 179:
            assert state.lots.tolist() == [market.lots for market in markets], at
            assert state.cash_cents.tolist() == [market.cash for market in markets], at
