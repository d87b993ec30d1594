"""Orders that ended while the daemon was down, longer ago than the broker lists what has ended."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gamma.chaos.broker import matching
from gamma.chaos.broker.quirks import NEVER_SCAN, SETS, Quirks
from gamma.chaos.broker.terms import capabilities
from gamma.events import (
    FlattenRequested,
    OrderAccepted,
    OrderCanceled,
    OrderKind,
    OrderMissed,
    OrderState,
    ResolveRequested,
    TimeAdvanced,
)
from gamma.orders import Order
from gamma.rules import StrategyRules
from tests.engine_case import PRICE
from tests.gamma.chaos.broker.stall import Stall
from tests.stand import Stand

SHORT = [q for q in SETS.values() if q.history_s < 86_400]
LOWER = PRICE - 4_000


class Counter(Stand):
    """An account that trades at a fake broker."""

    def __init__(self, folder: Path, quirks: Quirks, strategies: Sequence[StrategyRules] = ()) -> None:
        self.stall = Stall(quirks)
        can = capabilities(self.stall.quirks)
        named = {name: getattr(can, name) for name in can.__slots__}
        super().__init__(folder, strategies=strategies, capabilities=named, wrap_broker=lambda _: self.stall.adapter())
        self.trade(PRICE)
        self.boot()

    def trade(self, price: int) -> None:
        """The market trades at one price, at the account's time."""
        self.pass_s(0)
        self.stall.trade(price)

    def time(self) -> None:
        """Have the engine look at the clock."""
        self.feed(TimeAdvanced(ts_event_utc_ns=self.now))

    def pass_s(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)
        self.stall.network.now_utc_ns = self.now
        self.stall.exchange.advance(self.now)

    def enter(self) -> str:
        """An entry with its stop, filled, and all of it heard of."""
        self.bar(want=1)
        for _ in range(4):
            self.pass_s(30)
            self.reconcile()
        assert self.lots == 2
        return self.order().intent.client_order_id


@pytest.fixture(params=SHORT, ids=lambda q: q.name)
def counter(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = Counter(tmp_path, request.param)
    yield made
    made.close()


def down_for_a_day(counter: Counter) -> None:
    counter.pass_s(86_400)
    counter.restart()
    counter.pass_s(120)
    counter.reconcile()


def test_an_order_that_was_cancelled_and_forgotten_while_we_were_down_is_over(counter: Counter) -> None:
    counter.enter()
    stop = counter.order(OrderKind.STOP)
    counter.stall.cancel(stop.intent.client_order_id)
    counter.stall.settle()
    down_for_a_day(counter)
    assert [f.client_order_id for f in counter.on_disk(OrderCanceled)] == [stop.intent.client_order_id]
    assert not [o for o in counter.book.orders.values() if o.intent.kind is OrderKind.STOP and o.live]
    assert not counter.on_disk(OrderMissed)


def test_a_stop_that_filled_and_was_forgotten_while_we_were_down_is_over(counter: Counter) -> None:
    counter.enter()
    counter.trade(LOWER)
    counter.stall.settle()
    down_for_a_day(counter)
    assert counter.lots == 0
    assert [o for o in counter.book.orders.values() if not o.ended] == []


def test_children_that_no_answer_named_are_named_by_the_first_list(tmp_path: Path) -> None:
    counter = Counter(tmp_path, NEVER_SCAN)
    entry = counter.enter()
    named = [f.broker_order_id for f in counter.on_disk(OrderAccepted) if f.client_order_id == f"{entry}s"]
    assert named[0] == ""
    assert len(named) == 2
    assert counter.order(OrderKind.STOP).broker_order_id == named[1] != ""
    counter.refold()
    counter.close()


def forget(counter: Counter) -> str:
    """The broker loses every trace of an order that works."""
    counter.enter()
    return lose(counter, counter.order(OrderKind.STOP)).client_order_id


def lose(counter: Counter, order: Order) -> matching.Order:
    floor = counter.stall.exchange.floor
    lost = floor.orders.pop(order.broker_order_id)
    floor._working[lost.market].remove(lost)
    floor.by_client.pop(lost.client_order_id)
    return lost


def test_an_order_that_nobody_knows_any_more_stays_as_it_is_and_is_told_of_once(counter: Counter) -> None:
    stop = forget(counter)
    for _ in range(8):
        counter.pass_s(30)
        counter.reconcile()
    assert counter.book.orders[stop].state is OrderState.ACKED
    assert counter.told().count(f"order_unlisted:{stop}") == 1
    assert len(counter.on_disk(OrderMissed)) == counter.rules.capabilities.absence_listings
    counter.refold()


def test_what_nobody_knows_and_nobody_needs_is_not_cancelled_for_ever(counter: Counter) -> None:
    stop = forget(counter)
    counter.feed(FlattenRequested(command_id="f", actor="me", market="", ts_event_utc_ns=counter.now))

    def cancels() -> int:
        return sum(f.intent.subject == stop for f in counter.intents(OrderKind.CANCEL))

    for _ in range(12):
        counter.pass_s(30)
        counter.reconcile()
        counter.feed(TimeAdvanced(ts_event_utc_ns=counter.now))
    asked = cancels()
    assert 0 < asked < 12
    for _ in range(20):
        counter.pass_s(30)
        counter.reconcile()
        counter.feed(TimeAdvanced(ts_event_utc_ns=counter.now))
    assert cancels() == asked
    assert counter.told().count(f"order_unlisted:{stop}") == 1
    counter.refold()


def test_an_order_that_shows_again_is_missed_no_more(counter: Counter) -> None:
    counter.enter()
    stop = counter.order(OrderKind.STOP).intent.client_order_id
    floor, lost = counter.stall.exchange.floor, lose(counter, counter.order(OrderKind.STOP))
    for _ in range(8):
        counter.pass_s(30)
        counter.reconcile()
    assert counter.book.orders[stop].misses_utc_ns
    floor.orders[lost.order_id] = lost
    floor._working[lost.market].append(lost)
    floor.by_client[stop] = [lost]
    for _ in range(2):
        counter.reconcile()
    assert not counter.book.orders[stop].misses_utc_ns
    assert counter.on_disk()[-1].client_order_id == stop
    counter.refold()


def test_the_bracket_of_an_entry_that_ended_untraded_is_told_of_when_nobody_knows_it(tmp_path: Path) -> None:
    counter = Counter(tmp_path, NEVER_SCAN)
    floor = counter.stall.exchange.floor
    floor.quirks = replace(floor.quirks, at_once_frac=0.0)
    counter.bar(want=1)
    entry = counter.order().intent.client_order_id
    counter.feed(OrderCanceled(client_order_id=entry, ts_event_utc_ns=counter.now))
    floor.orders.clear()
    floor.by_client.clear()
    floor._working.clear()
    for _ in range(20):
        counter.pass_s(30)
        counter.reconcile()
    assert counter.told().count(f"order_unlisted:{entry}s") == 1
    counter.close()


def test_a_person_may_say_that_an_order_which_nobody_knows_is_over(counter: Counter) -> None:
    stop = forget(counter)
    for _ in range(4):
        counter.pass_s(30)
        counter.reconcile()
    counter.feed(
        ResolveRequested(
            command_id="c", actor="me", client_order_id=stop, outcome="absent", ts_event_utc_ns=counter.now
        )
    )
    assert counter.heard.answers[-1].ok
    assert counter.book.orders[stop].state is OrderState.CANCELED
