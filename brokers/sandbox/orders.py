"""An order in one instrument at a sandbox, its executions, and the journal of all that became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from brokers.sandbox.store import EntryStore

FOREVER_NS: Final = 2**62


class Kind(StrEnum):
    """How an order is priced."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class Duration(StrEnum):
    """How long an order is good: until its time, or for what trades at once, all of it (FOK) or any (IOC)."""

    TIMED = "timed"
    IOC = "ioc"
    FOK = "fok"


class State(StrEnum):
    """Where an order is. It is `PENDING` until it is decided on, and `HELD` until its parent fills."""

    PENDING = "pending"
    HELD = "held"
    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


ENDED: Final = frozenset({State.FILLED, State.CANCELED, State.EXPIRED, State.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class LotOrder:
    """An order in whole lots at whole ticks, as it is now.

    `parent` is the number of the order whose fills it closes; of the children of one parent, and of the orders of one
    group (`oco`, 0 for none), no more trades together than the parent filled, or the largest of the group asks for.
    `reduce_only` never goes beyond flat. `until_utc_ns` is when it expires. `reason` says why it was refused, or by
    what it ended. `notes` are what a broker's protocol has to tell of it again.
    """

    number: int
    client_id: str
    symbol: str
    side: int
    lots: int
    kind: Kind
    ts_created_utc_ns: int
    limit_ticks: int = 0
    stop_ticks: int = 0
    duration: Duration = Duration.TIMED
    until_utc_ns: int = FOREVER_NS
    parent: int = 0
    oco: int = 0
    reduce_only: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    state: State = State.PENDING
    triggered: bool = False
    filled: int = 0
    paid_ticks: int = 0
    reason: str = ""
    ts_updated_utc_ns: int = 0

    @property
    def ended(self) -> bool:
        """Works no more."""
        return self.state in ENDED

    @property
    def left(self) -> int:
        """What is still to be traded [lots]."""
        return self.lots - self.filled

    @property
    def reduces(self) -> bool:
        """It closes what another order opened, or what is held."""
        return self.reduce_only or self.parent > 0

    @property
    def average_ticks(self) -> float:
        """The average price of what traded [ticks]; 0 where nothing did."""
        return self.paid_ticks / self.filled if self.filled else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Lots of one order that traded at once; `number` counts the account's executions."""

    number: int
    order: int
    symbol: str
    side: int
    lots: int
    price_ticks: int
    fee_microusd: int
    ts_utc_ns: int


class What(StrEnum):
    """What became of an order, or of what is held."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    AWOKEN = "awoken"
    TRIGGERED = "triggered"
    CHANGED = "changed"
    TRADED = "traded"
    CANCELED = "canceled"
    EXPIRED = "expired"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An entry of the journal: the order as it was then (None where a market ended), and what traded or was settled.

    `sequence` counts from 1 without a gap.
    """

    sequence: int
    ts_utc_ns: int
    what: What
    order: LotOrder | None = None
    execution: Execution | None = None


Journal = EntryStore[Change]
_CHANGE: Final[TypeAdapter[Change]] = TypeAdapter(Change)


def journal(path: Path | None, account: str) -> Journal:
    """The journal of an account, on disk or in memory.

    Raises: ConfigInvalid when the file is no sandbox's, or another account's.
    """
    return EntryStore(path, account, _CHANGE, lambda change: str(change.sequence), "changes")
