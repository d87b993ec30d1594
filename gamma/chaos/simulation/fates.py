"""What became of each order: by the broker's own log, and by what the ledger says."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gamma.chaos.broker.observed import Canceled, Executed, Received, Record, Refused

NEVER: Final = "absent"
_ENDS: Final = ("absent", "canceled", "expired", "filled", "rejected")
# What the ledger may say of an order in the end, by what became of it; an order that did nothing may be called
# absent, refused or cancelled, and no harm comes of it.
_SAID: Final[Mapping[str, tuple[str, ...]]] = {
    NEVER: (NEVER, "rejected"),
    "rejected": ("rejected", NEVER, "canceled"),
    "canceled": ("canceled", "expired"),
    "filled": ("filled",),
}


def at_broker(log: Sequence[Record]) -> dict[str, str]:
    """What became of each order that the broker took in: filled, canceled, rejected, or that it works still."""
    fates, filled, lots = {}, defaultdict(int), {}  # type: ignore[var-annotated]
    for done in log:
        if isinstance(done, Received):
            fates[done.client_order_id], lots[done.client_order_id] = "working", done.lots
        elif isinstance(done, Canceled):
            fates[done.client_order_id] = "canceled"
        elif isinstance(done, Refused) and done.order_id:
            fates[done.client_order_id] = "rejected"
        elif isinstance(done, Executed):
            filled[done.client_order_id] += done.lots
            if filled[done.client_order_id] >= lots[done.client_order_id]:
                fates[done.client_order_id] = "filled"
    return fates


def working(log: Sequence[Record]) -> list[str]:
    """The client order ids of what works at the broker."""
    return [cid for cid, fate in at_broker(log).items() if fate == "working"]


def differ(log: Sequence[Record], db: sqlite3.Connection) -> Iterator[str]:
    """I7: what the ledger says in the end of each order is what became of it, and none works on at the broker."""
    fates = at_broker(log)
    yield from (f"I7: {cid} still works at the broker" for cid, fate in fates.items() if fate == "working")
    filled = dict(db.execute("SELECT client_order_id, SUM(lots) FROM fills GROUP BY client_order_id"))
    told = dict(db.execute("SELECT client_order_id, told FROM orders ORDER BY seq"))
    for cid, lots in db.execute("SELECT client_order_id, lots FROM intents WHERE kind NOT IN ('cancel', 'replace')"):
        said = "filled" if filled.get(cid, 0) >= lots else told.get(cid, "")
        fate = fates.get(cid, NEVER)
        # The orders of a bracket go along with an entry that was never anything, and need no word of their own.
        if said in _ENDS and said not in _SAID.get(fate, ()):
            yield f"I7: {cid} is {said} in the ledger, and {fate} at the broker"


def presumed_dead(log: Sequence[Record], db: sqlite3.Connection) -> Iterator[str]:
    """I7: an order that was proved absent never was at the broker, then or later, but to be refused."""
    fates = at_broker(log)
    proved = db.execute("SELECT DISTINCT client_order_id FROM orders WHERE told = 'absent' AND actor = 'reconcile'")
    for (cid,) in proved:
        if fates.get(cid, NEVER) not in (NEVER, "rejected"):
            yield f"I7: {cid} was proved absent, and was {fates[cid]} at the broker"


def refused(log: Sequence[Record], db: sqlite3.Connection) -> Iterator[str]:
    """I7: what the ledger ever called refused was refused, or never came to the broker."""
    fates = at_broker(log)
    for (cid,) in db.execute("SELECT DISTINCT client_order_id FROM orders WHERE told = 'rejected'"):
        if fates.get(cid, NEVER) not in (NEVER, "rejected"):
            yield f"I7: {cid} was called refused, and was {fates[cid]} at the broker"
