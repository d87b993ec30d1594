"""An order of one or several options at a sandbox, and the file that a sandbox keeps its account in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, final

from pydantic import TypeAdapter

from brokers.sandbox.store import EntryStore

State = Literal["pending", "open", "partially_filled", "filled", "canceled", "expired", "rejected"]
ENDED: Final = frozenset({"filled", "canceled", "expired", "rejected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketLeg:
    """One option of an order: `ratio` contracts a lot, bought (+) or sold (-), to open or to close."""

    symbol: str
    ratio: int
    opens: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Lots that traded at once, with the price of each leg [points] and the fee of all [usd]."""

    lots: int
    leg_points: tuple[Decimal, ...]
    fee_usd: Decimal
    ts_utc_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order. `limit_points` is the least cash that a lot must bring in: a debit is below 0; None at market.

    It shows on lists from `shows_utc_ns` on, and is good until `until_utc_ns`. `notes` are what a broker's protocol has
    to tell of it again.
    """

    number: int
    tag: str
    underlying: str
    kind: str
    duration: str
    legs: tuple[TicketLeg, ...]
    lots: int
    limit_points: Decimal | None
    ts_created_utc_ns: int
    ts_updated_utc_ns: int
    shows_utc_ns: int
    until_utc_ns: int
    state: State = "pending"
    executions: tuple[Execution, ...] = ()
    reason: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def filled(self) -> int:
        """Lots that traded."""
        return sum(execution.lots for execution in self.executions)

    @property
    def ended(self) -> bool:
        """Works no more."""
        return self.state in ENDED

    def paid_points(self, leg: int) -> Decimal:
        """What a contract of a leg cost on average [points]; 0 where none traded."""
        paid = sum((e.leg_points[leg] * e.lots for e in self.executions), Decimal(0))
        return paid / self.filled if self.filled else Decimal(0)

    @property
    def net_points(self) -> Decimal:
        """Cash that a lot brought in on average [points]; a debit is below 0."""
        return -sum((leg.ratio * self.paid_points(n) for n, leg in enumerate(self.legs)), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Options that ended: contracts held, and what each was worth [points]."""

    symbol: str
    contracts: int
    points: Decimal
    ts_utc_ns: int


Entry = Ticket | Settled
_ENTRY: Final[TypeAdapter[Entry]] = TypeAdapter(Entry)


@final
class Store:
    """An account on disk, or in memory without a path: its orders, and what was settled.

    Raises: ConfigInvalid when the file is no sandbox's, or another account's.
    """

    def __init__(self, path: Path | None, account: str) -> None:
        self._entries = EntryStore(path, account, _ENTRY, _key)

    def save(self, entries: Sequence[Entry]) -> None:
        """Write all of these, or none."""
        self._entries.save(entries)

    def load(self) -> Iterator[Entry]:
        """Everything, in the order in which it began."""
        return self._entries.load()

    def close(self) -> None:
        """Close the file."""
        self._entries.close()


def _key(entry: Entry) -> str:
    return str(entry.number) if isinstance(entry, Ticket) else f"{entry.symbol} {entry.ts_utc_ns}"
