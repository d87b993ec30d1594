"""A day of MNQ at Tradovate's sandbox: the daemon with its brackets, at the prices of its bars, in time that is made.

    python -m tests.brokers.tradovate_day 23

trades so many hours from the open on, and holds the ledger against the sandbox's account.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final
from unittest.mock import patch

from brokers.sandbox.floor import Floor
from brokers.sandbox.orders import journal
from brokers.sandbox.prices import BarPrices
from brokers.tradovate.adapter import TradovateBroker
from brokers.tradovate.params import TradovateParams
from brokers.tradovate.sandbox import ACCOUNT, TradovateSandbox
from brokers.tradovate.sandbox_sessions import PASSWORD, USERNAME
from gamma.chaos.simulation.loop import Time
from gamma.clock import NS
from gamma.daemon import Daemon
from gamma.markets import MICRO
from gamma.params import parse
from tests.brokers.carried import Carried
from tests.brokers.made_day import Bars, Told, by_hours, compared, configured, no_hints, traded

OPEN_UTC_NS: Final = 1_795_129_200 * NS  # Thursday 2026-11-19, 18:00 in New York: the session of Friday
CASH_UTC_NS: Final = 1_795_185_000 * NS  # 09:30 of that session
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

[brokers.tradovate]
environment = "paper"
account_id = "{account}"
username = "{username}"
password = "{password}"
url = "http://127.0.0.1/v1"

[[strategies]]
name = "mnq"
market = "MNQ"
broker = "tradovate"
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
class Day:
    """One account at the sandbox, and the daemon that trades there."""

    def __init__(self, folder: Path, *, start_utc_ns: int, seed: int = 1) -> None:
        self.folder = folder
        self.time = Time(start_utc_ns)
        self.prices = BarPrices.simulated(seed, ("MNQ",))
        floor = Floor(self.prices, journal(folder / "sandbox.db", ACCOUNT), CAPITAL_USD * MICRO)
        self.sandbox = TradovateSandbox(floor)
        self.network = Carried(self.sandbox, self.time)
        self._pass_time()
        configured(
            folder,
            CONFIG.format(
                folder=folder, capital=CAPITAL_USD, seed=seed, account=ACCOUNT, username=USERNAME, password=PASSWORD
            ),
        )

    def run(self, hours: float) -> Daemon:
        """Trade for so many hours."""
        with patch.object(TradovateBroker, "open", self._opened), patch.object(TradovateBroker, "hints", no_hints):
            return traded(self.folder, self.time, hours, feed=Bars(self.prices, self.time, "MNQ"))

    def _opened(self, params: Mapping[str, Any], **given: Any) -> TradovateBroker:
        read = parse(TradovateParams, params, "brokers.tradovate")
        return TradovateBroker(
            read, given["markets"], self.network, now_utc_ns=self.time.wall_ns, token_path=self.folder / "token"
        )

    def _pass_time(self) -> None:
        self.sandbox.advance(self.time.now)
        self.time.at(self.time.now + NS, self._pass_time)


def told(day: Day, daemon: Daemon) -> Told:
    """What came of it, in figures; and where ledger and account differ."""
    figures, differ = compared(daemon, day.sandbox.floor, "MNQ")
    return {**figures, "requests": day.network.count}, differ


def _day(folder: Path, hours: float, seed: int) -> Told:
    day = Day(folder, start_utc_ns=OPEN_UTC_NS - 60 * NS, seed=seed)
    return told(day, day.run(hours))


if __name__ == "__main__":
    sys.exit(by_hours(__doc__, 23.0, _day))
