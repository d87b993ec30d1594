"""Option structures that end: what is held of each, by the order that opened it, and what it pays in cash.

Pure. Every option settles in cash here, on the price of its underlying; those on shares would be exercised.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import final

from brokers.legs import worth_points
from brokers.paper.orders import PaperOrder
from gamma.bars import Bar
from gamma.errors import InputInvalid
from gamma.events import Fill
from gamma.markets import Market
from gamma.options import settles_utc_ns


@final
@dataclass(slots=True)
class Structures:
    """What is held of option structures: by market and by the order that opened it, signed lots, the oldest first."""

    _held: dict[str, dict[str, int]] = field(default_factory=dict)

    def book(self, fill: Fill, orders: Mapping[str, PaperOrder]) -> None:
        """Take a fill or a settlement in: it closes what is held of the same legs, the oldest first; the rest opens."""
        order = orders.get(fill.opened_by or fill.client_order_id)
        if order is None or not order.intent.legs:
            return
        held = self._held.setdefault(fill.market, {})
        left = fill.side * fill.lots
        for opener in [fill.opened_by] if fill.settled else list(held):
            lots = held.get(opener, 0)
            if lots * left < 0 and orders[opener].intent.legs == order.intent.legs:
                closed = min(abs(lots), abs(left)) * (1 if lots > 0 else -1)
                held[opener], left = lots - closed, left + closed
                if not held[opener]:
                    del held[opener]
        if left and not fill.settled:
            held[order.client_order_id] = held.get(order.client_order_id, 0) + left

    def settled(self, bar: Bar, market: Market, orders: Mapping[str, PaperOrder]) -> Iterator[Fill]:
        """The settlements of what has ended by the close of a bar of the underlying.

        What ends within the bar or at its close is settled at the close, what ended before it at its open.
        """
        for opener, lots in list(self._held.get(market.symbol, {}).items()):
            ends_utc_ns = over_utc_ns(orders[opener])
            if not 0 < ends_utc_ns <= bar.ts_close_utc_ns:
                continue
            points = bar.close_points if ends_utc_ns > bar.ts_open_utc_ns else bar.open_points
            ratios = {leg.symbol: leg.ratio for leg in orders[opener].intent.legs}
            worth = worth_points(ratios, Decimal(str(points))) * market.ticks_per_point
            yield Fill(
                execution_id=f"{opener}-settled",
                client_order_id="",
                market=market.symbol,
                side=-1 if lots > 0 else 1,
                lots=abs(lots),
                price_ticks=int(worth.to_integral_value(ROUND_HALF_EVEN)),
                fee_microusd=0,
                ts_event_utc_ns=ends_utc_ns,
                settled_microusd_per_lot=int((worth * market.tick_value_microusd).to_integral_value(ROUND_HALF_EVEN)),
                opened_by=opener,
            )


def over_utc_ns(order: PaperOrder) -> int:
    """When the last of an order's options settles [UTC ns]; 0 where it has none, or one that is not known as one."""
    try:
        return max((settles_utc_ns(leg.symbol) for leg in order.intent.legs), default=0)
    except InputInvalid:
        return 0
