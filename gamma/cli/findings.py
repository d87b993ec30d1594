"""What the doctor finds: the ledger and all that must hold in it, and the book against the broker."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamma.errors import MarkerUnknown

if TYPE_CHECKING:
    from gamma.book import Book
    from gamma.config import Config
    from gamma.events import Fill
    from gamma.invariants import Violation
    from gamma.invariants.patrol import Examination
    from gamma.ports import Broker, Seen

DAMAGED = (
    "rows or the file were changed or damaged. Stop, keep the file aside, and put the newest backup in its place that "
    "gamma db verify calls sound; the next start asks the broker for every fill since"
)
BROKEN = (
    "nothing that is recorded can be mended. Put a backup from before that event in its place: the next start asks the "
    "broker for every fill since. Or, while the broker holds nothing and nothing works there, begin a new ledger. "
    "Keep this one: it shows a fault of gamma's"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what was looked at, whether it is well, what was seen, and each thing that is wrong."""

    check: str
    ok: bool
    text: str
    wrong: tuple[str, ...] = ()


def ledger_findings(config: "Config") -> "tuple[list[Finding], Book | None]":
    """The file, its chain and its tables, and every invariant by itself; and the book, where there is one."""
    from gamma.assembly import rules_of, setup_of
    from gamma.cli.output import working
    from gamma.errors import GammaError
    from gamma.invariants.patrol import examine
    from gamma.ledger import sqlite_notes
    from gamma.ledger.connections import file_of

    path = file_of(config.gamma.database)
    if path is not None and not path.exists():
        return [Finding(check="ledger", ok=True, text=f"{path} will be made at the first start")], None
    try:
        with working("reading the ledger"):
            examined = examine(config.gamma.database, setup_of(config), rules_of(config))
    except GammaError as error:
        return [Finding(check="ledger", ok=False, text=str(error))], None
    notes = "; ".join(sqlite_notes())
    text = f"{examined.report.events:,} events" + (f"; {notes}" if notes else "")
    ledger = Finding(check="ledger", ok=not examined.violations, text=text)
    return [ledger, *_invariants(examined)], examined.audit.book


def _invariants(examined: "Examination") -> Iterator[Finding]:
    from gamma.invariants import INVARIANTS

    counts = examined.audit.counts
    for invariant in INVARIANTS:
        found = [v for v in examined.violations if v.invariant == invariant.name]
        looked_at = examined.report.events if invariant.name == "I8" else counts[invariant.name]
        how_many = "a running daemon looks" if invariant.name == "I13" else f"{looked_at:,} looked at"
        text = f"{invariant.holds} ({how_many})"
        if found:
            text = f"{len(found)} time(s) it does not hold that {invariant.holds}: {_mend(found)}"
        wrong = tuple(f"event {v.seq}: {v.text}" if v.seq else v.text for v in found)
        yield Finding(check=invariant.name, ok=not found, text=text, wrong=wrong)


def _mend(found: "Sequence[Violation]") -> str:
    return DAMAGED if found[0].invariant == "I8" else BROKEN


async def agreement(broker: "Broker", database: str, book: "Book", account: str) -> Finding:
    """The book against what the broker says; fills that the next start will book are told, and are no fault.

    They are read as that start reads them: on from where the ledger came to, and all of them where the two differ.

    Raises: Transient where the broker gives no answer.
    """
    from gamma.ledger.lease import holder

    if (pid := holder(database)) not in (None, os.getpid()):
        return Finding(check="agreement", ok=True, text=f"the daemon (process {pid}) compares book and broker itself")
    read = book.control.fills_read
    marker = read.marker_for(account, broker.capabilities.name, book.setup.markets) if read else ""
    try:
        found = await _compared(broker, database, book, marker)
    except MarkerUnknown:
        found = None
    if found is not None and (found.ok or not marker):
        return found
    return await _compared(broker, database, book, "")


async def _compared(broker: "Broker", database: str, book: "Book", marker: str) -> Finding:
    from gamma.ledger.reader import Reader

    seen = await _ask(broker, book, marker)
    with Reader.open(database) as reader:
        booked = reader.booked([fill.execution_id for fill in seen.fills])
    return _agreement(book, seen, [fill for fill in seen.fills if fill.execution_id not in booked], marker)


def _agreement(book: "Book", seen: "Seen", late: "Sequence[Fill]", marker: str) -> Finding:
    from gamma.book import fold
    from gamma.events import OrderFilled
    from gamma.invariants import of_broker

    for fill in late:
        book = fold(book, OrderFilled(fill=fill, ts_event_utc_ns=fill.ts_event_utc_ns))
    found = of_broker(book, seen, lambda _: True)
    waits = sum(order.unresolved for order in book.orders.values())
    text = f"{len(seen.positions)} position(s), {len(seen.open_orders)} working order(s), {len(seen.fills):,} fill(s)"
    text += " since the ledger read them last" if marker else ""
    text += f"; the next start books {len(late)} of them" if late else ""
    text += f"; {waits} order(s) wait for an answer, and their markets are passed over" if waits else ""
    if found:
        text = f"book and broker differ, and the next start locks those markets. Look at the broker's own page. {text}"
    return Finding(check="agreement", ok=not found, text=text, wrong=tuple(map(str, found)))


async def _ask(broker: "Broker", book: "Book", marker: str) -> "Seen":
    from gamma.events import Fill
    from gamma.ports import Seen

    fills: list[Fill] = []
    while (page := await broker.fills_since(marker)).fills:
        fills += page.fills
        if page.marker == marker:
            break
        marker = page.marker
    return Seen(
        orders=await broker.orders({cid: order.broker_order_id for cid, order in book.orders.items() if order.live}),
        open_orders=await broker.open_orders(),
        fills=fills,
        positions=await broker.positions(),
    )
