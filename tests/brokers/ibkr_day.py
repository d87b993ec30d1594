"""A day of MNQ at the sandbox of Interactive Brokers: the daemon with its brackets, in time that is made.

    python -m tests.brokers.ibkr_day 23

trades so many hours from the open on, and holds the ledger against the sandbox's account.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, final
from unittest.mock import patch

from brokers.ibkr import Ibkr
from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.params import IbkrParams
from brokers.ibkr.sandbox import ACCOUNT, IbkrSandbox
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.tickets import Store
from gamma.assembly import assemble
from gamma.bars import Bar
from gamma.chaos.simulation.loop import Time, live
from gamma.clock import NS
from gamma.config import load
from gamma.daemon import Daemon
from gamma.ledger import Ledger
from gamma.params import parse
from tests.brokers.memory_line import MemoryLine
from tests.brokers.option_quotes import HandQuotes

OPEN_UTC_NS: Final = 1_795_129_200 * NS  # Thursday 2026-11-19, 18:00 in New York: the session of Friday
CASH_UTC_NS: Final = 1_795_185_000 * NS  # 09:30 of that session
HOUR_NS: Final = 3_600 * NS
CAPITAL_USD: Final = 50_000
CONFIG: Final = """
[gamma]
database = "sqlite:///{folder}/gamma.db"

[account]
name = "futures"
starting_capital_usd = {capital}

[feed]
bar_s = 300
seed = {seed}

[brokers.ibkr]
environment = "paper"
account_id = "{account}"
port = 7497

[[strategies]]
name = "mnq"
market = "MNQ"
broker = "ibkr"
signal = {{ use = "breakout", entry_bars = 6, stop_atr = 1.5, target_r = 2.0 }}
sizers = ["fixed"]
guards = [
    "session_hours", "flat_by", "order_sanity", "order_size", "protective_order", "position_match", "balance_match",
]
exits = {{ break_even_r = 0.5, trail_from_r = 1.0, trail_atr = 1.0 }}

[sizers.fixed]
lots = 2

[guards]
session_hours = {{ open_quiet_s = 300, close_quiet_s = 1200 }}
flat_by = {{ cancel_before_s = 600, flat_before_s = 300, verify_before_s = 60 }}
order_size = {{ lots_max = {{ emini = 1, micro = 12, spot = 30, option_spread = 3, event = 100 }} }}
protective_order = {{ bare_max_s = 2 }}
position_match = {{ mismatches_halt = 2 }}
balance_match = {{ gap_max_usd = 0.01 }}

[paths]
kill_switch = "{folder}/gamma.kill"
"""


@final
@dataclass(frozen=True)
class Bars:
    """The bars of the sandbox's prices, each as it closes."""

    prices: BarPrices
    time: Time
    bar_s: int = 300
    markets: tuple[str, ...] = ("MNQ",)
    provides: frozenset[str] = frozenset({"bar", "volume", "spread"})

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        return list(self.prices.bars(market, self.bar_s, until_utc_ns - 4 * 24 * HOUR_NS, until_utc_ns))[-bars:]

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        return iter(self.prices.bars("MNQ", self.bar_s, after_utc_ns, self.time.now))

    async def closing(self, after_utc_ns: int) -> AsyncIterator[Bar]:
        while True:
            for bar in self.bars(after_utc_ns):
                after_utc_ns = bar.ts_close_utc_ns
                yield bar
            step_ns = self.bar_s * NS
            await asyncio.sleep((step_ns - self.time.now % step_ns) / NS)


@final
class Day:
    """One account at the sandbox, and the daemon that trades there."""

    def __init__(self, folder: Path, *, start_utc_ns: int, seed: int = 1) -> None:
        self.folder = folder
        self.time = Time(start_utc_ns)
        self.prices = BarPrices.simulated(seed, ("MNQ",))
        stores = (journal(folder / "sandbox.db", ACCOUNT), Store(folder / "sandbox.db", ACCOUNT))
        self.sandbox = IbkrSandbox(self.prices, HandQuotes(), stores, capital_usd=Decimal(CAPITAL_USD))
        self.line = MemoryLine(self.sandbox, self.time)
        self._pass_time()
        filled = CONFIG.format(folder=folder, capital=CAPITAL_USD, seed=seed, account=ACCOUNT)
        path = folder / "config.toml"
        path.touch(mode=0o600)
        path.write_text(filled)

    def run(self, hours: float) -> Daemon:
        """Trade for so many hours."""
        config = load(self.folder / "config.toml", {})
        until = self.time.now + round(hours * HOUR_NS)

        async def work() -> Daemon:
            opened = Ledger.open(
                config.gamma.database, account=config.account.name, mode="paper", clock_ns=self.time.wall_ns
            )
            with closing(opened) as ledger, patch.object(Ibkr, "open", self._opened):
                made = assemble(config, state_path=self.folder / "gamma.paper.db", feed=Bars(self.prices, self.time))
                daemon = Daemon(made, ledger, clock=self.time)
                self.time.at(until, daemon.stop)
                await daemon.run(1.0)
                return daemon

        return live(self.time, until + HOUR_NS, work())

    def _opened(self, params: Mapping[str, Any], **given: Any) -> IbkrBroker:
        read = parse(IbkrParams, params, "brokers.ibkr")
        return IbkrBroker(read, given["markets"], dial=self.line.dial, now_utc_ns=self.time.wall_ns)

    def _pass_time(self) -> None:
        self.sandbox.advance(self.time.now)
        self.line.deliver()
        self.time.at(self.time.now + NS, self._pass_time)


def told(day: Day, daemon: Daemon) -> tuple[dict[str, int], list[str]]:
    """What came of it, in figures; and where ledger and account differ."""
    book, floor = daemon.shell.book, day.sandbox.floor
    fees = sum(done.fee_microusd for done in floor.executions)
    figures = {
        "bars": daemon.desk.bars,
        "messages": len(day.line.came),
        "orders": len(floor.orders),
        "executions": len(floor.executions),
        "lots": sum(done.lots for done in floor.executions),
        "trades": len(book.trades),
        "moved": sum(change.what == "changed" for change in floor.changes),
        "fees_microusd": fees,
        "balance_microusd": book.balance_microusd,
    }
    differ = [f"halt: {halt.reason}" for halt in book.halts.values()]
    if book.balance_microusd != floor.account.balance_microusd:
        differ.append(f"the ledger has {book.balance_microusd}, the account {floor.account.balance_microusd}")
    if {symbol: book.lots(symbol) for symbol in ("MNQ",) if book.lots(symbol)} != floor.positions():
        differ.append(f"the ledger holds {book.lots('MNQ')} lots, the account {floor.positions()}")
    return figures, differ


def _main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("hours", type=float, nargs="?", default=23.0)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        day = Day(Path(folder), start_utc_ns=OPEN_UTC_NS - 60 * NS, seed=given.seed)
        figures, differ = told(day, day.run(given.hours))
    sys.stdout.write("".join(f"{name:<18} {value:>15,}\n" for name, value in figures.items()))
    sys.stdout.write("\n".join(differ or ["ledger and account agree"]) + "\n")
    return bool(differ)


if __name__ == "__main__":
    sys.exit(_main())
