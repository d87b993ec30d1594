"""What a ledger tells beside its history: decisions, halts, and which configuration and code they are of."""

from gamma.events import OrderFilled
from gamma.ledger import EVERY, Reader
from gamma.markets import MICRO
from gamma.report.subject import Sized, Stop


def sized_of(reader: Reader) -> tuple[Sized, ...]:
    """Every decision on a signal that had a side."""
    return tuple(
        Sized(
            ts_utc_ns=row["slot_utc_ns"],
            strategy=row["strategy"],
            lots=row["lots"],
            bound_by=row["bound_by"],
            reason=row["reason"],
        )
        for row in reader.decisions(EVERY)
        if row["side"] != 0
    )


def stops_of(reader: Reader) -> tuple[Stop, ...]:
    """Every halt, and when it was lifted."""
    rows = reader.halts(EVERY)
    lifted = {row["halt_id"]: row["ts_event_utc_ns"] for row in rows if row["action"] == "resumed"}
    return tuple(
        Stop(
            ts_utc_ns=row["ts_event_utc_ns"],
            ts_lifted_utc_ns=lifted.get(row["halt_id"], 0),
            scope=row["scope"],
            target=row["target"],
            level=row["level"],
            reason=row["reason"],
            actor=row["actor"],
        )
        for row in rows
        if row["action"] == "halted"
    )


def fees_estimated_usd(reader: Reader) -> float:
    """Fees that are booked at the market's commission, because the broker does not tell its own [usd]."""
    filled = (fact for _, fact in reader.every(OrderFilled.__name__))
    estimated: int = sum(fact.fill.fee_microusd for fact in filled if fact.fill.fee_estimated)
    return estimated / MICRO


def hashes_of(reader: Reader) -> dict[str, str]:
    """The ledger's own, and those of every configuration and code that it was kept under."""
    events, head = reader.head
    boots = reader.boots(EVERY)
    found = {f"ledger, {events:,} events": head}
    for title, column in (("configuration", "config_hash"), ("code of the daemon", "code_hash")):
        known = list(dict.fromkeys(row[column] for row in boots if row[column]))
        for number, value in enumerate(known, start=1):
            found[title if len(known) == 1 else f"{title} {number}"] = value
    return found
