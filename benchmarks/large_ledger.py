"""A ledger as large as years of trading make it: simulated bars of two markets through the engine that trades.

    .venv/bin/python benchmarks/large_ledger.py [FOLDER] [--events 1_000_000]

Four breakout rules with the sizers, exits and guards of the example configuration decide on every five-minute bar, in
one account on paper that is large enough to lose for years. All is recorded as a backtest records it: chained, each
decision with its view and trace. FOLDER gets gamma.db, gamma.paper.db and config.toml, and is like any other account:
`gamma status -c FOLDER/config.toml`, `gamma db verify`, `gamma replay --verify`; `gamma run` goes on where it ends.
"""

import argparse
import tempfile
import time
from datetime import date, timedelta
from itertools import takewhile
from pathlib import Path

import numpy as np

from gamma import calendar
from gamma.config import load
from gamma.feeds.series import COLUMNS, Series
from gamma.feeds.sim import SimFeed
from gamma.ledger import Reader
from gamma.logs import set_up
from gamma.rehearsal.backtest import Task, backtest, on_paper
from gamma.rehearsal.promotion import Held
from gamma.rehearsal.registry import Span

LAST = date(2026, 11, 20)
TRIAL_DAYS = 40
CAPITAL_USD = 10_000_000
RULES = {"mnq": ("MNQ", 55), "mnq_fast": ("MNQ", 12), "mes": ("MES", 55), "mes_fast": ("MES", 12)}
GIVEN = {
    "account.starting_capital_usd": CAPITAL_USD,
    "account.overrides.start_balance_usd": CAPITAL_USD,
    "account.overrides.drawdown_usd": CAPITAL_USD * 0.9,
    "sizers.atr_risk.risk_frac": 0.0001,
    "guards.safety_halt.drawdown_half_frac": 0.8,
    "guards.safety_halt.drawdown_halt_frac": 0.9,
}


def config_of(first):
    """The example configuration with four plain rules, in an account that lasts."""
    config = load(Path("config.example.toml"), {}, {**GIVEN, "feed.start": first.isoformat()})
    rule = config.strategy("mes")
    # Too many exits in an hour halt until a person comes, and here nobody does.
    rule = rule.model_copy(update={"guards": tuple(name for name in rule.guards if name != "order_rate")})
    strategies = tuple(
        rule.model_copy(update={"name": name, "market": market, "signal": {**rule.signal, "entry_bars": bars}})
        for name, (market, bars) in RULES.items()
    )
    return config.model_copy(update={"strategies": strategies})


def bars_from(first):
    """The simulator's bars up to the last day, by market."""
    feed = SimFeed(markets=("MNQ", "MES"), seed=1, bar_s=300)
    rows = {market: [] for market in feed.markets}
    end = calendar.utc_ns(LAST, "21:00")
    for bar in takewhile(lambda bar: bar.ts_close_utc_ns <= end, feed.bars(calendar.utc_ns(first, "00:00"))):
        rows[bar.market].append([getattr(bar, name) for name in COLUMNS])
    columns = {market: map(np.array, zip(*some, strict=True)) for market, some in rows.items()}
    return {
        market: Series(market=market, bar_s=300, **dict(zip(COLUMNS, some, strict=True)))
        for market, some in columns.items()
    }


def made(folder, days):
    """How many events so many trading days leave in the ledger."""
    first = LAST - timedelta(days=round(days * 7 / 5))
    held = {
        market: Held(span=Span(market=market, first="", last=""), series=series, name="sim", sha256="")
        for market, series in bars_from(first).items()
    }
    backtest(Task(name="large", config=on_paper(config_of(first), list(held)), bars=held, ledger=folder))
    with Reader.open(f"sqlite:///{folder}/gamma.db") as reader:
        return reader.head[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("bench-large"))
    parser.add_argument("--events", type=int, default=1_000_000, help="about so many")
    given = parser.parse_args()
    if (given.folder / "gamma.db").exists():
        print(f"{given.folder}/gamma.db is there already")
        return
    set_up("error")
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=".") as folder:
        a_day = made(Path(folder) / "trial", TRIAL_DAYS) / TRIAL_DAYS
    days = given.events / a_day * 1.02
    print(f"{a_day:,.0f} events a day: {days:,.0f} days", flush=True)
    events = made(given.folder, days)
    print(f"{events:,} events in {time.perf_counter() - start:,.0f} s: {given.folder}/gamma.db")


if __name__ == "__main__":
    main()
