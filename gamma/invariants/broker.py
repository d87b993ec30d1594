"""The book against the broker: orders, executions and positions, as one reconcile heard them. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator

from gamma.book import Book
from gamma.invariants.violations import Violation
from gamma.ports import Seen


def of_broker(book: Book, seen: Seen, booked: Callable[[str], bool]) -> list[Violation]:
    """What the broker's word contradicts; `booked` tells whether the ledger has an execution.

    Where the fate of an order is unknown its market is passed over: there the book waits for the broker. What was
    heard must be of one moment, for a fill between two answers is no contradiction.
    """
    waits = {o.intent.market for o in book.orders.values() if o.unresolved}
    return [*_orders(book, seen, waits), *_fills(seen, waits, booked), *_positions(book, seen, waits)]


def _orders(book: Book, seen: Seen, waits: set[str]) -> Iterator[Violation]:
    working = Counter(told.client_order_id for told in seen.open_orders if told.client_order_id)
    for cid, times in working.items():
        if times > 1:
            yield Violation(invariant="I1", text=f"the broker has {cid} {times} times")
    for told in seen.open_orders:
        ours = told.client_order_id.startswith(book.client_id_prefix)
        if ours and told.client_order_id not in book.orders:
            yield Violation(invariant="I1", text=f"{told.client_order_id} works at the broker, and was never intended")
    for told in {o.client_order_id: o for o in (*seen.orders, *seen.open_orders)}.values():
        order = book.orders.get(told.client_order_id)
        if order is not None and order.intent.market not in waits and order.filled_lots != told.filled_lots:
            text = f"{told.client_order_id} has {order.filled_lots} lots filled, and {told.filled_lots} at the broker"
            yield Violation(invariant="I3", text=text)


def _fills(seen: Seen, waits: set[str], booked: Callable[[str], bool]) -> Iterator[Violation]:
    for execution, fill in {fill.execution_id: fill for fill in seen.fills}.items():
        if fill.market not in waits and not booked(execution):
            yield Violation(invariant="I3", text=f"execution {execution} is at the broker, and not booked")


def _positions(book: Book, seen: Seen, waits: set[str]) -> Iterator[Violation]:
    for symbol in sorted({market for _, market in book.positions} | set(seen.positions)):
        held, told = book.lots(symbol), seen.positions.get(symbol, 0)
        if symbol not in waits and held != told:
            yield Violation(invariant="I4", text=f"the book holds {held:+d} {symbol}, and the broker {told:+d}")
