"""From a look at an event market's book to the order in the broker's hands, for every size.

    .venv/bin/python benchmarks/event_orders.py [ORDERS]

Each look is a bar with a book, five seconds after the last; the whole desk works it off as the daemon does: what stands
from the look before is taken back, the strategy answers, seven sizers and nine guards decide, the ledger commits, and
the adapter is given the order. ORDERS of each size, 2,000 where nothing is said, and as many after one that is taken
back first; a hundredth of them at Kalshi's sandbox, which is asked for fills before each.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from _measure import p

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.params import KalshiParams
from brokers.paper import PaperBroker
from gamma import plugins
from gamma.actions import SIZES_LOTS
from gamma.assembly import Hours
from gamma.bars import Bar
from gamma.book import Setup
from gamma.books import BookLevel, EventBook
from gamma.clock import NS
from gamma.desk import Desk, Seat
from gamma.events import BootStarted, HealthSeen, SignalMade
from gamma.ledger import Ledger
from gamma.logs import set_up
from gamma.markets import MICRO, event_market
from gamma.recovery import recover
from gamma.rules import Rules, StrategyRules
from gamma.shell import Shell

SIZERS = (
    "encoded_size",
    "liquidity_cap",
    "impact_cap",
    "order_value_cap",
    "position_cap",
    "concentration_cap",
    "cash_buffer",
)
GUARDS = (
    "safety_halt",
    "daily_loss",
    "stale_data",
    "order_sanity",
    "order_size",
    "position_limit",
    "concentration",
    "cash_buffer",
    "order_rate",
)
OFTEN = {"minute_max": 256, "day_max": 10**6, "exits_minute_max": 256, "exits_day_max": 10**6}
LOOK_S = 5
START_UTC_NS = 1_795_186_800 * NS  # Friday 2026-11-20, 10:00 in New York
YES, NO = (49, 48, 47), (49, 48, 47)  # YES is offered at 51
CAPITAL_USD = 5_000
BEFORE = ("", ", after taking one back")
PAUSE_S = 0.2  # so many requests a second as Kalshi takes of a new account


@dataclass
class Sizes:
    """A strategy that buys YES at a price that nobody meets: at two looks in a row, then at none, in each size in turn.

    So the first order finds nothing of before, and the second one that is taken back first.
    """

    market: str
    price_ticks: int
    looks: int = 0
    action: int = 0

    def warm_up(self, bars):
        """It looks at nothing."""

    def on_bar(self, bar):
        turn, step = divmod(self.looks, 3)
        self.action = 1 + turn % len(SIZES_LOTS)
        self.looks += 1
        if step == 2:
            return None
        return SignalMade(
            strategy="events",
            market=self.market,
            signal_id=f"events-{bar.ts_close_utc_ns}",
            slot_utc_ns=bar.ts_close_utc_ns,
            side=1,
            stop_ticks=0,
            target_ticks=0,
            ts_event_utc_ns=bar.ts_close_utc_ns,
            price_ticks=self.price_ticks,
            action=self.action,
            work_s=float(LOOK_S),
        )


@dataclass
class Timed:
    """The broker, and when it was given each order and had answered it [s]."""

    broker: object
    given_s: float = 0.0
    given_cpu_s: float = 0.0
    answered_s: float = 0.0
    placed: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.broker, name)

    async def place(self, approved, intent, bracket):
        self.given_s, self.given_cpu_s = time.perf_counter(), time.thread_time()
        found = await self.broker.place(approved, intent, bracket)
        self.answered_s = time.perf_counter()
        self.placed.append((intent.lots, found))
        return found


class Bytes(httpx.AsyncBaseTransport):
    """The way to the network, and when the last order's request was whole [s]."""

    def __init__(self):
        self.inner = httpx.AsyncHTTPTransport()
        self.sent_s = 0.0

    async def handle_async_request(self, request):
        if request.method == "POST":
            self.sent_s = time.perf_counter()
        return await self.inner.handle_async_request(request)

    async def aclose(self):
        await self.inner.aclose()


def look(symbol, number):
    """A bar of five seconds with the book at its close."""
    closes = START_UTC_NS + number * LOOK_S * NS
    book = EventBook(
        market=symbol,
        yes_bids=tuple(BookLevel(price_ticks=cents, lots=2_000) for cents in YES),
        no_bids=tuple(BookLevel(price_ticks=cents, lots=2_000) for cents in NO),
        ts_event_utc_ns=closes,
        traded_lots=500_000.0,
        volume_10min_lots=50_000.0,
        ts_close_utc_ns=closes + 3_600 * NS,
    )
    return Bar(
        market=symbol,
        ts_open_utc_ns=closes - LOOK_S * NS,
        ts_close_utc_ns=closes,
        open_points=50.0,
        high_points=50.0,
        low_points=50.0,
        close_points=50.0,
        volume_lots=400.0,
        spread_points=2.0,
        book=book,
    )


class Account:
    """An account with everything that the daemon has of it, but the clock: a look's close is now."""

    def __init__(self, url, market, broker, price_ticks):
        self.market, self.now = market, START_UTC_NS
        setup = Setup(
            account="bench",
            mode="paper",
            starting_capital_microusd=CAPITAL_USD * MICRO,
            markets={market.symbol: market},
        )
        examples = {name: plugins.named(plugins.GUARDS, name).load().example for name in GUARDS}
        examples["order_rate"] = {**examples["order_rate"], **OFTEN}
        strategy = StrategyRules(
            name="events",
            market=market,
            sizers=tuple((name, plugins.build(plugins.SIZERS, name, {})) for name in SIZERS),
            guards=tuple((name, plugins.build(plugins.GUARDS, name, params)) for name, params in examples.items()),
            adds=True,
        )
        rules = Rules(strategies={"events": strategy}, capabilities=broker.capabilities, day_market=market.symbol)
        self.ledger = Ledger.open(url, account="bench", mode="paper")
        self.broker, self.source = Timed(broker), Sizes(market.symbol, price_ticks)
        book = recover(setup, rules, self.ledger)
        self.shell = Shell(book, rules, store=self.ledger, broker=self.broker, now=lambda: self.now)
        self.desk = Desk(self.shell, {market.symbol: (Seat(strategy="events", source=self.source),)}, Hours())
        self.number = 0

    async def boot(self):
        await self.shell.feed(
            BootStarted(epoch=1, config_hash="", code_hash="", ts_event_utc_ns=self.now),
            HealthSeen(
                broker_age_s=0.0, data_age_s=0.0, strategy_age_s=0.0, clock_offset_s=0.0, ts_event_utc_ns=self.now
            ),
        )

    async def look(self):
        """One look; gives the size, 0 where none was wanted, and when it began [s]."""
        self.number += 1
        bar, before = look(self.market.symbol, self.number), len(self.broker.placed)
        self.now = bar.ts_close_utc_ns
        self.cpu_s = time.thread_time()
        start = time.perf_counter()
        await self.desk.bar(bar)
        if self.source.looks % 3 == 0:
            return 0, start
        wanted = SIZES_LOTS[self.source.action - 1]
        assert len(self.broker.placed) == before + 1, "no order came of a look"
        lots, found = self.broker.placed[-1]
        assert lots == wanted, f"{lots} of {wanted} contracts, {found}"
        assert type(found).__name__ == "Accepted", found
        return wanted, start


def shown(what, by_size):
    print(f"{what}\n{'contracts':>11} {'orders':>7} {'p50 [ms]':>10} {'p99 [ms]':>10} {'most [ms]':>10}")
    for lots, seconds in by_size.items():
        figures = [p(seconds, 0.5), p(seconds, 0.99), max(seconds)]
        print(f"{lots:>11} {len(seconds):>7,} " + " ".join(f"{1e3 * one:>10.2f}" for one in figures))


async def timed(account, orders, moments, pause_s=0.0):
    """Print, by size, for each of `moments`, which tell how long after a look's start something was [s]."""
    found = {f"{name}{before}": {lots: [] for lots in SIZES_LOTS} for name in moments for before in BEFORE}
    await account.boot()
    warm = 6 * len(SIZES_LOTS)
    for number in range(warm + 3 * orders * len(SIZES_LOTS)):
        if number == warm:
            gc.collect()
            gc.freeze()  # as the daemon does once it is warm
        await asyncio.sleep(pause_s)
        lots, start = await account.look()
        if lots and number >= warm:
            for name, moment in moments.items():
                found[f"{name}{BEFORE[number % 3]}"][lots].append(moment(start))
    for name, by_size in found.items():
        shown(name, by_size)


def on_paper(what, folder, orders):
    market = event_market("KXBENCH-26")
    broker = PaperBroker.open(
        {},
        account="bench",
        starting_capital_microusd=CAPITAL_USD * MICRO,
        markets={market.symbol: market},
        state_path=Path(folder) / "paper.db",
    )
    account = Account(f"sqlite:///{folder}/ledger.db", market, broker, price_ticks=45)
    moments = {
        what: lambda start: account.broker.given_s - start,
        f"{what}: of it the processor's time": lambda _: account.broker.given_cpu_s - account.cpu_s,
    }
    asyncio.run(timed(account, orders, moments))
    account.ledger.close()


def at_kalshi(folder, orders):
    """The adapter of Kalshi at its sandbox, another process on this machine."""
    gamma = Path(sys.executable).with_name("gamma")
    command = [gamma, "brokers", "sandbox", "kalshi", "--port", "0", "--json", "--capital-usd", str(CAPITAL_USD)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder) as sandbox:
        try:
            opened = json.loads(sandbox.stdout.readline())
            threading.Thread(target=sandbox.stdout.read, daemon=True).start()  # it tells of every request
            settings = opened["settings"]
            market = event_market(next(name for name in opened["markets"] if "-" in name))
            asyncio.run(_at_kalshi(f"sqlite:///{folder}/kalshi.db", market, settings, orders))
        finally:
            sandbox.kill()


async def _at_kalshi(url, market, settings, orders):
    way = Bytes()
    broker = KalshiBroker(KalshiParams(**settings), {market.symbol: market}, way)
    await broker.connect()
    account = Account(url, market, broker, price_ticks=1)
    account.shell.rules = replace(account.shell.rules, capabilities=broker.capabilities)
    moments = {
        "Kalshi's adapter, to the request's bytes": lambda start: way.sent_s - start,
        "Kalshi's adapter, to its sandbox's answer over loopback": lambda start: account.broker.answered_s - start,
    }
    await timed(account, orders, moments, PAUSE_S)
    account.ledger.close()
    await broker.close()


def main():
    set_up("error")
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory(prefix="bench-", dir=".") as folder:
        on_paper("paper, ledger and paper account on disk, each commit synced", folder, orders)
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=memory) as folder:
            on_paper("the same without a disk: both files in memory", folder, orders)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=".") as folder:
        at_kalshi(folder, max(20, orders // 100))


if __name__ == "__main__":
    main()
