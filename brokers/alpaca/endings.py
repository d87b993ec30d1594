"""Structures that ended without a trade: all of their options are out of the money, and nothing is left of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from brokers.alpaca import reading
from brokers.alpaca.reading import Told
from gamma.events import Fill
from gamma.options import settles_utc_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Contracts of an option that ended out of the money on a day."""

    activity_id: str
    symbol: str
    contracts: int
    day: date


def ended_of(row: Mapping[str, Any]) -> Ended:
    """One activity of the kind OPEXP."""
    return Ended(
        activity_id=reading.name(row["id"]),
        symbol=reading.name(row["symbol"]),
        contracts=abs(reading.whole(row["qty"])),
        day=date.fromisoformat(row["date"]),
    )


def settlements(ended: Iterable[Ended], orders: Iterable[Told]) -> list[Fill]:
    """What was held of structures whose every option has ended, each as one fill at nothing.

    An option that is exercised or assigned ends in shares, and its structure is left to a person.
    """
    gone: Counter[str] = Counter()
    for one in {one.activity_id: one for one in ended}.values():
        gone[one.symbol] += one.contracts
    shapes: dict[tuple[tuple[str, int], ...], list[Told]] = {}
    for told in orders:
        if told.legs and told.order.filled_lots and all(leg.symbol in gone for leg in told.legs):
            # As it is when it is bought, so that what closed it is of the same shape.
            shape = tuple(sorted((leg.symbol, leg.ratio * told.order.side) for leg in told.legs))
            shapes.setdefault(shape, []).append(told)
    found = []
    for shape, traded in shapes.items():
        lots = sum(told.order.side * told.order.filled_lots for told in traded)
        if lots and all(gone[symbol] >= abs(ratio * lots) for symbol, ratio in shape):
            found.append(_settled(lots, traded))
    return sorted(found, key=lambda fill: fill.ts_event_utc_ns)


def _settled(lots: int, traded: list[Told]) -> Fill:
    side = 1 if lots > 0 else -1
    opened = sorted((told for told in traded if told.order.side == side), key=lambda told: told.order.ts_event_utc_ns)
    first = opened[0]
    return Fill(
        execution_id=f"{first.order.broker_order_id}-ended",
        client_order_id="",
        market=first.order.market,
        side=-side,
        lots=abs(lots),
        price_ticks=0,
        fee_microusd=0,
        ts_event_utc_ns=max(settles_utc_ns(leg.symbol) for leg in first.legs),
        settled_microusd_per_lot=0,
        opened_by=first.order.client_order_id if len(opened) == 1 else "",
    )
