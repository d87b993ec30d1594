"""One account on real parts: a ledger file, the paper broker's file, the calendar, the shell, the desk.

Bars and signals are the test's. MNQ at 20,000 points (80,000 ticks), five-minute bars from Monday,
2026-03-02, 15:00 UTC on. Two lots a signal, a stop 40 ticks away, no target.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from brokers.paper import PaperBroker, paper_truth
from gamma.assembly import Hours
from gamma.bars import Bar
from gamma.book import Book, durable
from gamma.desk import Desk, Seat
from gamma.effects import Answer
from gamma.events import BootStarted, Event, Fill, OrderIntended, OrderKind, Recorded, SignalMade
from gamma.ledger import Ledger
from gamma.ledger.reader import Reader, Wanted
from gamma.orders import Order
from gamma.ports import Broker, BrokerOrder
from gamma.recovery import recover
from gamma.rules import StrategyRules
from gamma.shell import Observer, Shell, Store
from tests.engine_case import MINUTE, PRICE, T0, bar_of, rules_of, setup_of, strategy_rules

SETUP = setup_of()


@dataclass
class Script:
    """A strategy that wants what the test says on the next bar, and remembers every bar that it saw."""

    strategy: str = "alpha"
    want: int = 0
    fault: str = ""
    seen: list[int] = field(default_factory=list)
    warmed: list[int] = field(default_factory=list)
    bars_needed: int = 0

    def warm_up(self, bars: Sequence[Bar]) -> None:
        self.warmed += [bar.ts_close_utc_ns for bar in bars]

    def on_bar(self, bar: Bar) -> SignalMade | None:
        self.seen.append(bar.ts_close_utc_ns)
        if self.fault:
            raise RuntimeError(self.fault)
        side, self.want = self.want, 0
        return self.signal(side, bar.ts_close_utc_ns) if side else None

    def signal(self, side: int, slot_utc_ns: int) -> SignalMade:
        return SignalMade(
            strategy=self.strategy,
            market="MNQ",
            signal_id=f"{self.strategy}:{slot_utc_ns}",
            slot_utc_ns=slot_utc_ns,
            side=side,
            stop_ticks=40,
            target_ticks=0,
            ts_event_utc_ns=slot_utc_ns,
        )


class Heard:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.facts: list[Recorded] = []
        self.answers: list[Answer] = []

    def recorded(self, fact: Recorded, book: Book) -> None:  # noqa: ARG002
        self.facts.append(fact)

    def answered(self, answer: Answer) -> None:
        self.answers.append(answer)


class Stand:
    """The account under test. `wrap_*` put something of the test's around the real part."""

    def __init__(
        self,
        folder: Path,
        *,
        strategies: Sequence[StrategyRules] = (),
        capabilities: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        wrap_broker: Callable[[PaperBroker], Broker] = lambda broker: broker,
        wrap_store: Callable[[Ledger], Store] = lambda ledger: ledger,
        observers: Sequence[Observer] = (),
        stopped: Callable[[], bool] = lambda: False,
        elapsed_s: Callable[[], float] | None = None,
    ) -> None:
        self.url = f"sqlite:///{folder}/gamma.db"
        self.paper_path = folder / "gamma.paper.db"
        self.params = params or {}
        self.strategies = strategies or (strategy_rules(),)
        self.capabilities = capabilities or {}
        self.wrap_broker, self.wrap_store = wrap_broker, wrap_store
        self.heard = Heard()
        self.observers = (self.heard, *observers)
        self.stopped, self.elapsed_s = stopped, elapsed_s
        self.now = T0
        self.open()

    # --- its life ----------------------------------------------------------------------------------

    def open(self) -> None:
        """What every start does but for the new epoch."""
        self.paper = PaperBroker.open(
            self.params,
            account="DU1",
            starting_capital_microusd=SETUP.starting_capital_microusd,
            markets=SETUP.markets,
            state_path=self.paper_path,
        )
        self.ledger = Ledger.open(self.url, account="DU1", mode="paper", clock_ns=lambda: self.now)
        can = replace(self.paper.capabilities, **self.capabilities)
        self.rules = rules_of(*self.strategies, capabilities=can)
        book = recover(SETUP, self.rules, self.ledger)
        self.shell = Shell(
            book,
            self.rules,
            store=self.wrap_store(self.ledger),
            broker=self.wrap_broker(self.paper),
            now=lambda: self.now,
            stopped=self.stopped,
            elapsed_s=self.elapsed_s,
            observers=self.observers,
        )
        self.scripts = {name: Script(strategy=name) for name in self.rules.strategies}
        seats = {"MNQ": tuple(Seat(strategy=name, source=script) for name, script in self.scripts.items())}
        self.desk = Desk(self.shell, seats, Hours())

    def crash(self) -> None:
        """The process is gone, and with it all that was not committed."""
        db = self.ledger._db
        if not db.closed:
            db.connection.dbapi_connection.rollback()  # type: ignore[union-attr]
            db.close()
        self.ledger._lease.close()
        asyncio.run(self.paper.close())

    def close(self) -> None:
        self.ledger.close()
        asyncio.run(self.paper.close())

    def boot(self) -> None:
        """Begin a new epoch and ask the broker."""
        epoch = self.shell.book.epoch + 1
        self.shell.read_on("DU1")
        self.feed(BootStarted(epoch=epoch, config_hash="c0ffee", code_hash="", ts_event_utc_ns=self.now))
        self.reconcile()

    def restart(self) -> None:
        """A crash, and the next start."""
        self.crash()
        self.open()
        self.boot()

    # --- what happens -------------------------------------------------------------------------------

    def feed(self, *events: Event) -> None:
        asyncio.run(self.shell.feed(*events))

    def reconcile(self) -> None:
        asyncio.run(self.shell.reconcile())

    def poll(self) -> None:
        asyncio.run(self.shell.poll())

    def signal(self, side: int = 1, strategy: str = "alpha") -> None:
        """A signal between bars, each for a slot of its own."""
        self.now += 1
        self.feed(self.scripts[strategy].signal(side, self.now))

    def bar(self, close: int = PRICE, *, high: int = 0, low: int = 0, want: int = 0) -> Bar:
        """Five minutes later a bar closes, and the first strategy wants this."""
        self.now = (self.now // (5 * MINUTE) + 1) * 5 * MINUTE
        next(iter(self.scripts.values())).want = want
        shape = bar_of(close, high=high, low=low, at=self.now)
        self.give(shape)
        return shape

    def give(self, bar: Bar) -> None:
        """Give a bar to the desk."""
        asyncio.run(self.desk.bar(bar))

    # --- what came of it -----------------------------------------------------------------------------

    @property
    def book(self) -> Book:
        return self.shell.book

    @property
    def lots(self) -> int:
        return self.book.lots("MNQ")

    def order(self, kind: OrderKind = OrderKind.ENTRY) -> Order:
        """The newest order of this kind that the book still holds."""
        return [o for o in self.book.orders.values() if o.intent.kind is kind][-1]

    def truth(self) -> tuple[dict[str, int], list[Fill], list[BrokerOrder]]:
        """Positions, fills and orders as the paper broker's own file has them."""
        return paper_truth(self.paper_path)

    def at_broker(self) -> list[str]:
        """The client order ids that the broker has ever heard of."""
        return [o.client_order_id for o in self.truth()[2]]

    def facts(self, kind: type | None = None) -> list[Any]:
        """All that was recorded."""
        self.ledger.commit()
        return self.on_disk(kind)

    def on_disk(self, kind: type | None = None) -> list[Any]:
        """What another process would read now."""
        with Reader.open(self.url) as reader:
            return [f for _, f in reader.events(limit=1_000_000) if kind is None or type(f) is kind]

    def intents(self, kind: OrderKind) -> list[OrderIntended]:
        """The intents of one kind that are on disk."""
        return [f for f in self.on_disk(OrderIntended) if f.intent.kind is kind]

    def told(self) -> list[str]:
        """The keys of all notices, oldest first."""
        self.ledger.commit()
        with Reader.open(self.url) as reader:
            return [row["key"] for row in reader.alerts(Wanted(limit=10_000))]

    def refold(self) -> None:
        """The ledger tells the very book that the shell has; slots without a signal are known to the ledger alone."""
        self.ledger.commit()
        again = replace(recover(SETUP, self.rules, self.ledger), slots=self.book.slots)
        assert repr(durable(again)) == repr(durable(self.book))
