"""Days of gold at OANDA's sandbox: the daemon with its brackets, at the prices of its bars, in time that is made.

    python -m tests.brokers.oanda_day 30

trades so many hours from Thursday noon on, past a charge of swap, and holds the ledger against the sandbox's account:
every fill, every cost, and the balance to the cent.
"""

import sys
from collections.abc import Mapping
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
from gamma.chaos.simulation.loop import Time
from gamma.clock import NS
from gamma.daemon import Daemon
from gamma.events import OrderFilled
from gamma.ledger.reader import Reader
from gamma.markets import MICRO
from gamma.params import parse
from tests.brokers.carried import Carried
from tests.brokers.made_day import Bars, Told, by_hours, configured, no_hints, traded

NOON_UTC_NS: Final = 1_795_107_600 * NS  # Thursday 2026-11-19, 12:00 in New York
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
        configured(folder, CONFIG.format(folder=folder, capital=CAPITAL_USD, seed=seed, account=ACCOUNT, token=TOKEN))

    def run(self, hours: float) -> Daemon:
        """Trade for so many hours."""
        with patch.object(OandaBroker, "open", self._opened), patch.object(OandaBroker, "hints", no_hints):
            return traded(self.folder, self.time, hours, feed=Bars(self.prices, self.time, MARKET))

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


def _day(folder: Path, hours: float, seed: int) -> Told:
    day = Day(folder, seed=seed)
    return told(day, day.run(hours))


if __name__ == "__main__":
    sys.exit(by_hours(__doc__, 28.0, _day))
