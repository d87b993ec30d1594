"""Folds of what is the account's own: its days and equity, halts, comparisons, arming; and of market data. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from gamma import floor
from gamma.book.pages import HOUR_NS, Book, with_item, without
from gamma.book.trading import kept_orders
from gamma.events import (
    Armed,
    BalanceCompared,
    BarClosed,
    BootStarted,
    DayStarted,
    EquityMarked,
    FillsRead,
    ForeignOrderSeen,
    Halted,
    HealthSeen,
    OrderState,
    PeakRebased,
    PositionsCompared,
    QuoteSeen,
    Resumed,
    SessionOpened,
)
from gamma.marks import Mark, mark_bar, mark_quote
from gamma.orders import Position, advance
from gamma.revision import revised

_NO_MARK: Final = Mark()


def _boot(book: Book, event: BootStarted) -> Book:
    """Every order that was about to be sent may have been: PENDING becomes UNKNOWN; cancels are asked anew."""
    orders = {
        key: advance(order, OrderState.UNKNOWN) if order.state is OrderState.PENDING else order
        for key, order in book.orders.items()
        if order.moves_position
    }
    return replace(book, epoch=event.epoch, sequence=0, orders=orders)


def _day(book: Book, event: DayStarted) -> Book:
    """Yesterday is closed. The last hour's intents stay: an order may not be repeated across the break either."""
    money, rule = book.money, book.setup.floor_rule
    state = money.floor
    lately = tuple(i for i in book.intents if i.ts_event_utc_ns > event.ts_event_utc_ns - HOUR_NS)
    if rule is not None and state is not None and money.day:
        state = floor.close_day(rule, state, event.balance_microusd)
    return replace(
        book,
        money=replace(
            money,
            floor=state,
            day=event.date,
            day_balance_microusd=event.balance_microusd,
            day_equity_microusd=event.equity_microusd,
        ),
        intents=lately,
        orders_today=len(lately),
        orders=kept_orders(book, book.positions, event.ts_event_utc_ns),
    )


def _equity(book: Book, event: EquityMarked) -> Book:
    return marked(book, (event,))


def marked(book: Book, events: Iterable[EquityMarked]) -> Book:
    """The book after several of these in a row: what `fold` makes of one after the other, at the price of one.

    Of a bar the favourable extreme comes first, then the adverse one: within it the order is unknown.
    """
    money, rule = book.money, book.setup.floor_rule
    state, peak, equity = money.floor, money.peak_microusd, money.equity_microusd
    positions = dict(book.positions)
    for event in events:
        if rule is not None and state is not None:
            for seen in (event.high_microusd, event.low_microusd, event.close_microusd):
                state = floor.mark(rule, state, seen)
        peak, equity = max(peak, event.high_microusd), event.close_microusd
        market = book.market(event.market)
        high = event.high_points * market.ticks_per_point
        low = event.low_points * market.ticks_per_point
        for key in [key for key in positions if key[1] == event.market]:
            positions[key] = _aged(positions[key], event, high, low)
    money = revised(money, equity_microusd=equity, peak_microusd=peak, floor=state)
    return revised(book, money=money, positions=positions)


def _aged(position: Position, event: EquityMarked, high_ticks: float, low_ticks: float) -> Position:
    """A bar that comes again after a restart does not age the position again."""
    ts_bar_utc_ns = event.ts_bar_utc_ns or event.ts_event_utc_ns
    if ts_bar_utc_ns <= position.ts_bar_utc_ns:
        return position
    best = max(position.best_ticks, high_ticks) if position.lots > 0 else min(position.best_ticks, low_ticks)
    return revised(position, bars_held=position.bars_held + 1, best_ticks=best, ts_bar_utc_ns=ts_bar_utc_ns)


def _halted(book: Book, event: Halted) -> Book:
    halts = with_item(book.halts, event.halt.halt_id, event.halt)
    return replace(book, halts=halts, halt_count=book.halt_count + 1)


def _resumed(book: Book, event: Resumed) -> Book:
    """The guard that latched the halt starts to count anew."""
    halt = book.halts.get(event.halt_id)
    actor = halt.actor if halt is not None else ""
    breaches = {key: breach for key, breach in book.breaches.items() if f"guard:{key[1]}" != actor}
    return replace(book, halts=without(book.halts, event.halt_id), breaches=breaches)


def _rebased(book: Book, event: PeakRebased) -> Book:
    return replace(book, money=replace(book.money, peak_microusd=event.equity_microusd))


def _compared(book: Book, event: PositionsCompared) -> Book:
    control, symbol = book.control, event.market
    if event.book_lots == event.broker_lots:
        mismatches, broker_lots = without(control.mismatches, symbol), without(control.broker_lots, symbol)
    else:
        mismatches = with_item(control.mismatches, symbol, control.mismatches.get(symbol, 0) + 1)
        broker_lots = with_item(control.broker_lots, symbol, event.broker_lots)
    return replace(book, control=replace(control, mismatches=mismatches, broker_lots=broker_lots))


def _balance(book: Book, event: BalanceCompared) -> Book:
    return replace(book, control=replace(book.control, balance_gap_microusd=event.gap_microusd))


def _foreign(book: Book, event: ForeignOrderSeen) -> Book:
    control, cid = book.control, event.client_order_id
    strays = with_item(control.strays, cid, event.market) if event.ours and event.works else control.strays
    return replace(book, control=replace(control, foreign_orders=control.foreign_orders | {cid}, strays=strays))


def _armed(book: Book, event: Armed) -> Book:
    control = replace(
        book.control,
        armed_config_hash=event.config_hash,
        armed_until_utc_ns=event.until_utc_ns,
        loss_max_microusd=event.loss_max_microusd,
    )
    return replace(book, control=control)


def _fills_read(book: Book, event: FillsRead) -> Book:
    return replace(book, control=replace(book.control, fills_read=event))


def _bar(book: Book, event: BarClosed) -> Book:
    symbol = event.bar.market
    before = book.marks.get(symbol, _NO_MARK)
    mark = mark_bar(before, event.bar)
    if mark is before or symbol not in book.setup.markets:
        return book
    return revised(book, marks=with_item(book.marks, symbol, mark))


def _quote(book: Book, event: QuoteSeen) -> Book:
    if event.market not in book.setup.markets:
        return book
    mark = mark_quote(
        book.marks.get(event.market, _NO_MARK),
        event.bid_points,
        event.ask_points,
        event.depth_top5_lots,
        event.ts_event_utc_ns,
    )
    return replace(book, marks=with_item(book.marks, event.market, mark))


def _session(book: Book, event: SessionOpened) -> Book:
    return replace(book, sessions=with_item(book.sessions, event.session.market, event))


def _health(book: Book, event: HealthSeen) -> Book:
    return replace(book, control=replace(book.control, health=event))


ACCOUNT_FOLDS: Final[dict[type, Callable[[Book, Any], Book]]] = {
    BootStarted: _boot,
    DayStarted: _day,
    EquityMarked: _equity,
    Halted: _halted,
    Resumed: _resumed,
    PeakRebased: _rebased,
    PositionsCompared: _compared,
    BalanceCompared: _balance,
    ForeignOrderSeen: _foreign,
    Armed: _armed,
    FillsRead: _fills_read,
    BarClosed: _bar,
    QuoteSeen: _quote,
    SessionOpened: _session,
    HealthSeen: _health,
}
