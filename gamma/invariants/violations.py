"""What must always hold, and what it looks like where it does not. Pure."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that does not hold; `seq` is the event in the ledger at which it shows, 0 where it is none."""

    invariant: str
    text: str
    seq: int = 0

    def __str__(self) -> str:
        where = f" (event {self.seq})" if self.seq else ""
        return f"{self.invariant}: {self.text}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """What must hold, in one sentence, and which code looks whether it does."""

    name: str
    holds: str
    checked_by: str


INVARIANTS: Final = (
    Invariant(
        name="I1",
        holds="each order has one intent, under an id of its own; a decision opens one order; the broker has it once",
        checked_by="intents.ids, audit, of_book, of_broker; UNIQUE in the ledger's tables",
    ),
    Invariant(
        name="I2",
        holds="lots held and lots that could still open are what was approved, within the limits of its decision; none"
        " opens against what is held, and no more works to close than that",
        checked_by="of_book, decisions.over, intents.beyond",
    ),
    Invariant(
        name="I3",
        holds="each execution at the broker is booked, and each once",
        checked_by="audit, of_book, of_broker; UNIQUE in the ledger's tables",
    ),
    Invariant(
        name="I4",
        holds="positions and money are what the fills add up to, and the broker's",
        checked_by="sums, of_book, of_broker",
    ),
    Invariant(
        name="I5",
        holds="nothing is intended that a halt forbids, nor where the fate of an order is unknown",
        checked_by="intents.bars; at the socket: the shell",
    ),
    Invariant(
        name="I6",
        holds="every order that the broker answered or filled was intended before, or told of as a stranger's",
        checked_by="audit",
    ),
    Invariant(
        name="I7",
        holds="orders move along the graph of their life alone",
        checked_by="audit, by folding; of_book",
    ),
    Invariant(
        name="I8",
        holds="the chain of hashes holds, and every table says what the events say",
        checked_by="gamma.ledger.verify",
    ),
    Invariant(
        name="I9",
        holds="what a person must know is in the outbox in the transaction in which it is recorded",
        checked_by="alerts",
    ),
    Invariant(
        name="I10",
        holds="an entry follows from one decision, on numbers that its guards may pass, of the lots that they let pass",
        checked_by="decisions.faults, decisions.strays",
    ),
    Invariant(
        name="I11",
        holds="epochs only grow, and an order is of the epoch that issued it: one process leads the account",
        checked_by="audit, of_book; the lease",
    ),
    Invariant(
        name="I12",
        holds="no more orders in a minute or a day than the limits allow",
        checked_by="rates",
    ),
    Invariant(
        name="I13",
        holds="the book in memory is the fold of the ledger",
        checked_by="audit.against",
    ),
    Invariant(
        name="I14",
        holds="a strategy decides on a slot once, and the slot has its tick",
        checked_by="audit",
    ),
)
NAMES: Final = tuple(invariant.name for invariant in INVARIANTS)
