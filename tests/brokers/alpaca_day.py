"""A day of SPY at Alpaca's sandbox: the daemon with bars, chains and volatility from the broker, in time that is made.

python -m tests.brokers.alpaca_day 5        whole days of seeds 1 to 5, and whether their ledgers agree
"""

import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, final

import pytest

from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.params import AlpacaParams, FeeRates
from brokers.alpaca.sandbox import ACCOUNT, KEY_ID, SECRET, AlpacaSandbox
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.prices import BarPrices
from brokers.sandbox.tickets import Store
from gamma.book import Book
from gamma.chaos.simulation.loop import Time
from gamma.clock import NS
from gamma.daemon import Daemon
from gamma.markets import MICRO
from gamma.params import parse
from tests.brokers.carried import Carried
from tests.brokers.made_day import by_seeds, configured, no_hints, traded

OPEN_UTC_NS = 1_795_185_000 * NS  # Friday 2026-11-20, 09:30 in New York
CONFIG = """
[gamma]
database = "sqlite:///{folder}/gamma.db"

[account]
name = "spy"
starting_capital_usd = 50_000

[feed]
use = "broker"

[chains]
broker = "alpaca"
record = "{folder}/chains"

[brokers.alpaca]
environment = "paper"
account_id = "{account}"
key_id = "{key_id}"
secret = "{secret}"
url = "http://127.0.0.1"

[brokers.alpaca.fees]

[[strategies]]
name = "pin"
market = "SPY"
broker = "alpaca"
signal = {signal}
sizers = ["fixed"]
guards = [{guards}]

[sizers.fixed]
lots = 10

[guards]
session_hours = {{ open_quiet_s = 300, close_quiet_s = 1200 }}
flat_by = {{ cancel_before_s = 600, flat_before_s = 300, verify_before_s = 60 }}
order_size = {{ lots_max = {{ emini = 1, micro = 12, spot = 30, option_spread = 30, event = 100 }} }}
price_collar = {{ ticks_max = 20, mid_frac_max = 0.005, credit_frac_max = 0.15, cents_max = 10 }}
protective_order = {{ bare_max_s = 2 }}
position_match = {{ mismatches_halt = 2 }}
balance_match = {{ gap_max_usd = 0.01 }}

[paths]
kill_switch = "{folder}/gamma.kill"
"""
GUARDS = (
    *("session_hours", "flat_by", "order_sanity", "order_size", "price_collar", "protective_order", "position_match"),
    "balance_match",
)


@final
class Day:
    """One account at the sandbox, and the daemon that trades there."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, *, seed: int = 1, start_utc_ns: int) -> None:
        self.folder = folder
        self.time = Time(start_utc_ns)
        quotes, prices = SimulatedOptions(seed, ("SPY",)), BarPrices.simulated(seed, ("SPY",))
        store = Store(None, ACCOUNT)
        self.sandbox = AlpacaSandbox(quotes, store, capital_usd=Decimal(50_000), rates=FeeRates(), prices=prices)
        self.network = Carried(self.sandbox, self.time)
        patch.setattr(AlpacaBroker, "open", self._opened)
        patch.setattr(AlpacaBroker, "hints", no_hints)
        self._pass_time()

    def _pass_time(self) -> None:
        self.sandbox.advance(self.time.now)
        self.time.at(self.time.now + 10 * NS, self._pass_time)

    def _opened(self, params: Mapping[str, Any], **given: Any) -> AlpacaBroker:
        return AlpacaBroker(parse(AlpacaParams, params, "brokers.alpaca"), given["markets"], self.network)

    def write(self, signal: str = '{ use = "gex" }', guards: tuple[str, ...] = GUARDS) -> None:
        listed = ", ".join(f'"{guard}"' for guard in guards)
        filled = CONFIG.format(
            folder=self.folder, account=ACCOUNT, key_id=KEY_ID, secret=SECRET, signal=signal, guards=listed
        )
        configured(self.folder, filled)

    def run(self, hours: float, meddle: Callable[[Daemon], None] | None = None) -> Daemon:
        """Trade for so many hours."""
        return traded(self.folder, self.time, hours, meddle=meddle)


def _day(folder: Path, seed: int) -> tuple[Book, int]:
    """A whole day, with the rule and the guards as they ship."""
    with pytest.MonkeyPatch.context() as patch:
        day = Day(folder, patch, seed=seed, start_utc_ns=OPEN_UTC_NS - 600 * NS)
        day.write()
        return day.run(7.5).shell.book, int(day.sandbox.ledger.cash_usd() * MICRO)


if __name__ == "__main__":
    sys.exit(by_seeds(int(sys.argv[1]) if len(sys.argv) > 1 else 1, _day))
