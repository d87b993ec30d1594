"""What Prometheus is told of one account: counted as it happens, and read off the daemon at each scrape."""

import math
import time
from collections import Counter as Counts
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily

from gamma.book import Book
from gamma.effects import Answer
from gamma.events import (
    DecisionMade,
    Halted,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderLost,
    OrderQuarantined,
    OrderRejected,
    Recorded,
    TradeClosed,
)
from gamma.markets import MICRO
from gamma.outlook import equity_microusd

if TYPE_CHECKING:
    from gamma.daemon import Daemon

KIND: Final = "text/plain; version=0.0.4; charset=utf-8"
STATES: Final = ("ACTIVE", "PAUSED", "REDUCING", "HALTED")
# From a tenth of a millisecond to ten seconds: a decision takes about one, a commit on a busy disk a hundred.
SECONDS: Final = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BECAME: Final[Mapping[type, str]] = {
    OrderIntended: "intended",
    OrderAccepted: "accepted",
    OrderRejected: "rejected",
    OrderLost: "unknown",
    OrderQuarantined: "quarantined",
    OrderCanceled: "canceled",
    OrderFilled: "filled",
}


disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter began says nothing here


@final
class Metrics:
    """Looks on at the shell and the desk, and counts.

    A fill in part counts as one of `filled`, as does each other.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        count, timed = partial(Counter, registry=self.registry), partial(Histogram, registry=self.registry)
        self._orders = count("gamma_orders", "Orders by what became of them.", ["state"])
        self._decisions = count("gamma_decisions", "Decisions by their reason.", ["strategy", "reason"])
        self._trips = count("gamma_guard_trips", "Halts and pauses by guards.", ["guard", "level"])
        self._denials = count("gamma_denials", "Entries that came to nothing, by what bound them.", ["by", "reason"])
        self._trades = count("gamma_trades", "Round trips that ended.", ["strategy"])
        self._times = {
            "decision": timed(
                "gamma_decision_seconds",
                "From a closed bar to its decision, recorded and sent.",
                ["strategy"],
                buckets=SECONDS,
            ),
            "model": timed(
                "gamma_model_seconds", "What a strategy took to answer on a bar.", ["strategy"], buckets=SECONDS
            ),
        }
        self._commits = timed("gamma_commit_seconds", "What the ledger took to put facts on disk.", buckets=SECONDS)

    def recorded(self, fact: Recorded, book: Book) -> None:  # noqa: ARG002  (only what happened counts here)
        """Count it."""
        if (state := _BECAME.get(type(fact))) is not None:
            self._orders.labels(state).inc()
        elif isinstance(fact, DecisionMade):
            self._decisions.labels(fact.strategy, fact.reason).inc()
            if not fact.lots:
                self._denials.labels(fact.bound_by, fact.reason).inc()
        elif isinstance(fact, Halted) and fact.halt.actor.startswith("guard:"):
            self._trips.labels(fact.halt.actor.removeprefix("guard:"), str(fact.halt.level)).inc()
        elif isinstance(fact, TradeClosed):
            self._trades.labels(fact.trade.strategy).inc()

    def answered(self, answer: Answer) -> None:
        """Answers go to whoever asked."""

    def began_s(self) -> float:
        """Something begins."""
        return time.perf_counter()

    def ended(self, what: str, strategy: str, began_s: float) -> None:
        """A strategy's `decision` or `model` began then, and has ended."""
        self._times[what].labels(strategy).observe(time.perf_counter() - began_s)

    def committed(self, seconds: float) -> None:
        """The ledger's commit took so long."""
        self._commits.observe(seconds)

    def told(self, daemon: "Daemon") -> bytes:
        """All figures in Prometheus's text format."""
        now = CollectorRegistry()
        now.register(_Now(daemon))
        return generate_latest(self.registry) + generate_latest(now)


@final
class _Now:
    """How the daemon stands at a scrape."""

    def __init__(self, daemon: "Daemon") -> None:
        self._daemon = daemon

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every figure that is read off; what is not known is left out."""
        daemon, book = self._daemon, self._daemon.shell.book
        yield _one("ready", "Whether it has recovered, reconciled and trades.", daemon.ready)
        yield _one("healthy", "Whether nothing failed, and broker and feed are heard.", daemon.housekeeping.healthy)
        owner = (book.setup.account, book.setup.mode)
        yield _by("account", "1, with the name and the mode of the account.", ["account", "mode"], {owner: True})
        yield _by("state", "1 for the state of the account.", ["state"], {(s,): s == book.state for s in STATES})
        yield from _money(book)
        yield from _orders(book)
        yield from _ages(daemon)
        yield _one("outbox", "Notices that wait to be delivered.", daemon.ledger.outbox.waiting())
        yield _one("halts", "Halts and pauses that stand.", len(book.halts))
        yield _one("jobs_missed", "Jobs of this life that failed or came too late.", daemon.housekeeping.missed)
        yield _one("bars", "Bars of this life that were worked off.", daemon.desk.bars)


def _money(book: Book) -> Iterator[GaugeMetricFamily]:
    money, equity = book.money, equity_microusd(book)
    yield _one("balance_usd", "Realised balance.", book.balance_microusd / MICRO)
    yield _one("equity_usd", "Balance and open P&L at the last prices.", equity / MICRO)
    yield _one("peak_equity_usd", "Highest equity so far.", money.peak_microusd / MICRO)
    yield _one("day_pnl_usd", "Equity less that of the day's start.", (equity - money.day_equity_microusd) / MICRO)
    if money.floor is not None:
        room = equity - money.floor.floor_microusd
        yield _one("room_usd", "Equity above the floor of the account's rules.", room / MICRO)
        yield _one(
            "room_start_usd", "That room when the floor was first known.", money.floor_room_start_microusd / MICRO
        )


def _orders(book: Book) -> Iterator[GaugeMetricFamily]:
    states = Counts(str(order.state) for order in book.orders.values() if not order.ended)
    yield _by("orders_open", "Orders that have not ended, by state.", ["state"], {(s,): n for s, n in states.items()})
    held = {key: position.lots for key, position in book.positions.items() if position.lots}
    yield _by("position_lots", "Lots held, + long and - short.", ["strategy", "market"], held)


def _ages(daemon: "Daemon") -> Iterator[GaugeMetricFamily]:
    now = daemon.now()
    ages = {(s,): (now - mark.ts_bar_utc_ns) / 1e9 for s, mark in daemon.shell.book.marks.items() if mark.ts_bar_utc_ns}
    yield _by("feed_age_seconds", "Since the close of a market's last bar.", ["market"], ages)
    yield _one("feed_overdue_seconds", "How long the next bar is overdue.", daemon.housekeeping.feed_overdue_s())
    yield _one("broker_age_seconds", "How long the broker has been silent.", daemon.housekeeping.broker_age_s())


def _one(name: str, told: str, value: float) -> GaugeMetricFamily:
    return _by(name, told, [], {(): value})


def _by(name: str, told: str, labels: list[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"gamma_{name}", told, labels=labels)
    for label, value in values.items():
        if math.isfinite(value):
            family.add_metric(list(label), float(value))
    return family
