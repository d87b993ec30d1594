"""Days of gold at OANDA's sandbox: the daemon with its brackets, at the prices of its bars, in time that is made.

    python -m tests.brokers.oanda_day 30

trades so many hours from Thursday noon on, past a charge of swap, and holds the ledger against the sandbox's account:
every fill, every cost, and the balance to the cent.
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

from brokers.oanda.adapter import OandaBroker
from brokers.oanda.params import OandaParams
from brokers.oanda.sandbox import ACCOUNT, MARKET, TOKEN, OandaSandbox
from brokers.oanda.sandbox_transactions import notes
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from gamma.assembly import assemble
from gamma.bars import Bar
from gamma.chaos.simulation.loop import Time, live
from gamma.clock import NS
from gamma.config import load
from gamma.daemon import Daemon
from gamma.events import OrderFilled
from gamma.ledger import Ledger
from gamma.ledger.reader import Reader
from gamma.markets import MICRO
from gamma.params import parse
from tests.brokers.carried import Carried

NOON_UTC_NS: Final = 1_795_107_600 * NS  # Thursday 2026-11-19, 12:00 in New York
HOUR_NS: Final = 3_600 * NS
CAPITAL_USD: Final = 50_000
CONFIG: Final = """
[gamma]
database = "sqlite:///{folder}/gamma.db"

[account]
name = "gold"
starting_capital_usd = {capital}

[feed]
bar_s = 300
seed = {seed}

[brokers.oanda]
environment = "paper"
account_id = "{account}"
token = "{token}"
url = "http://127.0.0.1/v3"

[[strategies]]
name = "gold"
market = "XAU_USD"
broker = "oanda"
signal = {{ use = "breakout", entry_bars = 6, stop_atr = 2.5, target_r = 3.0 }}
sizers = ["fixed"]
guards = ["order_sanity", "order_size", "protective_order", "position_match", "balance_match"]
exits = {{ break_even_r = 0.5, trail_from_r = 1.0, trail_atr = 2.0 }}

[sizers.fixed]
lots = 20

[guards]
order_size = {{ lots_max = {{ spot = 30 }} }}
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
    markets: tuple[str, ...] = (MARKET,)
    provides: frozenset[str] = frozenset({"bar", "volume", "spread"})

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        return list(self.prices.bars(market, self.bar_s, until_utc_ns - 4 * 24 * HOUR_NS, until_utc_ns))[-bars:]

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        return iter(self.prices.bars(MARKET, self.bar_s, after_utc_ns, self.time.now))

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

    def __init__(self, folder: Path, *, start_utc_ns: int = NOON_UTC_NS, seed: int = 1) -> None:
        self.folder = folder
        self.time = Time(start_utc_ns)
        self.prices = BarPrices.simulated(seed, (MARKET,))
        path = folder / "sandbox.db"
        store, noted = journal(path, ACCOUNT), notes(path, ACCOUNT)
        self.sandbox = OandaSandbox(self.prices, store, noted, capital_usd=Decimal(CAPITAL_USD))
        self.network = Carried(self.sandbox, self.time)
        self._pass_time()
        config = folder / "config.toml"
        config.touch(mode=0o600)
        config.write_text(CONFIG.format(folder=folder, capital=CAPITAL_USD, seed=seed, account=ACCOUNT, token=TOKEN))

    def run(self, hours: float) -> Daemon:
        """Trade for so many hours."""
        config = load(self.folder / "config.toml", {})
        until = self.time.now + round(hours * HOUR_NS)

        async def work() -> Daemon:
            opened = Ledger.open(
                config.gamma.database, account=config.account.name, mode="paper", clock_ns=self.time.wall_ns
            )
            with closing(opened) as ledger, patch.object(OandaBroker, "open", self._opened):
                made = assemble(config, state_path=None, feed=Bars(self.prices, self.time))
                daemon = Daemon(made, ledger, clock=self.time)
                self.time.at(until, daemon.stop)
                await daemon.run(1.0)
                return daemon

        return live(self.time, until + HOUR_NS, work())

    def _opened(self, params: Mapping[str, Any], **given: Any) -> OandaBroker:
        return OandaBroker(parse(OandaParams, params, "brokers.oanda"), given["markets"], self.network)

    def _pass_time(self) -> None:
        self.sandbox.advance(self.time.now)
        self.time.at(self.time.now + NS, self._pass_time)


def told(day: Day, daemon: Daemon) -> tuple[dict[str, int], list[str]]:
    """What came of it, in figures; and where ledger and account differ.

    Swap that was charged on what is still held is booked when that is closed.
    """
    book, log = daemon.shell.book, day.sandbox.log
    with Reader.open(f"sqlite:///{day.folder}/gamma.db") as reader:
        booked = [fact.fill for _, fact in reader.every("OrderFilled") if isinstance(fact, OrderFilled)]
    done = [row for row in log.rows if row["type"] == "ORDER_FILL"]
    swap = [row for row in log.rows if row["type"] == "DAILY_FINANCING"]
    last = int(done[-1]["id"]) if done else 0
    unbooked = sum((Decimal(row["financing"]) for row in swap if int(row["id"]) > last), Decimal(0))
    balance_microusd = int((log.balance_usd - unbooked) * MICRO)
    figures = {
        "bars": daemon.desk.bars,
        "requests": day.network.count,
        "transactions": log.last,
        "executions": len(done),
        "lots": sum(fill.lots for fill in booked),
        "trades": len(book.trades),
        "stops_moved": sum(row.get("reason") == "REPLACEMENT" for row in log.rows),
        "swap_microusd": int(sum((Decimal(row["financing"]) for row in swap), Decimal(0)) * MICRO),
        "balance_microusd": book.balance_microusd,
    }
    differ = [f"halt: {halt.reason}" for halt in book.halts.values()]
    theirs = {row["id"]: (row.get("clientOrderID"), Decimal(row["units"]), Decimal(row["price"])) for row in done}
    ours = {
        f.execution_id: (
            f.client_order_id,
            f.side * f.lots * Decimal(book.market(MARKET).lot_units),
            f.price_ticks * book.market(MARKET).tick_points,
        )
        for f in booked
    }
    if ours != theirs:
        differ.append(f"fills: {set(ours.items()) ^ set(theirs.items())}")
    if abs(book.balance_microusd - balance_microusd) >= MICRO // 100:
        differ.append(f"the ledger has {book.balance_microusd}, the account {balance_microusd}")
    if book.lots(MARKET) != day.sandbox.floor.positions().get(MARKET, 0):
        differ.append(f"the ledger holds {book.lots(MARKET)} lots, the account {day.sandbox.floor.positions()}")
    return figures, differ


def _main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("hours", type=float, nargs="?", default=28.0)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        day = Day(Path(folder), seed=given.seed)
        figures, differ = told(day, day.run(given.hours))
    sys.stdout.write("".join(f"{name:<18} {value:>15,}\n" for name, value in figures.items()))
    sys.stdout.write("\n".join(differ or ["ledger and account agree"]) + "\n")
    return bool(differ)


if __name__ == "__main__":
    sys.exit(_main())
