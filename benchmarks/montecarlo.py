"""10,000 paths of 437 trades through half_kelly: one compiled pass of JAX, and the same step in NumPy.

    .venv/bin/python benchmarks/montecarlo.py

Both size with the very sizers, keep the same records and end at the same cents; runs alternate, medians of each.
Beside them a sum of resampled trades at one lot, which sizes nothing.
"""

import statistics
import time
from dataclasses import replace
from functools import partial

import numpy as np

from gamma.events import Trade
from gamma.floor import FloorRule, TrailsOn
from gamma.markets import MICRO, market
from gamma.montecarlo import jitted
from gamma.montecarlo.chains import setting_of
from gamma.montecarlo.rules import Account
from gamma.montecarlo.simulation import Ask, plain
from gamma.montecarlo.stream import stream_of
from sizers.half_kelly import HalfKelly

TRADES, PATHS, ROUNDS = 437, 10_000, 7


def stream():
    """437 trades of one micro, each with a risk of its own."""
    rng = np.random.default_rng(20_260_101)
    found = []
    for i in range(TRADES):
        usd = rng.uniform(20, 400) if rng.random() < 0.52 else -rng.uniform(20, 360)
        found.append(
            Trade(
                trade_id=str(i),
                strategy="mnq",
                market="MNQ",
                side=1,
                lots_max=1,
                ts_open_utc_ns=i,
                ts_close_utc_ns=i + 1,
                entry_points=20_000.0,
                exit_points=20_000.0,
                pnl_microusd=round(round(usd, 2) * MICRO),
                fees_microusd=0,
                risk_microusd=int(rng.integers(100, 400)) * MICRO,
                exit_reason="",
            )
        )
    return stream_of(found, market("MNQ"))


def resampled_sum(pnl, seed):
    """What a plain resampling costs in NumPy: no sizing, no record, no floor."""
    rows = np.random.default_rng(seed).integers(len(pnl), size=(PATHS, TRADES))
    return pnl[rows].sum(axis=1)


def timed(call):
    """Seconds by the clock, and seconds of all cores together."""
    start, begun = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - begun


def compared(what, trades, account):
    """One line: the medians of runs that alternate."""
    chain = [("half_kelly", HalfKelly(max_lots=5))]
    ask = Ask(paths=PATHS, trades=TRADES, block=7.6)
    start = time.perf_counter()
    run = jitted.compiled(trades, account, chain, ask)
    compiling_s = time.perf_counter() - start
    setting = setting_of(trades, account, chain)
    same = np.array_equal(run(ask).final_usd, plain(setting, ask).final_usd)
    jax_s, numpy_s, sum_s = [], [], []
    for seed in range(ROUNDS):
        one = replace(ask, seed=seed)
        jax_s.append(timed(partial(run, one)))
        numpy_s.append(timed(partial(plain, setting, one)))
        sum_s.append(timed(partial(resampled_sum, trades.pnl_usd, seed)))
    fast, slow, bare = (statistics.median(wall for wall, _ in times) for times in (jax_s, numpy_s, sum_s))
    busy, busy_numpy = (statistics.median(cores for _, cores in times) for times in (jax_s, numpy_s))
    print(
        f"{what:<18} JAX {fast:6.3f} s (least {min(jax_s)[0]:.3f}; {busy:.3f} s of all cores), compiled in"
        f" {compiling_s:.1f} s; NumPy {slow:6.3f} s ({busy_numpy:.3f} s of all cores), {slow / fast:.1f} x; a bare"
        f" resampled sum in NumPy {bare:.3f} s; the same cents: {same}"
    )


def main():
    trades = stream()
    floor = FloorRule(drawdown_microusd=2_500 * MICRO, trails_on=TrailsOn.INTRADAY)
    compared("no floor", trades, Account(start_usd=20_000.0, capital_usd=20_000.0))
    compared("a trailing floor", trades, Account(start_usd=20_000.0, capital_usd=20_000.0, floor=floor))


if __name__ == "__main__":
    main()
