"""From a look at an event market's book to the order in the broker's hands, for every size.

    .venv/bin/python benchmarks/event_orders.py [ORDERS]

Each look is a bar with a book, five seconds after the last; the whole desk works it off as the daemon does: what stands
from the look before is taken back, the mask is asked for (ten purchases, each through seven sizers and nine guards), a
network answers, its order is decided on with the whole trace, the ledger commits, and the adapter is given the order. ORDERS of each size, 2,000 where nothing is said, and as many after one that is taken
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
import numpy as np
from _measure import p

from brokers.kalshi.adapter import KalshiBroker
from brokers.kalshi.params import KalshiParams
from brokers.paper import PaperBroker
from gamma import plugins
from gamma.actions import LOTS, NAMES, SIZES_LOTS
from gamma.assembly import Hours
from gamma.book import Setup
from gamma.books import BookLevel, EventBook
from gamma.clock import NS
from gamma.desk import Desk, Seat
from gamma.events import BootStarted, HealthSeen
from gamma.feeds.looks import look_bar
from gamma.ledger import Ledger
from gamma.logs import set_up
from gamma.markets import MICRO, event_market
from gamma.recovery import recover
from gamma.rules import Rules, StrategyRules
from gamma.shell import Shell
from gamma.signals.event_policy import EventPolicySource
from models.cards import NOTICE
from models.events import cards
from models.events.checkpoints import EventCheckpoint
from models.events.serving import ServedEventPolicy
from models.events.shelf import told_of

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
OPEN_S = 10**7  # one question, that it need not be begun anew
HIDDEN = (128, 128)
CAPITAL_USD = 5_000
BEFORE = ("", ", after taking one back")
PAUSE_S = 0.2  # so many requests a second as Kalshi takes of a new account


class InTurn:
    """A policy of weights by chance in the shape of those that train; what it answers is asked for, and not taken.

    It buys YES at two looks in a row, then holds at one, in each size in turn: so the first order finds nothing of
    before, and the second one that is taken back first.
    """

    def __init__(self, market):
        card = cards.Card(
            format=1,
            notice=NOTICE,
            edge=cards.NO_EDGE,
            markets=(market,),
            kind="event",
            actions=NAMES,
            hidden=HIDDEN,
            created_utc="2026-03-02T15:00:00Z",
            conditions=cards.Conditions(
                look_s=LOOK_S,
                open_s=900.0,
                balance_usd=1_000.0,
                sizes_lots=SIZES_LOTS,
                chain=tuple(f"{name} {{}}" for name in SIZERS),
                fee=cards.FEE,
                discount=0.99,
                paper_only=True,
            ),
            seen=cards.seen_of(),
            training=cards.Training(
                learned=(cards.Markets(name="none", sha256="0" * 64, real=False, markets=1),),
                seed=1,
                steps=0,
                code_commit="unknown",
                config_sha256="0" * 64,
            ),
        )
        rng = np.random.default_rng(1)
        tensors = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in cards.shapes(card).items()}
        checkpoint = EventCheckpoint(
            card=card, tensors=tensors | {"scale.variance": np.ones_like(tensors["scale.variance"])}, sha256=""
        )
        self.policy = ServedEventPolicy(told_of(checkpoint), checkpoint)
        self.looks = self.action = 0

    def __getattr__(self, name):
        return getattr(self.policy, name)

    def act(self, situation, legal):
        turn, step = divmod(self.looks, 3)
        self.looks += 1
        self.action = NAMES.index(f"BUY_YES_{SIZES_LOTS[turn % len(SIZES_LOTS)]}") if step < 2 else 0
        assert legal[self.action], legal
        return replace(self.policy.act(situation, legal), action=self.action)


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


def look(symbol, number, middle):
    """A bar of five seconds with the book at its close: YES is bid a cent below the middle, and offered one above it."""
    closes = START_UTC_NS + number * LOOK_S * NS
    book = EventBook(
        market=symbol,
        yes_bids=tuple(BookLevel(price_ticks=c, lots=2_000) for c in range(middle - 1, max(0, middle - 6), -1)),
        no_bids=tuple(BookLevel(price_ticks=c, lots=2_000) for c in range(99 - middle, 94 - middle, -1)),
        ts_event_utc_ns=closes,
        traded_lots=9_000_000.0,
        volume_10min_lots=5_000_000.0,
        ts_close_utc_ns=START_UTC_NS + OPEN_S * NS,
    )
    return look_bar(book, book, closes, LOOK_S)


class Account:
    """An account with everything that the daemon has of it, but the clock: a look's close is now."""

    def __init__(self, url, market, broker, middle):
        self.market, self.now, self.middle = market, START_UTC_NS, middle
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
        self.broker, self.policy = Timed(broker), InTurn(market.symbol)
        source = EventPolicySource(self.policy, "", strategy="events", market=market)
        book = recover(setup, rules, self.ledger)
        self.shell = Shell(book, rules, store=self.ledger, broker=self.broker, now=lambda: self.now)
        self.desk = Desk(self.shell, {market.symbol: (Seat(strategy="events", source=source),)}, Hours())
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
        bar, before = look(self.market.symbol, self.number, self.middle), len(self.broker.placed)
        self.now = bar.ts_close_utc_ns
        self.cpu_s = time.thread_time()
        start = time.perf_counter()
        await self.desk.bar(bar)
        if not self.policy.action:
            return 0, start
        wanted = LOTS[self.policy.action]
        assert len(self.broker.placed) == before + 1, (
            f"no order came of a look: {list(self.shell.book.halts.values())[-1:]}"
        )
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
    account = Account(f"sqlite:///{folder}/ledger.db", market, broker, middle=50)
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
    account = Account(url, market, broker, middle=2)
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
