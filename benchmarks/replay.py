"""Bars a second through the whole engine: signal, sizers, guards, paper broker, with and without the ledger.

    .venv/bin/python benchmarks/replay.py [BARS]

Beside it: the same breakout rule over the same bars, and nothing else.
"""

import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path

from gamma.assembly import assemble
from gamma.config import load
from gamma.daemon import Daemon
from gamma.feeds.pace import MAX
from gamma.ledger import Ledger
from gamma.logs import set_up
from gamma.markets import market
from gamma.signals.breakout import Breakout


def config_of(folder):
    """The example config, with the rule in both markets."""
    text = Path("config.example.toml").read_text().replace(', "model_sanity"', "")
    text = re.sub(r"(?ms)^\[strategies\.signal\].*?^\n", 'signal = { use = "breakout", target_r = 3.0 }\n\n', text)
    path = Path(folder) / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load(path, {}, {"gamma.database": f"sqlite:///{folder}/bench.db", "feed.start": "2026-03-02"})


async def traded(config, database, bars):
    ledger = Ledger.open(database, account=config.account.name, mode="paper")
    daemon = Daemon(assemble(config, state_path=None), ledger)
    start = time.perf_counter()
    await daemon.run(MAX, bars_max=bars)
    seconds = time.perf_counter() - start
    trades = sum(track.trades for track in daemon.shell.book.tracks.values())
    ledger.close()
    return seconds, trades


def main():
    set_up("error")
    bars = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory(prefix="bench-", dir=".") as folder:
        config = config_of(folder)
        assembly = assemble(config, state_path=None)
        recorded = [bar for bar, _ in zip(assembly.feed.bars(assembly.start_utc_ns), range(bars), strict=False)]
        rule = Breakout.open({}, strategy="bare", market=market(recorded[0].market))
        start = time.perf_counter()
        signals = sum(rule.on_bar(bar) is not None for bar in recorded if bar.market == recorded[0].market)
        bare = time.perf_counter() - start
        print(f"{'the rule alone':<44} {bars / bare:12,.0f} bars a second ({signals} signals)")
        for what, database in (
            ("engine and ledger in memory", "sqlite://"),
            ("engine and ledger on disk", f"sqlite:///{folder}/b.db"),
        ):
            seconds, trades = asyncio.run(traded(config, database, bars))
            print(f"{what:<44} {bars / seconds:12,.0f} bars a second ({trades} trades)   {seconds / bare:6.1f} x")


if __name__ == "__main__":
    main()
