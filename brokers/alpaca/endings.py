"""Structures that ended without a trade: all of their options are out of the money, and nothing is left of them."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from brokers.alpaca import reading
from brokers.alpaca.reading import Told
from gamma.events import Fill
from gamma.options import settles_utc_ns

KINDS: Final = ("OPEXP", "OPASN", "OPEXC")
AWAITED_NS: Final = 36 * 3_600 * 10**9
Shape = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Contracts of an option that ended on a day: `worthless`, or exercised or assigned."""

    activity_id: str
    worthless: bool
    symbol: str
    contracts: int
    day: date


def ended_of(row: Mapping[str, Any]) -> Ended:
    """One activity of the kinds that tell of an end."""
    return Ended(
        worthless=row["activity_type"] == "OPEXP",
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
    for one in {one.activity_id: one for one in ended if one.worthless}.values():
        gone[one.symbol] += one.contracts
    found = [
        _settled(lots, traded)
        for shape, (lots, traded) in _shapes(orders).items()
        if all(gone[symbol] >= abs(ratio * lots) for symbol, ratio in shape)
    ]
    return sorted(found, key=lambda fill: fill.ts_event_utc_ns)


def awaited(orders: Iterable[Told], held: Collection[str], told: Collection[str], now_utc_ns: int) -> dict[str, int]:
    """Lots that have ended, and are listed no more, before it is told what became of them: they count as held still.

    Where nothing is told of them for a day and a half they count no more.
    """
    found: Counter[str] = Counter()
    for shape, (lots, traded) in _shapes(orders).items():
        symbols = [symbol for symbol, _ in shape]
        ends = max(settles_utc_ns(symbol) for symbol in symbols)
        if ends <= now_utc_ns < ends + AWAITED_NS and not any(s in held or s in told for s in symbols):
            found[traded[0].order.market] += lots
    return dict(found)


def _shapes(orders: Iterable[Told]) -> dict[Shape, tuple[int, list[Told]]]:
    """Structures of which some are left by these orders: how many lots, and the orders."""
    shapes: dict[Shape, list[Told]] = {}
    for told in orders:
        if told.legs and told.order.filled_lots:
            # As it is when it is bought, so that what closed it is of the same shape.
            shape = tuple(sorted((leg.symbol, leg.ratio * told.order.side) for leg in told.legs))
            shapes.setdefault(shape, []).append(told)
    lots = {shape: sum(told.order.side * told.order.filled_lots for told in traded) for shape, traded in shapes.items()}
    return {shape: (lots[shape], traded) for shape, traded in shapes.items() if lots[shape]}


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
