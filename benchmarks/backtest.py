"""A year of one-minute bars: through the full engine, a hundred settings in columns, and in backtesting.py beside them.

    .venv/bin/python benchmarks/backtest.py [--bars FILE] [--rows N]

Without a file the bars are the simulator's. backtesting.py is timed where GAMMA_BENCH_PYTHON names a Python that has it:

    uv venv bt && uv pip install --python bt/bin/python backtesting && export GAMMA_BENCH_PYTHON=bt/bin/python

All make the same rule on the same bars: a close beyond the channel of the last 240 bars, a stop 3 average true ranges
away, a target twice as far, one contract; without costs, for there the two reckon differently. Trades are compared one
by one, and what differs is told with its reason. Prices are first rounded to the tick. Seconds are those of the
processor, so that what else runs on the machine is not counted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from gamma.config import load
from gamma.feeds.bar_file import load_bars
from gamma.feeds.series import COLUMNS, NS, PRICES, Series
from gamma.feeds.sim import SimFeed
from gamma.logs import set_up
from gamma.rehearsal.backtest import Task, backtest, on_paper
from gamma.rehearsal.open_loop import reckon, rule_of
from gamma.rehearsal.promotion import Held
from gamma.rehearsal.registry import Span

MARKET, TICKS_PER_POINT = "MNQ", 4
ENTRY_BARS, STOP_ATR, TARGET_R = 240, 3.0, 2.0
RULE = """
[account]
starting_capital_usd = 500_000

[brokers.paper]
participation_frac = 1.0
spread_ticks = 0
slippage_ticks = 0
limit_needs_through = false

[markets.MNQ]
commission_usd = 0

[[strategies]]
name = "rule"
market = "MNQ"
signal = {{ use = "breakout", entry_bars = {entry_bars}, stop_atr = {stop_atr}, target_r = {target_r} }}
sizers = ["fixed"]
guards = ["kill_switch"]

[sizers.fixed]
lots = 1

[guards.kill_switch]
flatten = true
"""
FULL = {
    "account.starting_capital_usd": 500_000,
    "account.overrides.start_balance_usd": 500_000,
    "account.overrides.drawdown_usd": 400_000,
    "strategies.mes.market": MARKET,
    "strategies.mes.signal.entry_bars": ENTRY_BARS,
    "strategies.mes.signal.stop_atr": STOP_ATR,
    "strategies.mes.signal.target_r": TARGET_R,
}


def full_config():
    """The breakout strategy of the example configuration, with its chain, its exits and all its guards."""
    config = load(Path("config.example.toml"), {}, FULL)
    return config.model_copy(update={"strategies": (config.strategy("mes"),)})


def bars_of(file, rows):
    """The bars, on the tick."""
    if file:
        series = load_bars(file, MARKET).series
    else:
        feed = SimFeed(markets=(MARKET,), seed=1, bar_s=60)
        start = 1_736_100_000 * NS
        made = [bar for bar, _ in zip(feed.bars(start), range(rows or 350_000), strict=False)]
        columns = {name: np.array([getattr(bar, name) for bar in made]) for name in COLUMNS}
        series = Series(market=MARKET, bar_s=60, **columns)
    series = series.rows(slice(0, rows or len(series)))
    prices = {name: np.round(getattr(series, name) * TICKS_PER_POINT) / TICKS_PER_POINT for name in PRICES}
    none = np.full(len(series), np.nan)
    return replace(series, **prices, volume_lots=none, spread_points=none)


def rule_config(folder, entry_bars=ENTRY_BARS, stop_atr=STOP_ATR, target_r=TARGET_R):
    path = Path(folder) / "rule.toml"
    path.write_text(RULE.format(entry_bars=entry_bars, stop_atr=stop_atr, target_r=target_r))
    return load(path, {})


def played(config, series, ledger=None):
    held = Held(span=Span(market=MARKET, first="", last=""), series=series, name="bench", sha256="")
    task = Task(name="bench", config=on_paper(config, [MARKET]), bars={MARKET: held}, ledger=ledger)
    start = time.process_time()
    done = backtest(task)
    return done.played.history.trades, time.process_time() - start


def show(what, seconds, bars, trades, beside):
    ratio = f"{seconds / beside:8.2f} x" if beside else ""
    print(f"{what:<58}{seconds:9.2f} s {bars / seconds:12,.0f} bars a second {trades:10,} trades {ratio}", flush=True)


def beside(series, folder):
    """backtesting.py's time and trades, None where no Python for it is named."""
    python = os.environ.get("GAMMA_BENCH_PYTHON")
    if not python:
        return None
    source, target = Path(folder) / "bars.npz", Path(folder) / "trades.npz"
    names = {"Open": "open", "High": "high", "Low": "low", "Close": "close"}
    prices = {name: getattr(series, f"{column}_points") for name, column in names.items()}
    rule = {"tick": 1 / TICKS_PER_POINT, "entry_bars": ENTRY_BARS, "stop_atr": STOP_ATR, "target_r": TARGET_R}
    np.savez(source, ts=series.ts_open_utc_ns, **prices, **rule)
    program = Path(__file__).with_name("_backtesting_py.py")
    done = subprocess.run([python, program, source, target], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"backtesting.py: {done.stderr}")
    with np.load(target) as found:
        return json.loads(done.stdout.splitlines()[-1]), {name: found[name] for name in found.files}


def compare(series, ours, theirs):
    """Each trade of one beside that of the other by its entry; what differs, and why."""
    opened = {ts: row for row, ts in enumerate(series.ts_open_utc_ns.tolist())}
    closed = {ts: row for row, ts in enumerate(series.ts_close_utc_ns.tolist())}
    mine = {opened[t.ts_open_utc_ns]: (t.side, closed[t.ts_close_utc_ns], t.entry_points, t.exit_points) for t in ours}
    other = {
        int(entry): (int(np.sign(size)), int(last), float(paid), float(got))
        for size, entry, last, paid, got in zip(
            *(theirs[n] for n in ("Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice")), strict=True
        )
    }
    reasons, examples = Counter(), {}
    for row in sorted(mine.keys() | other.keys()):
        reason = why(series, mine.get(row), other.get(row))
        reasons[reason] += 1
        examples.setdefault(reason, (row, mine.get(row), other.get(row)))
    return reasons, examples


def why(series, one, two):
    if one is not None and two is not None and one == two:
        return "the same: bar and price of entry and exit, to the tick"
    if one is None or two is None:
        return "one of them was still in an earlier trade that ended otherwise"
    side, last, _, got = one
    if last == two[1] and side * got > side * two[3] and got == series.open_points[last]:
        return "the bar opened beyond the target and then met the stop: ours takes the open, theirs the stop"
    return "otherwise"


def main():
    told = argparse.ArgumentParser()
    told.add_argument("--bars", type=Path)
    told.add_argument("--rows", type=int, default=0)
    asked = told.parse_args()
    set_up("error")
    series = bars_of(asked.bars, asked.rows)
    count = len(series)
    print(f"{count:,} one-minute bars of {MARKET}\n")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=".") as folder:
        config = rule_config(folder)
        found = beside(series, folder)
        theirs = found[0]["seconds"] if found else 0.0
        if found:
            show(f"backtesting.py {found[0]['version']}, the rule", theirs, count, found[0]["trades"], theirs)
        full = full_config()
        engine, seconds = played(config, series)
        show("full engine, the rule", seconds, count, len(engine), theirs)
        kept, seconds = played(config, series, Path(folder) / "rule")
        show("full engine, the rule, with its ledger", seconds, count, len(kept), theirs)
        guarded, seconds = played(full, series)
        chain = f"full engine, example chain and {len(full.strategies[0].guards)} guards"
        show(chain, seconds, count, len(guarded), theirs)
        recorded, seconds = played(full, series, Path(folder) / "full")
        show(f"{chain}, ledger", seconds, count, len(recorded), theirs)
        grid = [*product(range(40, 440, 40), (1.0, 2.0, 3.0, 4.0, 5.0), (1.0, 2.0))]
        rules = [rule_of(rule_config(folder, *one), "rule") for one in grid]
        start = time.process_time()
        swept = reckon(series, rules)
        seconds = time.process_time() - start
        show(f"{len(rules)} settings in columns", seconds, count * len(rules), sum(len(s.side) for s in swept), theirs)
        (alone,) = reckon(series, [rule_of(config, "rule")])
        same = tuple(alone.trades(series)) == engine == kept
        print(f"\nin columns, in the engine, and in its ledger the trades are {'the same' if same else 'NOT the same'}")
        if found:
            reasons, examples = compare(series, engine, found[1])
            print("\nengine beside backtesting.py, trade by trade:")
            for reason, times in reasons.most_common():
                print(f"{times:8,}  {reason}")
                if not reason.startswith("the same"):
                    print(f"          for example entered in bar {examples[reason][0]}: {examples[reason][1:]}")


if __name__ == "__main__":
    main()
