"""What one account at a floor has come to: orders, executions and money, each as its journal tells it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, final

from brokers.paper.account import Account
from brokers.sandbox.orders import Change, Execution, Journal, LotOrder, State, What
from brokers.sandbox.prices import Prices
from gamma.events import Fill

FIRST_NUMBER: Final = 100_001
_ENDS: Final = {State.CANCELED: What.CANCELED, State.EXPIRED: What.EXPIRED, State.REJECTED: What.REFUSED}


@final
class Books:
    """Orders by number, executions, money, and the journal that they are made of; `save` keeps what is new of it.

    `ts_utc_ns` is when something happened last, 0 where nothing has.
    """

    def __init__(self, prices: Prices, store: Journal, capital_microusd: int) -> None:
        self.account = Account(capital_microusd)
        self.orders: dict[int, LotOrder] = {}
        self.executions: list[Execution] = []
        self.changes: list[Change] = []
        self.working: dict[int, LotOrder] = {}
        self.ts_utc_ns = 0
        self._prices = prices
        self._store = store
        self._unsaved: list[Change] = []
        self._together: dict[tuple[int, int], list[int]] = {}
        self._charged: dict[tuple[int, int], int] = {}
        for change in store.load():
            self._take_in(change)

    def put(self, what: What, order: LotOrder, ts_utc_ns: int, done: Execution | None = None) -> None:
        """Write down what became of an order, and the order as it is from now on."""
        self.note(what, replace(order, ts_updated_utc_ns=ts_utc_ns), ts_utc_ns, done)

    def end(self, order: LotOrder, state: State, reason: str, ts_utc_ns: int) -> None:
        """Write down that an order works no more."""
        self.put(_ENDS[state], replace(order, state=state, reason=reason), ts_utc_ns)

    def note(self, what: What, order: LotOrder | None, ts_utc_ns: int, done: Execution | None) -> None:
        """Write down a change."""
        sequence = len(self.changes) + 1
        change = Change(sequence=sequence, ts_utc_ns=ts_utc_ns, what=what, order=order, execution=done)
        self._unsaved.append(change)
        self._take_in(change)

    def save(self) -> None:
        """Keep what was written down, all of it or nothing."""
        if self._unsaved:
            self._store.save(self._unsaved)
            self._unsaved.clear()

    def working_in(self, symbol: str) -> list[LotOrder]:
        """The orders of a market that have not ended, oldest first."""
        return [order for order in self.working.values() if order.symbol == symbol]

    def children(self, number: int) -> Iterator[LotOrder]:
        """The orders that close what an order fills."""
        return (self.orders[n] for n in self._together.get((number, 0), ()))

    def guarded_lots(self, order: LotOrder) -> int:
        """What the children of its parent, or the orders of its group, may still trade together [lots]."""
        together = [self.orders[n] for n in self._together[_group(order)]]
        whole = self.orders[order.parent].filled if order.parent else max(o.lots for o in together)
        return whole - sum(o.filled for o in together)

    def fee_microusd(self, order: LotOrder, lots: int, price_ticks: int) -> int:
        """What lots more cost an order at a price [micro-dollars]; it is rounded once for all of them."""
        market, charged = self._prices.market(order.symbol), self._charged.get((order.number, price_ticks), 0)
        return market.fee_microusd(charged + lots, price_ticks) - market.fee_microusd(charged, price_ticks)

    def _take_in(self, change: Change) -> None:
        self.changes.append(change)
        self.ts_utc_ns = max(self.ts_utc_ns, change.ts_utc_ns)
        order, done = change.order, change.execution
        if order is not None:
            if order.number not in self.orders and (order.parent or order.oco):
                self._together.setdefault(_group(order), []).append(order.number)
            self.orders[order.number] = order
            if order.ended:
                self.working.pop(order.number, None)
            else:
                self.working[order.number] = order
        if done is not None:
            self.executions.append(done)
            key = (done.order, done.price_ticks)
            self._charged[key] = self._charged.get(key, 0) + done.lots
            self.account.book(_fill_of(done), self._prices.market(done.symbol))


def _group(order: LotOrder) -> tuple[int, int]:
    return (order.parent, 0) if order.parent else (0, order.oco)


def _fill_of(done: Execution) -> Fill:
    return Fill(
        execution_id=str(done.number),
        client_order_id=str(done.order),
        market=done.symbol,
        side=done.side,
        lots=done.lots,
        price_ticks=done.price_ticks,
        fee_microusd=done.fee_microusd,
        ts_event_utc_ns=done.ts_utc_ns,
    )
