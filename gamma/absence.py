"""How the absence of an order is proved: complete looks that do not show it, far enough apart. Pure."""

from collections.abc import Iterable

from gamma.orders import Order
from gamma.ports import Capabilities


def looks_of(order: Order, can: Capabilities) -> int:
    """How many complete looks, each far enough after the last that counts, did not show the order."""
    spacing_ns = round(can.absence_spacing_s * 1e9)
    count, last = 0, -spacing_ns
    for ts in order.misses_utc_ns:
        if ts - last >= spacing_ns:
            count, last = count + 1, ts
    return count


def unlisted(order: Order, can: Capabilities) -> bool:
    """Whether it was looked for often enough to say that the broker does not list it."""
    return looks_of(order, can) >= can.absence_listings


def never_named(order: Order, entry: Order | None) -> bool:
    """Whether an order of a bracket was never named by the broker, though its entry has traded: it may not be there."""
    return order.live and not order.broker_order_id and entry is not None and entry.filled_lots > 0


def never_arrived(order: Order, entry: Order | None, others: Iterable[Order]) -> bool:
    """Whether nothing is to be had of an order of a bracket: never named, not listed after it was to be cancelled, and
    no cancel of it is under way. It stays as it is; should it turn up, it is cancelled, and closed what it did.
    """
    if not never_named(order, entry) or not any(ts > order.ts_cancel_utc_ns > 0 for ts in order.misses_utc_ns):
        return False
    cid = order.intent.client_order_id
    return not any(other.intent.subject == cid and other.unresolved for other in others)
