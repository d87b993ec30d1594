"""The book by itself: what must hold of it after every event. Pure, and quick enough for each of them."""

from collections import Counter
from collections.abc import Iterator, Sequence

from gamma.book import Book
from gamma.events import OrderKind, OrderState
from gamma.invariants.violations import Violation
from gamma.orders import Order, Position

_UNFILLED = frozenset(
    {
        OrderState.PENDING,
        OrderState.ACKED,
        OrderState.UNKNOWN,
        OrderState.QUARANTINED,
        OrderState.ABSENT,
        OrderState.REJECTED,
    }
)


def of_book(book: Book) -> list[Violation]:
    """What does not hold of the book."""
    found = [*_orders(book), *_executions(book)]
    for key, position in book.positions.items():
        found += _position(book, position) if key == (position.strategy, position.market) else [_misfiled(key)]
    return found


def epoch_and_number(prefix: str, client_order_id: str) -> tuple[int, int] | None:
    """Which start of the daemon gave an id, and as its how-manieth; None where it is no id of this account."""
    epoch, _, number = client_order_id.removeprefix(prefix).rstrip("st").partition("-")
    if not client_order_id.startswith(prefix) or not (epoch.isdecimal() and number.isdecimal()):
        return None
    return int(epoch), int(number)


def _misfiled(key: tuple[str, str]) -> Violation:
    return Violation(invariant="I4", text=f"the position of {key[0]} in {key[1]} is filed under another name")


def _orders(book: Book) -> Iterator[Violation]:
    prefix = book.client_id_prefix
    for cid, order in book.orders.items():
        if cid != order.intent.client_order_id:
            yield Violation(invariant="I1", text=f"{order.intent.client_order_id} is filed as {cid}")
        given = epoch_and_number(prefix, cid)
        if given is None:
            yield Violation(invariant="I1", text=f"{cid} is no id that this account gives")
        elif given[0] > book.epoch or (given[0] == book.epoch and given[1] >= book.sequence):
            yield Violation(invariant="I11", text=f"{cid} is of no start of this daemon; the last is {book.epoch}")
        yield from _life(order)
    for decision in _twice([o.intent.decision_id for o in book.orders.values() if o.intent.kind is OrderKind.ENTRY]):
        yield Violation(invariant="I1", text=f"decision {decision} opened two orders")


def _life(order: Order) -> Iterator[Violation]:
    cid, state, filled, lots = order.intent.client_order_id, order.state, order.filled_lots, order.intent.lots
    if not order.moves_position:
        if state not in (OrderState.PENDING, OrderState.UNKNOWN):
            yield Violation(invariant="I7", text=f"{cid} is a {order.intent.kind}, and {state}")
        return
    legal = {
        OrderState.FILLED: filled >= lots,
        OrderState.PARTIAL: 0 < filled < lots,
        OrderState.CANCELED: filled < lots,
        OrderState.EXPIRED: filled < lots,
    }
    if not legal.get(state, filled == 0):
        yield Violation(invariant="I7", text=f"{cid} is {state} with {filled} of {lots} lots filled")
    if (filled > 0) != bool(order.execution_ids) or len(order.execution_ids) > filled:
        yield Violation(invariant="I3", text=f"{cid} has {filled} lots of {len(order.execution_ids)} executions")


def _executions(book: Book) -> Iterator[Violation]:
    for execution in _twice(book.executions):
        yield Violation(invariant="I3", text=f"execution {execution} was booked twice")
    for execution in _twice([e for order in book.orders.values() for e in order.execution_ids]):
        yield Violation(invariant="I3", text=f"execution {execution} is on two orders")


def _twice(ids: Sequence[str]) -> list[str]:
    """Those that come more than once; to see that there are none is quick."""
    return [] if len(set(ids)) == len(ids) else [one for one, times in Counter(ids).items() if times > 1]


def _position(book: Book, position: Position) -> Iterator[Violation]:
    who = f"{position.strategy or 'nobody'} in {position.market}"
    queued = [lots for lots, _ in position.lots_open]
    if min(queued, default=1) <= 0 or position.side * sum(queued) != position.lots:
        yield Violation(invariant="I4", text=f"{who} holds {position.lots:+d}, and its fills left {queued}")
    elif position.entry_lots - position.exit_lots != abs(position.lots):
        entered, left = position.entry_lots, position.exit_lots
        yield Violation(invariant="I4", text=f"{who} holds {position.lots:+d} after {entered} in and {left} out")
    if not position.exit_reason and position.strategy:
        yield from _exposure(book, position, who)


def _exposure(book: Book, position: Position, who: str) -> Iterator[Violation]:
    """Lots held, and what could still open, come from orders that were approved; the rest is being closed."""
    key = (position.strategy, position.market)
    entries = [
        o
        for o in book.orders.values()
        if o.intent.kind is OrderKind.ENTRY
        and (o.intent.strategy, o.intent.market) == key
        and (o.left_lots or o.intent.client_order_id in position.entry_ids)
    ]
    approved = sum(o.intent.lots for o in entries)
    could_be = abs(position.lots) + sum(o.left_lots for o in entries)
    if could_be > approved:
        yield Violation(invariant="I2", text=f"{who} could come to {could_be} lots, and {approved} were approved")
