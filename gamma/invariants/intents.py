"""I1, I5 and I11: whether an order may be intended now, and under this id. Pure; the book is as it was before."""

from collections.abc import Iterator

from gamma.book import Book
from gamma.events import Intent, OrderIntended, OrderKind

_SUFFIXES = {OrderKind.STOP: "s", OrderKind.TARGET: "t"}


def ids(book: Book, event: OrderIntended) -> Iterator[str]:
    """Ids that are not those which this start of the daemon gives next."""
    cid = f"{book.client_id_prefix}{book.epoch}-{book.sequence}"
    if event.intent.client_order_id != cid:
        yield f"{event.intent.client_order_id} was intended where {cid} is next"
    for child in event.bracket:
        wanted = f"{event.intent.client_order_id}{_SUFFIXES.get(child.kind, '')}"
        if child.client_order_id != wanted or child.parent != event.intent.client_order_id:
            yield f"{child.client_order_id} is of the bracket of {event.intent.client_order_id}"
    if len({event.intent.client_order_id, *(c.client_order_id for c in event.bracket)}) <= len(event.bracket):
        yield f"{event.intent.client_order_id} and its bracket share an id"


def bars(book: Book, intent: Intent) -> Iterator[str]:
    """What stands against sending this: a halt, or an order in the market whose fate is not known."""
    cid, where = intent.client_order_id, (intent.strategy, intent.market)
    halts = ", ".join(f"{h.halt_id} ({h.reason})" for h in book.standing(*where))
    if intent.kind is OrderKind.ENTRY and halts:
        yield f"entry {cid} was intended under the halt {halts}"
    elif intent.kind is not OrderKind.CANCEL and book.frozen(*where):
        yield f"{intent.kind} {cid} was intended under the halt {halts}"
    if intent.kind in (OrderKind.ENTRY, OrderKind.EXIT) and book.unresolved(intent.market):
        yield f"{intent.kind} {cid} was intended while an order in {intent.market} is unresolved"


def beyond(book: Book, intent: Intent) -> Iterator[str]:
    """An entry against what its strategy holds, or an exit of more than it holds and nothing works to close yet."""
    cid, key = intent.client_order_id, (intent.strategy, intent.market)
    position = book.position(*key)
    if intent.kind is OrderKind.ENTRY and intent.side * position.lots < 0:
        yield f"entry {cid} of {intent.side * intent.lots:+d} was intended while {position.lots:+d} were held"
    elif intent.kind is OrderKind.EXIT:
        working = [o for o in book.orders.values() if o.intent.kind is OrderKind.EXIT]
        closing = sum(o.left_lots for o in working if (o.intent.strategy, o.intent.market) == key)
        could_be = closing + intent.lots
        if could_be > max(0, -intent.side * position.lots):
            yield f"with exit {cid} {could_be} lots could be closed, and {position.lots:+d} were held"
