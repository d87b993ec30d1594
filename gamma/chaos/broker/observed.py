"""What an observer at the fake broker writes down: the truth that gamma's ledger is held against."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An order that the broker took in: one of its own, or of the bracket of the order `parent`."""

    ts_utc_ns: int
    client_order_id: str
    order_id: str
    market: str
    side: int
    lots: int
    kind: str
    price_ticks: int
    reduces: bool
    parent: str = ""
    legs: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubled:
    """A client order id that had come before, under which a new order was made: over-trading."""

    ts_utc_ns: int
    client_order_id: str
    order_id: str
    first_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A client order id that had come before and was known again: sent twice, traded once."""

    ts_utc_ns: int
    client_order_id: str
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An order that the broker refused; `order_id` is empty where it was never one of its orders."""

    ts_utc_ns: int
    client_order_id: str
    order_id: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repriced:
    """A working order got another price."""

    ts_utc_ns: int
    order_id: str
    client_order_id: str
    price_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceled:
    """An order ended before it was filled, by "client", "broker" (its bracket, nothing to reduce) or "session"."""

    ts_utc_ns: int
    order_id: str
    client_order_id: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """An execution."""

    ts_utc_ns: int
    execution_id: str
    order_id: str
    client_order_id: str
    market: str
    side: int
    lots: int
    price_ticks: int
    fee_microusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was held of a market ended by itself, at this price: the side is that which closes it."""

    ts_utc_ns: int
    execution_id: str
    market: str
    side: int
    lots: int
    price_ticks: int


Record = Received | Doubled | Repeated | Refused | Repriced | Canceled | Executed | Settled
_KINDS: Final = {
    kind.__name__: kind for kind in (Received, Doubled, Repeated, Refused, Repriced, Canceled, Executed, Settled)
}


def read(path: Path) -> list[Record]:
    """What the broker's server wrote down so far, as JSON lines; a line that is not whole yet is left out."""
    whole = path.read_text().rpartition("\n")[0]
    return [_record(json.loads(line)) for line in whole.splitlines()]


def _record(told: Mapping[str, Any]) -> Record:
    values = {name: value for name, value in told.items() if name != "record"}
    if "legs" in values:
        values["legs"] = tuple((symbol, ratio) for symbol, ratio in values["legs"])
    made: Record = _KINDS[told["record"]](**values)
    return made
