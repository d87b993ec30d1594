"""Broker truth against the book: the difference, as a list of events. Pure.

Fills come first, always: an order is only called over when every execution that the broker counts on
it is booked. What a listing does not show is never read as cancelled.
"""

from collections.abc import Collection, Mapping, Sequence

from gamma.absence import never_named
from gamma.book import Book
from gamma.clock import NS
from gamma.events import (
    Event,
    ForeignOrderSeen,
    OrderAccepted,
    OrderCanceled,
    OrderKind,
    OrderMissed,
    OrderRejected,
    OrderReplaced,
    OrderState,
    PositionsCompared,
)
from gamma.orders import Order
from gamma.ports import BrokerOrder, Found, Lookup, NotListed


def order_events(book: Book, seen: Sequence[BrokerOrder], now_utc_ns: int) -> list[Event]:
    """What the broker's word on single orders changes: accepted, over, or working at another price."""
    events: list[Event] = []
    for told in seen:
        order = book.orders.get(told.client_order_id)
        if order is not None and (not order.ended or order.state is OrderState.ABSENT):
            events.extend(_told(order, told, now_utc_ns))
    return events


def believable(book: Book, lookups: Mapping[str, Lookup], positions: Mapping[str, int]) -> dict[str, Lookup]:
    """The lookups that count: absence is none while the broker's position is not the book's.

    An order that has filled is in no list of working orders, and its fill may be heard later than its position is seen.
    """
    return {
        client_order_id: lookup
        for client_order_id, lookup in lookups.items()
        if not isinstance(lookup, NotListed) or _agrees(book, client_order_id, positions)
    }


def _agrees(book: Book, client_order_id: str, positions: Mapping[str, int]) -> bool:
    order = book.orders.get(client_order_id)
    return order is not None and positions.get(order.intent.market, 0) == book.lots(order.intent.market)


def lookup_events(
    book: Book, lookups: Mapping[str, Lookup], now_utc_ns: int, early: Collection[str] = ()
) -> list[Event]:
    """What looking for unresolved orders by client order id found out; an incomplete look says nothing.

    `early` are those that may have been sent so short a time ago that they are still on their way.
    """
    events: list[Event] = []
    for client_order_id, lookup in lookups.items():
        if isinstance(lookup, Found):
            events.extend(order_events(book, [lookup.order], now_utc_ns))
        elif isinstance(lookup, NotListed):
            missed = OrderMissed(
                client_order_id=client_order_id,
                final=lookup.final,
                ts_event_utc_ns=now_utc_ns,
                early=client_order_id in early,
            )
            events.append(missed)
    return events


def unlisted_events(
    book: Book, unlisted: Collection[str], now_utc_ns: int, quiet_window_s: float, early: Collection[str] = ()
) -> list[Event]:
    """Working orders that a complete look did not show, though they were sent long enough ago to be shown.

    It says nothing of what became of them. `early` are those that may have left a moment ago, whatever event time says.
    The stop and target of an entry that can trade need not be there before it has.
    """
    looked_for = (book.orders[cid] for cid in book.orders if cid in unlisted)
    return [
        OrderMissed(client_order_id=order.intent.client_order_id, final=False, ts_event_utc_ns=now_utc_ns)
        for order in looked_for
        if order.live
        and (_wanted_off(book, order) or _sent_long_ago(order, now_utc_ns, quiet_window_s, early))
        and (not order.intent.parent or not _may_begin(book, order.intent.parent))
    ]


def _sent_long_ago(order: Order, now_utc_ns: int, quiet_window_s: float, early: Collection[str]) -> bool:
    aged = now_utc_ns - order.intent.ts_event_utc_ns >= quiet_window_s * NS
    return aged and order.intent.client_order_id not in early


def _wanted_off(book: Book, order: Order) -> bool:
    """A cancel of it was asked for, and it was never named: each look counts, for a position waits for it to be off."""
    return order.ts_cancel_utc_ns > 0 and never_named(order, book.orders.get(order.intent.parent))


def _may_begin(book: Book, client_order_id: str) -> bool:
    """Whether the entry has not traded yet, and can."""
    order = book.orders.get(client_order_id)
    return order is not None and order.filled_lots == 0 and not order.ended


def foreign_events(book: Book, open_orders: Sequence[BrokerOrder], prefix: str, now_utc_ns: int) -> list[Event]:
    """Working orders that this ledger did not issue; one under an id of our form proves a second daemon."""
    return [
        ForeignOrderSeen(
            client_order_id=told.client_order_id or told.broker_order_id,
            market=told.market,
            ours=told.client_order_id.startswith(prefix),
            ts_event_utc_ns=now_utc_ns,
            works=True,
        )
        for told in open_orders
        if told.client_order_id not in book.orders
    ]


def position_events(book: Book, positions: Mapping[str, int], now_utc_ns: int) -> list[Event]:
    """Net lots by market, the broker's against the book's; markets with an unresolved order wait."""
    held = {symbol for _, symbol in book.positions} | set(positions) | set(book.control.mismatches)
    return [
        PositionsCompared(
            market=symbol,
            book_lots=book.lots(symbol),
            broker_lots=positions.get(symbol, 0),
            ts_event_utc_ns=now_utc_ns,
        )
        for symbol in sorted(held)
        if not book.unresolved(symbol)
    ]


def _told(order: Order, told: BrokerOrder, now_utc_ns: int) -> list[Event]:
    cid = order.intent.client_order_id
    complete = order.filled_lots >= told.filled_lots
    if told.state is OrderState.REJECTED:
        return [OrderRejected(client_order_id=cid, code="rejected", text="by the broker", ts_event_utc_ns=now_utc_ns)]
    events: list[Event] = []
    ends = told.state in (OrderState.CANCELED, OrderState.EXPIRED) and complete
    unnamed = told.broker_order_id and not order.broker_order_id and not ends
    shown_again = order.misses_utc_ns and not ends
    if not order.live or unnamed or shown_again:
        events.append(
            OrderAccepted(client_order_id=cid, broker_order_id=told.broker_order_id, ts_event_utc_ns=now_utc_ns)
        )
    if ends:
        expired = told.state is OrderState.EXPIRED
        events.append(OrderCanceled(client_order_id=cid, expired=expired, ts_event_utc_ns=now_utc_ns))
    elif order.intent.kind is OrderKind.STOP and told.price_ticks != order.price_ticks:
        events.append(OrderReplaced(client_order_id=cid, price_ticks=told.price_ticks, ts_event_utc_ns=now_utc_ns))
    return events
