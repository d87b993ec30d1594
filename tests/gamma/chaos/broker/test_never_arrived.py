"""The stop of an entry that was taken in, and that the broker never had: its position can be left all the same."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gamma.chaos.broker.quirks import NEVER_SCAN
from gamma.events import FlattenRequested, OrderKind, TradeClosed
from gamma.guards.protective_order import ProtectiveOrder
from tests.engine_case import strategy_rules
from tests.gamma.chaos.broker.test_forgotten import Counter

GUARDED = strategy_rules(guards=[("protective_order", ProtectiveOrder(bare_max_s=2))])
PLAIN = strategy_rules()


def entered(counter: Counter) -> str:
    """An entry has filled, and its stop is nowhere; no answer has named it. Gives the stop's id."""
    counter.bar(want=1)
    floor = counter.stall.exchange.floor
    stop = counter.order(OrderKind.STOP).intent.client_order_id
    [lost] = floor.by_client.pop(stop)
    floor.orders.pop(lost.order_id)
    floor._working[lost.market].remove(lost)
    lost.parent.children.remove(lost)  # type: ignore[union-attr]
    for _ in range(10):
        counter.pass_s(1)
        counter.poll()
        if counter.lots:
            break
    assert counter.lots == 2
    assert counter.book.orders[stop].broker_order_id == ""
    return stop


@pytest.fixture
def counter(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = Counter(tmp_path, NEVER_SCAN, strategies=[request.param])
    yield made
    made.close()


def seconds_to_flat(counter: Counter, most: int) -> int:
    """How long it takes, with a look a second."""
    for second in range(most):
        if not counter.lots:
            return second
        counter.pass_s(1)
        asyncio.run(counter.shell.look())
        counter.time()
    return most


@pytest.mark.parametrize("counter", [PLAIN], indirect=True)
def test_a_position_is_closed_though_its_stop_cannot_be_cancelled_for_it_never_arrived(counter: Counter) -> None:
    stop = entered(counter)
    counter.feed(FlattenRequested(command_id="f", actor="me", market="", ts_event_utc_ns=counter.now))
    assert seconds_to_flat(counter, 60) < 30
    assert counter.book.orders[stop].live
    counter.refold()


@pytest.mark.parametrize("counter", [GUARDED], indirect=True)
def test_a_stop_that_is_never_named_is_none_and_its_position_is_closed(counter: Counter) -> None:
    entered(counter)
    assert seconds_to_flat(counter, 60) < 30
    assert [f.trade.exit_reason for f in counter.heard.facts if isinstance(f, TradeClosed)] == ["protective_order"]
    counter.refold()


@pytest.mark.parametrize("counter", [GUARDED], indirect=True)
def test_a_stop_that_the_first_look_names_protects(counter: Counter) -> None:
    counter.bar(want=1)
    for _ in range(20):
        counter.pass_s(1)
        asyncio.run(counter.shell.look())
        counter.time()
    assert counter.lots == 2
    assert counter.order(OrderKind.STOP).confirmed
    assert counter.book.position("alpha", "MNQ").exit_reason == ""
