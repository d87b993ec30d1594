"""How the absence of an order is proved: complete looks that do not show it, far enough apart. Pure."""

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
