"""What the engine asks of the shell, in the order in which it must be done."""

from collections.abc import Sequence
from dataclasses import dataclass

from gamma.decision import ApprovedOrder
from gamma.events import Intent, Recorded
from gamma.notices import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Put this fact into the ledger; it is on disk before anything that follows is sent."""

    fact: Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Put this notice into the outbox, in the same transaction as the facts."""

    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Strategy `strategy` has decided on slot `slot_utc_ns`, once and for all."""

    strategy: str
    slot_utc_ns: int
    session: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send this order, and the bracket that the broker is to hold with it, once."""

    intent: Intent
    approved: ApprovedOrder
    bracket: Sequence[Intent] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask the broker to cancel or replace the order that the intent is about, once."""

    intent: Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Tell whoever gave the command what came of it."""

    command_id: str
    ok: bool
    text: str


Effect = Record | Tell | Tick | Send | Ask | Answer
