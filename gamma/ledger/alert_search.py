"""Alerts by severity and by where each stands on its way, newest first."""

from typing import Final

from sqlalchemy import case, func, select

from gamma.codec import decode_facts
from gamma.ledger import tables
from gamma.ledger.reader import Reader, Record

STANDINGS: Final = ("pending", "delivered", "failed", "acknowledged")
_A: Final = tables.alerts.c
_STANDING: Final = case(
    (_A.acked_utc_ns.is_not(None), "acknowledged"),
    (_A.delivered_utc_ns.is_not(None), "delivered"),
    (_A.dropped_utc_ns.is_not(None), "failed"),
    else_="pending",
).label("standing")


def found(reader: Reader, *, severity: str = "", standing: str = "", limit: int, skip: int = 0) -> list[Record]:
    """Alerts, the newest first, each with its `standing`; an empty word is any."""
    query = select(tables.alerts, _STANDING)
    if severity:
        query = query.where(_A.severity == severity)
    if standing:
        query = query.where(_STANDING.element == standing)
    rows = reader.ask(query.order_by(_A.seq.desc()).limit(limit).offset(skip))
    return [{**row, "facts": decode_facts(row["facts"])} for row in rows]


def tally(reader: Reader) -> dict[tuple[str, str], int]:
    """How many alerts there are of each severity and standing."""
    rows = reader.ask(select(_A.severity, _STANDING, func.count().label("number")).group_by(_A.severity, "standing"))
    return {(row["severity"], row["standing"]): row["number"] for row in rows}
