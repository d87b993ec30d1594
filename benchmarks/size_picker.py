"""300,000 gold trades of 500 bars at 31 sizes: by excursions, every size in JAX, and bar by bar in Python.

    .venv/bin/python benchmarks/size_picker.py [--trades N] [--rounds N]

All reckon the same trades, which overlap in one series of a million hours, costs and gaps included, and come to the
same; runs of the first two alternate, medians of each. Bar by bar is timed on 60 of the trades and scaled. Beside
wall seconds stand those of all cores together, which what else runs on the machine touches less. Every trade has the
equity for every size, so that no one skips any.
"""

import argparse
import statistics
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from models.size_picker.broker import Bars, Terms, simulated
from models.size_picker.outcomes import entries, outcomes

BARS, HELD, ALONE, CHUNK = 1_000_000, 500, 60, 5_000


def market():
    """A million hours: a random walk about 2,000 usd, every third bar opening with a gap."""
    rng = np.random.default_rng(20_260_101)
    moves = rng.normal(0, 0.002, BARS)
    gaps = rng.normal(0, 0.001, BARS) * (rng.random(BARS) < 0.3)
    level = np.cumsum(gaps + np.concatenate(([0.0], moves[:-1])))
    opened = 2_000 * np.exp(level - level.mean())
    closed = opened * np.exp(moves)
    above, below = (np.exp(np.abs(rng.normal(0, 0.001, BARS))) for _ in range(2))
    night = np.where(np.arange(BARS) % 23 == 22, 1, 0) * np.where(np.arange(BARS) // 23 % 5 == 2, 3, 1)
    high, low = np.maximum(opened, closed) * above, np.minimum(opened, closed) / below
    return Bars(open_usd=opened, high_usd=high, low_usd=low, nights=np.cumsum(night))


def trades(bars, count, terms):
    rng = np.random.default_rng(1)
    start = rng.integers(0, BARS - HELD, count)
    whole = 4.6 * bars.open_usd[start] / terms.leverage  # enough for 4.5 oz
    equity = whole * np.exp(rng.uniform(0, 2.5, count))
    return entries(rng.choice([-1, 1], count), start, start + HELD, equity, terms)


@partial(jax.jit, static_argnames="terms")
def _brute(prices, side, start, levels, terms):
    """Every size through every bar: the loss of one ounce at which each ends [usd/oz], and whether it lives."""
    opened, high, low, nights = prices
    mid = opened[start]
    slip, half = terms.slippage_frac * mid, terms.spread_frac / 2 * mid
    paid = mid + side * (half + slip)
    night = jnp.where(side > 0, terms.swap_long_frac, terms.swap_short_frac) * paid

    def lost(price, bar):
        return side * (paid - price) + half + night * (nights[bar] - nights[start])

    def step(state, ahead):
        alive, gone = state
        bar = start + ahead
        at_open, worst = lost(opened[bar], bar), lost(jnp.where(side > 0, low[bar], high[bar]), bar)
        gone = jnp.where(alive & (at_open >= levels), at_open, gone)
        return (alive & (at_open < levels) & (worst < levels), gone), None

    first = (jnp.ones(levels.shape, bool), levels)
    (alive, gone), _ = jax.lax.scan(step, first, jnp.arange(HELD))
    at_exit = lost(opened[start + HELD], start + HELD)
    lives = alive & (at_exit < levels)
    return jnp.where(alive, at_exit, gone) + slip, lives


def brute(bars, placed, terms, found):
    """Returns at every size by every bar, some thousand trades at a time, in 32 bits."""
    prices = tuple(jnp.asarray(each, jnp.float32) for each in (bars.open_usd, bars.high_usd, bars.low_usd, bars.nights))
    lost, lives = [], []
    levels = (found.ruin_frac * found.price_usd[:, None]).astype(np.float32)
    for first in range(0, len(placed), CHUNK):
        rows = slice(first, first + CHUNK)
        one, alive = _brute(prices, placed.side[rows], placed.entry_bar[rows], levels[rows].T, terms)
        lost.append(one.T)
        lives.append(alive.T)
    usd = np.concatenate(lost) * terms.ounces
    return -usd / placed.equity_usd[:, None], np.concatenate(lives)


def alone(bars, placed, terms):
    """Returns at every size, bar by bar, of the first trades."""
    sizes = range(terms.lots_max + 1)
    return np.array([[simulated(bars, placed.one(r), k, terms).return_frac for k in sizes] for r in range(ALONE)])


def timed(call):
    """What it makes, wall seconds, and seconds of all cores together."""
    start, begun = time.perf_counter(), time.process_time()
    made = call()
    return made, (time.perf_counter() - start, time.process_time() - begun)


def show(what, seconds, beside):
    wall, cores = (statistics.median(column) for column in zip(*seconds, strict=True))
    reference, reference_cores = (statistics.median(column) for column in zip(*beside, strict=True))
    print(
        f"{what:<44}{wall:10.2f} s {cores:10.2f} s of all cores {wall / reference:10.1f} x"
        f" {cores / reference_cores:10.1f} x of all cores",
        flush=True,
    )


def main():
    told = argparse.ArgumentParser()
    told.add_argument("--trades", type=int, default=300_000)
    told.add_argument("--rounds", type=int, default=5)
    asked = told.parse_args()
    bars, terms = market(), Terms()
    count = asked.trades // CHUNK * CHUNK
    placed = trades(bars, count, terms)
    found = outcomes(bars, placed, terms)
    slow, lives = brute(bars, placed, terms, found)  # compiles
    closed_s, brute_s = [], []
    for _ in range(asked.rounds):
        closed_s.append(timed(partial(outcomes, bars, placed, terms))[1])
        brute_s.append(timed(partial(brute, bars, placed, terms, found))[1])
    python, (wall, cores) = timed(partial(alone, bars, placed, terms))
    scale = count / ALONE
    print(
        f"{count:,} trades of {HELD} bars at {terms.lots_max + 1} sizes; {found.ruined[:, -1].mean():.0%} ruined at full size\n"
    )
    show("by excursions, NumPy", closed_s, closed_s)
    show("every size and bar, JAX in 32 bits", brute_s, closed_s)
    show(f"bar by bar, Python ({ALONE} trades, scaled)", [(wall * scale, cores * scale)], closed_s)
    exact = np.abs(python - found.returns[:ALONE]).max()
    ruin, near = (lives == ~found.ruined).mean(), (np.abs(slow - found.returns) < 1e-4).mean()
    print(f"\nbar by bar: no return is further than {exact:.1e} from the closed form's")
    print(f"JAX in 32 bits: {ruin:.4%} of sizes ruined alike, {near:.4%} of returns within 0.0001")


if __name__ == "__main__":
    main()
