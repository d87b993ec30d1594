"""A day of event contracts at Kalshi's sandbox: the daemon with bars from the broker, in time that is made.

    python -m tests.brokers.kalshi_day [--seed N] [--series | --looks]

trades a day of contracts on the simulated S&P 500 by breakouts, through their settlement, and holds the ledger against
the sandbox's account: every fill, fee and settlement, and the balance to the cent. With --series one of them is a
series, whose questions are settled every quarter of an hour. With --looks a series is traded look by look, by a policy
that takes any action that is legal then.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, final

import pytest

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.params import KalshiParams
from brokers.kalshi.sandbox import KalshiSandbox
from brokers.kalshi.sandbox_events import SimulatedEvents
from brokers.kalshi.sandbox_floor import ENTRIES, key_of
from brokers.kalshi.sandbox_keys import Gate, pem_of
from brokers.kalshi.sandbox_series import SERIES, ManyEvents, SeriesEvents
from brokers.sandbox.store import EntryStore
from gamma import checkpoints
from gamma.chaos.simulation.loop import Time
from gamma.clock import NS
from gamma.daemon import Daemon
from gamma.events import OrderFilled, TradeClosed
from gamma.ledger.reader import Reader
from gamma.markets import MICRO
from gamma.params import parse
from gamma.ports import EventPolicy
from tests.brokers.carried import Carried
from tests.brokers.made_day import configured, traded
from tests.contract.kalshi import key
from tests.event_case import Guesser, config_text, opener

MORNING_UTC_NS = 1_795_179_600 * NS  # Friday 2026-11-20, 08:00 in New York
CAPITAL_USD = 1_000
CONFIG = """
[gamma]
database = "sqlite:///{folder}/gamma.db"

[account]
name = "events"
starting_capital_usd = {capital}

[feed]
use = "broker"
bar_s = {bar_s}

[brokers.kalshi]
environment = "paper"
key_id = "{key_id}"
key_path = "{folder}/key.pem"
url = "http://127.0.0.1/trade-api/v2"
series = ["KXBTC15M"]

[[strategies]]
name = "quick"
market = "{quick}"
broker = "kalshi"
signal = {{ use = "breakout", entry_bars = 3, atr_bars = 3, stop_atr = 0, limit_ticks = 2 }}
exits = {{ time_bars = {bars_max} }}
sizers = ["fixed"]
guards = [{guards}]

[[strategies]]
name = "patient"
market = "{patient}"
broker = "kalshi"
signal = {{ use = "breakout", entry_bars = 6, atr_bars = 3, stop_atr = 0, limit_ticks = 2 }}
sizers = ["fixed"]
guards = [{guards}]

[sizers.fixed]
lots = 60

[guards]
order_size = {{ lots_max = {{ emini = 1, micro = 12, spot = 30, option_spread = 3, event = 100 }} }}
price_collar = {{ ticks_max = 20, mid_frac_max = 0.005, credit_frac_max = 0.15, cents_max = 10 }}
position_match = {{ mismatches_halt = 2 }}
balance_match = {{ gap_max_usd = 0.01 }}

[schedule]
heartbeat_s = 60

[paths]
kill_switch = "{folder}/gamma.kill"
"""
LOOKS_HEAD = """
[gamma]
database = "sqlite:///{folder}/gamma.db"

[brokers.kalshi]
environment = "paper"
key_id = "{key_id}"
key_path = "{folder}/key.pem"
url = "http://127.0.0.1/trade-api/v2"
series = ["KXBTC15M"]

[schedule]
heartbeat_s = 60

[paths]
kill_switch = "{folder}/gamma.kill"
"""
GUARDS = ("order_sanity", "order_size", "price_collar", "position_match", "balance_match")


@final
class KalshiDay:
    """One account at the sandbox, and the daemon that trades there."""

    def __init__(
        self,
        folder: Path,
        patch: pytest.MonkeyPatch,
        *,
        seed: int = 1,
        start_utc_ns: int = MORNING_UTC_NS,
        series: bool = False,
        policy: EventPolicy | None = None,
    ) -> None:
        self.folder = folder
        self.time = Time(start_utc_ns)
        events = SimulatedEvents(seed)
        gate = Gate(key().public_key())
        store = EntryStore(None, "day", ENTRIES, key_of)
        listed = ManyEvents(SeriesEvents(seed), events)
        self.sandbox = KalshiSandbox(listed, store, gate, capital_usd=Decimal(CAPITAL_USD))
        self.network = Carried(self.sandbox, self.time)
        patch.setattr(KalshiBroker, "open", self._opened)
        self._pass_time()
        near = sorted((one.ticker for one in events.listed(start_utc_ns)), key=self._off_the_middle)
        quick = (
            {"quick": SERIES, "bar_s": 60, "bars_max": 8} if series else {"quick": near[0], "bar_s": 300, "bars_max": 4}
        )
        names = quick | {"patient": near[1]}
        guards = ", ".join(f'"{guard}"' for guard in GUARDS)
        text = CONFIG.format(folder=folder, capital=CAPITAL_USD, key_id=gate.key_id, guards=guards, **names)
        if policy is not None:
            patch.setattr(checkpoints, "event_policy", opener(policy))
            head = LOOKS_HEAD.format(folder=folder, key_id=gate.key_id)
            text = config_text(SERIES, feed='use = "books"', head=head, strategy='broker = "kalshi"')
        (folder / "key.pem").write_bytes(pem_of(key()))
        configured(folder, text)

    def _off_the_middle(self, ticker: str) -> int:
        """How far a contract is from being as likely as not [cents]."""
        yes, _ = self.sandbox.floor.bids(ticker, self.time.now)
        return abs(50 - yes[0][0]) if yes else 100

    def _pass_time(self) -> None:
        self.sandbox.advance(self.time.now)
        self.time.at(self.time.now + 10 * NS, self._pass_time)

    def _opened(self, params: Mapping[str, Any], **given: Any) -> KalshiBroker:
        read = parse(KalshiParams, params, "brokers.kalshi")
        return KalshiBroker(read, given["markets"], self.network, lambda: self.time.now)

    def run(self, hours: float, meddle: Callable[[Daemon], None] | None = None) -> Daemon:
        """Trade for so many hours."""
        return traded(self.folder, self.time, hours, meddle=meddle)

    def facts(self, *kinds: type) -> Sequence[Any]:
        """What the ledger has of some kinds."""
        with Reader.open(f"sqlite:///{self.folder}/gamma.db") as reader:
            return [fact for _, fact in reader.events(limit=10**9) if isinstance(fact, kinds)]

    def differences(self, daemon: Daemon) -> list[str]:
        """Where the ledger and the sandbox's account differ; none where they agree to the micro-dollar."""
        book, floor = daemon.shell.book, self.sandbox.floor
        fills = [fact.fill for fact in self.facts(OrderFilled)]
        ours = Counter((f.market, f.side, f.lots, f.price_ticks, f.fee_microusd) for f in fills if not f.settled)
        executed = [(e, int(e.fee_usd * MICRO)) for e in floor.executions]
        theirs = Counter((_market(e.ticker), e.side, e.count, e.price, fee) for e, fee in executed)
        ended = Counter((f.market, -f.side * f.lots, f.settled_microusd_per_lot) for f in fills if f.settled)
        worth = {"yes": MICRO, "no": 0}
        paid = Counter((_market(s.ticker), s.held, worth[s.result]) for s in floor.settlements if s.held)
        account = floor.account(self.time.now)
        held = {_market(ticker): one.count for ticker, one in account.held.items() if one.count}
        mine = {market: book.lots(market) for market in book.setup.markets if book.lots(market)}
        cost = sum(one.cost for one in account.held.values()) * 10_000
        pairs = {
            "executions": (ours, theirs),
            "settlements": (ended, paid),
            "positions": (mine, held),
            "balance": (book.balance_microusd, int(account.cash_usd * MICRO) + cost),
            "halts": (list(book.halts.values()), []),
        }
        return [f"{what}: {a} against {b}" for what, (a, b) in pairs.items() if a != b]


def _market(ticker: str) -> str:
    """The market that a question is traded as."""
    return SERIES if ticker.startswith(f"{SERIES}-") else ticker


def _main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--hours", type=float, default=16.5)
    asked.add_argument("--series", action="store_true")
    asked.add_argument("--looks", action="store_true")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        policy = Guesser(seed=given.seed) if given.looks else None
        day = KalshiDay(Path(folder), patch, seed=given.seed, series=given.series, policy=policy)
        daemon = day.run(given.hours)
        fills, trades = day.facts(OrderFilled), day.facts(TradeClosed)
        fees = sum(fact.fill.fee_microusd for fact in fills) / MICRO
        settled = sum(fact.fill.settled for fact in fills)
        balance = daemon.shell.book.balance_microusd / MICRO
        sys.stdout.write(
            f"{daemon.desk.bars} bars, {len(fills)} fills ({settled} of settlements), {len(trades)} trades, fees "
            f"{fees:.2f} usd, balance {balance:.2f} usd\n"
        )
        wrong = day.differences(daemon)
        sys.stdout.write("\n".join(wrong or ["the ledger is the account, to the cent"]) + "\n")
        return bool(wrong)


if __name__ == "__main__":
    sys.exit(_main())
