"""`step(book, event, rules) -> (book, effects)`: the only orchestrator, and pure.

The shell stamps events, feeds them in one at a time, and carries the effects out in their order.
Nothing here reads a clock, does I/O, logs, or draws a random number.
"""

from collections.abc import Callable
from typing import Any, Final

from gamma import answers, entries, managing, notices, operator
from gamma.bars import Bar
from gamma.book import Book, Breach, Key, fold
from gamma.effects import Effect
from gamma.events import (
    ArmRequested,
    BalanceCompared,
    BarClosed,
    BootStarted,
    DayStarted,
    EquityMarked,
    Event,
    FillsRead,
    FlattenRequested,
    ForeignOrderSeen,
    HaltRequested,
    HealthSeen,
    ManageWanted,
    ModelFailed,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderLost,
    OrderMissed,
    OrderRejected,
    OrderReplaced,
    OrderState,
    PositionsCompared,
    QuoteSeen,
    ResolveRequested,
    Resumed,
    ResumeRequested,
    SessionOpened,
    ShutDown,
    SignalMade,
    TimeAdvanced,
)
from gamma.guards import Action
from gamma.markets import Kind
from gamma.orders import unended
from gamma.outlook import equity_microusd
from gamma.rules import Rules
from gamma.turn import Turn
from gamma.upkeep import tend
from gamma.vigil import watch

Outcome = tuple[Book, tuple[Effect, ...]]


def step(book: Book, event: Event, rules: Rules) -> Outcome:
    """What one event leads to: the book after it, and the effects to carry out, in order.

    Raises: InvariantBroken when the event would use an epoch again.
    """
    turn = Turn(book, rules, event.ts_event_utc_ns, reads=type(event) in _READINGS)
    if book.halts or book.orders:
        _expire(turn)
    _STEPS[type(event)](turn, event)
    return turn.book, tuple(turn.effects)


def _expire(turn: Turn) -> None:
    """Pauses run out, and so does the time in which an unknown order can be proved."""
    for halt in list(turn.book.halts.values()):
        if 0 < halt.until_utc_ns <= turn.now:
            turn.record(Resumed(halt_id=halt.halt_id, actor="time", ts_event_utc_ns=turn.now))
    late = [o for o in unended(turn.book.orders) if o.unresolved and o.deadline_utc_ns <= turn.now]
    for order in late:
        # A bracket goes along with its entry, and need not be told of again.
        now = turn.book.orders[order.intent.client_order_id]
        if now.state is not OrderState.QUARANTINED:
            answers.quarantine(turn, now)


# --- market data ---------------------------------------------------------------------------------


def _on_bar(turn: Turn, event: BarClosed) -> None:
    seen = fold(turn.book, event)
    if seen is turn.book:
        return
    turn.book = seen
    _mark_equity(turn, event.bar)
    if not _at_rest(turn.book):
        managing.manage(turn, event.bar)
        watch(turn)
        tend(turn)


def _on_quote(turn: Turn, event: QuoteSeen) -> None:
    turn.book = fold(turn.book, event)
    if not _at_rest(turn.book):
        watch(turn)
        tend(turn)


def _at_rest(book: Book) -> bool:
    """Nothing is held or works, and a halt stands for whatever is suspected: no guard need look at a price."""
    if book.positions or unended(book.orders):
        return False
    return not book.breaches or all(_latched(book, key, breach) for key, breach in book.breaches.items())


def _latched(book: Book, key: Key, breach: Breach) -> bool:
    """The guard's halt bars what its breach bars, until it lifts and the guard counts anew; a market's lock lifts by
    the guard's own look.
    """
    if breach.action == Action.LOCK_MARKET:
        return False
    latched = (f"guard:{key[1]}", breach.scope, breach.target, breach.action)
    return any((h.actor, h.scope, h.target, h.evidence.get("action")) == latched for h in book.halts.values())


def _on_time(turn: Turn, _: TimeAdvanced) -> None:
    watch(turn)
    tend(turn)


def _on_session(turn: Turn, event: SessionOpened) -> None:
    """A new session of the day market is a new day: what it starts from is recorded, halts are told again."""
    turn.book = fold(turn.book, event)
    session = event.session
    if session.market != turn.rules.day_market or session.date <= turn.book.money.day:
        return
    turn.record(
        DayStarted(
            date=session.date,
            balance_microusd=turn.book.balance_microusd,
            equity_microusd=equity_microusd(turn.book),
            ts_event_utc_ns=turn.now,
        )
    )
    for halt in turn.book.halts.values():
        if not halt.until_utc_ns:
            turn.tell(notices.halted(turn.now, scope=operator.scope_of(halt), actor=halt.actor, reason=halt.reason))


def _on_health(turn: Turn, event: HealthSeen) -> None:
    turn.book = fold(turn.book, event)
    watch(turn)
    tend(turn)


def _mark_equity(turn: Turn, bar: Bar) -> None:
    """Equity at the bar's favourable and adverse extreme and at its close; recorded where it can have changed."""
    book, market = turn.book, turn.book.market(bar.market)
    close = equity_microusd(book)
    held = [p for p in book.positions.values() if p.market == bar.market and p.lots]
    if not held and close == book.money.equity_microusd:
        return
    # The bars of an option root are its underlying's: a spread is carried at cost, within a bar as at its close. The
    # mark is recorded all the same, for positions are aged by it.
    priced = held if market.kind is not Kind.OPTION_SPREAD else ()
    # Of what is held: how far above and below the close the bar's extremes were.
    at_close, *ends = (
        sum(p.open_microusd(points * market.ticks_per_point, market.tick_value_microusd) for p in priced)
        for points in (bar.close_points, bar.high_points, bar.low_points)
    )
    turn.record(
        EquityMarked(
            market=bar.market,
            high_points=bar.high_points,
            low_points=bar.low_points,
            high_microusd=close + max(0, *(end - at_close for end in ends)),
            low_microusd=close + min(0, *(end - at_close for end in ends)),
            close_microusd=close,
            ts_event_utc_ns=turn.now,
            ts_bar_utc_ns=bar.ts_close_utc_ns,
        )
    )


_READINGS: Final = frozenset({BarClosed, QuoteSeen, HealthSeen, OrderFilled, PositionsCompared, BalanceCompared})

_STEPS: Final[dict[type, Callable[[Turn, Any], None]]] = {
    BarClosed: _on_bar,
    QuoteSeen: _on_quote,
    TimeAdvanced: _on_time,
    SessionOpened: _on_session,
    HealthSeen: _on_health,
    SignalMade: entries.on_signal,
    ManageWanted: managing.on_manage,
    ModelFailed: operator.on_model_failed,
    BootStarted: operator.on_boot,
    ShutDown: operator.on_shut_down,
    OrderAccepted: answers.on_accepted,
    OrderRejected: answers.on_rejected,
    OrderLost: answers.on_lost,
    OrderMissed: answers.on_missed,
    OrderFilled: answers.on_filled,
    OrderCanceled: answers.on_canceled,
    OrderReplaced: answers.on_replaced,
    PositionsCompared: answers.on_positions,
    BalanceCompared: answers.on_balance,
    ForeignOrderSeen: answers.on_foreign,
    FillsRead: answers.on_fills_read,
    HaltRequested: operator.on_halt,
    ResumeRequested: operator.on_resume,
    FlattenRequested: operator.on_flatten,
    ResolveRequested: operator.on_resolve,
    ArmRequested: operator.on_arm,
}
