"""The conduct that recorded facts tell: what was held, by the broker's own times, and which orders were at work. Pure.

An execution is heard of after it happened; it counts from when it happened.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from gamma.compliance.conduct import Conduct, Stand, Working
from gamma.events import (
    EquityMarked,
    Fill,
    Intent,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderKind,
    OrderRejected,
    Recorded,
)
from gamma.history import History
from gamma.markets import MICRO, Market

_NO_TRADE: Final = frozenset({OrderKind.CANCEL, OrderKind.REPLACE})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Live:
    """An order that may still trade; a stop protects once the broker has it."""

    intent: Intent
    left: int
    accepted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """Something that happened to an order: it was made, accepted, ended, or filled."""

    ts_utc_ns: int
    number: int
    order_id: str
    made: Intent | None = None
    accepted: bool = False
    fill: Fill | None = None


def of_facts(
    facts: Iterable[tuple[int, Recorded]], markets: Mapping[str, Market], history: History, *, traded_by: str
) -> Conduct:
    """What facts tell, given with their numbers in order; any that no rule speaks of may be left out."""
    mark_rows: list[str] = []
    changes: list[_Change] = []
    begun: dict[str, int] = {}
    ts_last = 0
    for number, fact in facts:
        ts_last = max(ts_last, fact.ts_event_utc_ns)
        if isinstance(fact, EquityMarked):
            mark_rows.append(f"event {number}")
        for change in _changes(number, fact, begun):
            begun.setdefault(change.order_id, change.ts_utc_ns)
            changes.append(change)
    changes.sort(key=lambda change: (change.ts_utc_ns, change.number))
    return Conduct(
        history=history,
        stands=tuple(_stands(changes, history)),
        mark_rows=tuple(mark_rows),
        orders_known=True,
        fees_told=True,
        traded_by=traded_by,
        ts_end_utc_ns=ts_last,
        markets=markets,
    )


def _changes(number: int, fact: Recorded, begun: Mapping[str, int]) -> Iterator[_Change]:
    ts = fact.ts_event_utc_ns
    if isinstance(fact, OrderIntended):
        for intent in (fact.intent, *fact.bracket):
            if intent.kind not in _NO_TRADE:
                yield _Change(ts_utc_ns=ts, number=number, order_id=intent.client_order_id, made=intent)
    elif isinstance(fact, OrderAccepted):
        yield _Change(ts_utc_ns=ts, number=number, order_id=fact.client_order_id, accepted=True)
    elif isinstance(fact, OrderRejected | OrderAbsent | OrderCanceled):
        yield _Change(ts_utc_ns=ts, number=number, order_id=fact.client_order_id)
    elif isinstance(fact, OrderFilled):
        # The broker's clock need not agree with ours: nothing is filled before it is made.
        cid = fact.fill.client_order_id
        happened = max(fact.fill.ts_event_utc_ns, begun.get(cid, 0))
        yield _Change(ts_utc_ns=happened, number=number, order_id=cid, fill=fact.fill)


def _stands(changes: Sequence[_Change], history: History) -> Iterator[Stand]:
    closes = [trade.ts_close_utc_ns for trade in history.trades]
    balances = list(accumulate((t.pnl_microusd for t in history.trades), initial=round(history.start_usd * MICRO)))
    state = _State()
    before: Stand | None = None
    for change in changes:
        state.take(change)
        now = replace(
            state.stand,
            ts_utc_ns=change.ts_utc_ns,
            row=f"event {change.number}",
            balance_usd=balances[bisect_right(closes, change.ts_utc_ns)] / MICRO,
        )
        if before is None or replace(now, ts_utc_ns=before.ts_utc_ns, row=before.row) != before:
            yield now
            before = now


class _State:
    """What is held and at work between two changes."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._orders: dict[str, _Live] = {}
        self._ended: dict[str, _Live] = {}
        self._filled: set[str] = set()
        self._bounded: set[str] = set()

    def take(self, change: _Change) -> None:
        """One change, in order of time."""
        cid = change.order_id
        if change.made is not None:
            self._orders[cid] = _Live(intent=change.made, left=change.made.lots)
            if change.made.kind is OrderKind.ENTRY and change.made.risk_microusd_per_lot:
                self._bounded.add(change.made.market)
        elif change.fill is not None:
            self._fill(change.fill)
        elif change.accepted:
            order = self._orders.get(cid) or self._ended.pop(cid, None)  # a late one turned up after all
            if order is not None:
                self._orders[cid] = replace(order, accepted=True)
        elif cid in self._orders:
            self._ended[cid] = self._orders.pop(cid)

    @property
    def stand(self) -> Stand:
        """What holds now."""
        working = tuple(
            Working(
                order_id=cid,
                market=order.intent.market,
                side=order.intent.side,
                lots=order.left,
                entry=order.intent.kind is OrderKind.ENTRY,
            )
            for cid, order in self._orders.items()
            if self._awake(order)
        )
        held = {market: lots for market, lots in self._held.items() if lots}
        return Stand(
            ts_utc_ns=0,
            row="",
            balance_usd=0.0,
            held=held,
            working=working,
            bare=tuple(sorted(market for market in held if self._bare(market))),
        )

    def _fill(self, fill: Fill) -> None:
        cid = fill.client_order_id
        self._held[fill.market] = self._held.get(fill.market, 0) + fill.side * fill.lots
        self._filled.add(cid)
        if order := self._orders.pop(cid, None):
            left = order.left - fill.lots
            if left > 0:
                self._orders[cid] = replace(order, left=left, accepted=True)

    def _awake(self, order: _Live) -> bool:
        """A stop or target waits for the entry that it belongs to; of one that never filled it never works."""
        return not order.intent.parent or order.intent.parent in self._filled or order.intent.kind is OrderKind.EXIT

    def _bare(self, market: str) -> bool:
        if market in self._bounded:
            return False
        lots = self._held[market]
        covered = sum(
            order.left
            for order in self._orders.values()
            if order.intent.market == market
            and order.intent.side * lots < 0
            and (order.intent.kind is OrderKind.EXIT or (order.intent.kind is OrderKind.STOP and order.accepted))
        )
        return covered < abs(lots)
