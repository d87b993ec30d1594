"""A fill whose stop is not at the broker, in time that is made: it is closed within seconds, by polls or by hints."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from brokers.sandbox.orders import Kind, LotOrder, State, What
from brokers.tradovate.adapter import TradovateBroker
from gamma.clock import NS
from tests.brokers.tradovate_day import CASH_UTC_NS, Day, told

# Nobody looks more often than every second; what is then found gone is closed at once.
DELAY_MAX_S = 2.0


def _child(day: Day, state: State) -> Callable[[], None]:
    """As soon as an entry has filled, its stop comes to this at the broker: cancelled by hand, or refused."""

    def meddle() -> None:
        floor = day.sandbox.floor
        for order in list(floor.orders.values()):
            parent = floor.orders.get(order.parent)
            if order.kind is Kind.STOP and not order.ended and parent is not None and parent.filled:
                floor._books.end(order, state, "by hand", day.time.now)
                floor._books.save()
        day.time.at(day.time.now + NS // 10, meddle)

    return meddle


async def _hints(self: Any) -> AsyncIterator[None]:
    """Tells of every change at once, as a stream does."""
    floor = self.day.sandbox.floor
    seen = len(floor.changes)
    while True:
        await asyncio.sleep(0.05)
        if len(floor.changes) > seen:
            seen = len(floor.changes)
            yield None


def _delays(day: Day) -> list[float]:
    """From each entry's first fill to when the order that closes it was received [s]."""
    floor, found = day.sandbox.floor, []
    ends = {c.order.number for c in floor.changes if c.order and c.order.kind is Kind.STOP and c.order.ended}
    for change in floor.changes:
        order = change.order
        if change.what is What.TRADED and order is not None and not order.parent and order.number + 1 in ends:
            after = [c for c in floor.changes[change.sequence :] if c.what is What.RECEIVED and _closes(c.order, order)]
            found.append((after[0].ts_utc_ns - change.ts_utc_ns) / NS)
    return found


def _closes(order: LotOrder | None, entry: LotOrder) -> bool:
    return order is not None and not order.parent and order.side == -entry.side


@pytest.mark.slow
@pytest.mark.parametrize(("state", "hinted"), [(State.CANCELED, False), (State.REJECTED, True)])
def test_a_fill_whose_stop_is_gone_is_closed_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: State, hinted: bool
) -> None:
    day = Day(tmp_path, start_utc_ns=CASH_UTC_NS - 60 * NS)
    _child(day, state)()
    if hinted:
        monkeypatch.setattr(TradovateBroker, "hints", _hints, raising=False)
        monkeypatch.setattr(TradovateBroker, "day", day, raising=False)
    figures, differ = told(day, day.run(0.75))
    assert differ == []
    assert figures["trades"] > 0
    delays = _delays(day)
    assert len(delays) == figures["trades"]
    assert max(delays) <= DELAY_MAX_S
