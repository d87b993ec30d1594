"""`Order` and `Position`: the life of an order, and what its fills add up to. Pure.

    PENDING -> ACKED | REJECTED | UNKNOWN        UNKNOWN -> ACKED | ABSENT | QUARANTINED
    ACKED -> PARTIAL | FILLED | CANCELED | EXPIRED

A fill is stronger than any state: one that comes for an order that was thought dead is booked.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from gamma.errors import InvariantBroken
from gamma.events import Fill, Intent, OrderKind, OrderState

_LIVE: Final = frozenset({OrderState.ACKED, OrderState.PARTIAL})
_OPEN: Final = frozenset({OrderState.PENDING, OrderState.UNKNOWN, OrderState.QUARANTINED})
_ENDS: Final = frozenset(
    {OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.ABSENT}
)
_STATE: Final = attrgetter("state")

# By a mapping's own identity, and with it, so that an identity that is used again is not taken for it.
_unended: Final[dict[int, tuple[Mapping[str, "Order"], tuple["Order", ...]]]] = {}
_MAPPINGS_KEPT: Final = 16

GRAPH: Final[dict[OrderState, frozenset[OrderState]]] = {
    OrderState.PENDING: _LIVE | _ENDS | {OrderState.UNKNOWN},
    OrderState.UNKNOWN: _LIVE | _ENDS | {OrderState.QUARANTINED},
    OrderState.QUARANTINED: _LIVE | _ENDS,
    OrderState.ACKED: _LIVE | _ENDS - {OrderState.ABSENT},
    OrderState.PARTIAL: frozenset({OrderState.PARTIAL, OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED}),
    # A late order is adopted: what was proved absent turned up after all.
    OrderState.ABSENT: frozenset({OrderState.ACKED, OrderState.PARTIAL, OrderState.FILLED, OrderState.CANCELED}),
    OrderState.CANCELED: frozenset({OrderState.FILLED, OrderState.CANCELED}),
    OrderState.EXPIRED: frozenset({OrderState.FILLED, OrderState.EXPIRED}),
    OrderState.FILLED: frozenset({OrderState.FILLED}),
    OrderState.REJECTED: frozenset({OrderState.REJECTED, OrderState.PARTIAL, OrderState.FILLED}),
}


def id_prefix(account: str) -> str:
    """How the client order ids of an account begin: they go on with epoch and sequence."""
    return f"g{hashlib.sha256(account.encode()).hexdigest()[:2]}-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order and what is known of it.

    `asked` counts the cancels and replaces that were asked for, `cancels` the cancels alone;
    `misses_utc_ns` are the complete listings that did not show it; `late` tells that it turned up, working or
    filled, after it was taken for absent or refused.
    """

    intent: Intent
    state: OrderState
    deadline_utc_ns: int
    price_ticks: int
    broker_order_id: str = ""
    filled_lots: int = 0
    execution_ids: frozenset[str] = frozenset()
    asked: int = 0
    cancels: int = 0
    ts_cancel_utc_ns: int = 0
    ts_end_utc_ns: int = 0
    misses_utc_ns: tuple[int, ...] = ()
    late: bool = False

    @property
    def live(self) -> bool:
        """Working at the broker."""
        return self.state in _LIVE

    @property
    def confirmed(self) -> bool:
        """Working, and the broker has named it: an answer to an entry need not name its stop and target."""
        return self.live and bool(self.broker_order_id)

    @property
    def unresolved(self) -> bool:
        """Sent or about to be, and not known to be anything; nothing new goes out in its market."""
        return self.state in _OPEN

    @property
    def ended(self) -> bool:
        """Works no more."""
        return self.state in _ENDS

    @property
    def left_lots(self) -> int:
        """What could still fill."""
        return 0 if self.ended else max(0, self.intent.lots - self.filled_lots)

    @property
    def canceling(self) -> bool:
        """A cancel was asked for, and the order still works."""
        return self.ts_cancel_utc_ns > 0 and self.live

    @property
    def moves_position(self) -> bool:
        """Whether it can trade at all: cancels and replaces cannot."""
        return self.intent.kind not in (OrderKind.CANCEL, OrderKind.REPLACE)


def unended(orders: Mapping[str, Order]) -> tuple[Order, ...]:
    """Those that have not ended, as they came: few, among all of the last hour.

    A step asks it a dozen times of the same orders, which nobody changes in place: it is found once.
    """
    known = _unended.get(id(orders))
    if known is not None and known[0] is orders:
        return known[1]
    found = tuple(order for order in orders.values() if order.state not in _ENDS)
    if len(_unended) >= _MAPPINGS_KEPT:
        _unended.clear()
    _unended[id(orders)] = (orders, found)
    return found


def any_unresolved(orders: Iterable[Order]) -> bool:
    """Whether the fate of one of them is not known; asked on every bar, and so by their states alone."""
    return not _OPEN.isdisjoint(map(_STATE, orders))


def advance(order: Order, state: OrderState, ts_utc_ns: int = 0) -> Order:
    """Move an order along the graph; `ts_utc_ns` is when.

    Raises: InvariantBroken when the graph has no such edge.
    """
    if state not in GRAPH[order.state]:
        raise InvariantBroken(f"I7: order {order.intent.client_order_id} cannot go from {order.state} to {state}")
    late = order.late or (order.state is OrderState.ABSENT and state in _LIVE)
    return replace(order, state=state, ts_end_utc_ns=ts_utc_ns if state in _ENDS else 0, late=late)


def fill_order(order: Order, fill: Fill, ts_utc_ns: int = 0) -> Order:
    """Book one execution on its order, heard of at `ts_utc_ns`; its second telling changes nothing."""
    if fill.execution_id in order.execution_ids:
        return order
    filled = order.filled_lots + fill.lots
    dead = order.state in (OrderState.CANCELED, OrderState.EXPIRED)
    state = OrderState.FILLED if filled >= order.intent.lots else order.state if dead else OrderState.PARTIAL
    return replace(
        order,
        state=state,
        ts_end_utc_ns=0 if state is OrderState.PARTIAL else ts_utc_ns,
        late=order.late or order.state in (OrderState.ABSENT, OrderState.REJECTED),
        filled_lots=filled,
        execution_ids=order.execution_ids | {fill.execution_id},
        misses_utc_ns=(),
    )


@dataclass(frozen=True, kw_only=True)  # no slots: `revised`
class Position:
    """One strategy's position in one market; lots are signed, `lots_open` holds (lots, price) first in first out.

    `ts_grown_utc_ns` is when it was last heard to have grown. `entry_ids` are the orders that opened it, `risk_ticks`
    is the initial stop distance, `best_ticks` the most favourable price since the entry, `ts_bar_utc_ns` the close of
    the last bar that it was held through, `exit_reason` why it is to be closed, once it is. `at_break_even` tells
    that its stop belongs at the entry or better, `trail_atr` how many average true ranges behind the best price, 0
    where it does not trail.
    """

    strategy: str
    market: str
    lots: int = 0
    lots_open: tuple[tuple[int, int], ...] = ()
    lots_max: int = 0
    ts_open_utc_ns: int = 0
    ts_grown_utc_ns: int = 0
    entry_ticks_lots: int = 0
    entry_lots: int = 0
    exit_ticks_lots: int = 0
    exit_lots: int = 0
    pnl_microusd: int = 0
    fees_microusd: int = 0
    risk_ticks: int = 0
    risk_microusd_per_lot: int = 0
    best_ticks: float = 0.0
    bars_held: int = 0
    ts_bar_utc_ns: int = 0
    exit_reason: str = ""
    at_break_even: bool = False
    trail_atr: float = 0.0
    entry_ids: tuple[str, ...] = ()

    @property
    def entry_id(self) -> str:
        """The order that opened it last; "" where none of ours did."""
        return self.entry_ids[-1] if self.entry_ids else ""

    @property
    def side(self) -> int:
        """+1 long, -1 short, 0 flat."""
        return (self.lots > 0) - (self.lots < 0)

    @property
    def entry_ticks(self) -> float:
        """Average entry price [ticks]."""
        return self.entry_ticks_lots / self.entry_lots if self.entry_lots else 0.0

    @property
    def exit_ticks(self) -> float:
        """Average exit price [ticks]."""
        return self.exit_ticks_lots / self.exit_lots if self.exit_lots else 0.0

    def open_microusd(self, price_ticks: float, tick_value_microusd: int) -> int:
        """Open P&L at a price [micro-dollars]."""
        ticks = sum(lots * (price_ticks - price) for lots, price in self.lots_open)
        return round(self.side * ticks * tick_value_microusd)


def fill_position(position: Position, fill: Fill, tick_value_microusd: int) -> tuple[Position, int]:
    """Book one execution; gives the position and the P&L realised, before fees [micro-dollars].

    What closes is matched first in, first out, so that every sum stays whole. A fill larger than the
    position closes it and opens the rest the other way.
    """
    closing = min(fill.lots, max(0, -fill.side * position.lots))
    left, queue, cost_ticks = closing, list(position.lots_open), 0
    while left:
        lots, price = queue[0]
        taken = min(lots, left)
        cost_ticks += taken * price
        queue[0:1] = [(lots - taken, price)] if lots > taken else []
        left -= taken
    opening = fill.lots - closing
    if opening:
        queue.append((opening, fill.price_ticks))
    settled = fill.settled_microusd_per_lot  # to the cent: a settlement knows no ticks
    worth_microusd = fill.price_ticks * tick_value_microusd if settled is None else settled
    realised = position.side * (closing * worth_microusd - cost_ticks * tick_value_microusd)
    lots = position.lots + fill.side * fill.lots
    fresh = position.lots == 0
    return (
        replace(
            position,
            lots=lots,
            lots_open=tuple(queue),
            lots_max=max(position.lots_max, abs(lots)),
            ts_open_utc_ns=fill.ts_event_utc_ns if fresh else position.ts_open_utc_ns,
            entry_ticks_lots=position.entry_ticks_lots + opening * fill.price_ticks,
            entry_lots=position.entry_lots + opening,
            exit_ticks_lots=position.exit_ticks_lots + closing * fill.price_ticks,
            exit_lots=position.exit_lots + closing,
            pnl_microusd=position.pnl_microusd + realised,
            fees_microusd=position.fees_microusd + fill.fee_microusd,
            best_ticks=float(fill.price_ticks) if fresh else position.best_ticks,
        ),
        realised,
    )
