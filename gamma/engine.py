"""`step(book, event, rules) -> (book, effects)`: the only orchestrator, and pure.

The shell stamps events, feeds them in one at a time, and carries the effects out in their order.
Nothing here reads a clock, does I/O, logs, or draws a random number.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from gamma import answers, notices, operator
from gamma.bars import Bar
from gamma.book import Book, fold
from gamma.decision import ApprovedOrder, decide
from gamma.effects import Effect
from gamma.events import (
    ArmRequested,
    BalanceCompared,
    BarClosed,
    BootStarted,
    DayStarted,
    DecisionMade,
    EquityMarked,
    Event,
    FlattenRequested,
    ForeignOrderSeen,
    HaltRequested,
    HealthSeen,
    Intent,
    ModelFailed,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderKind,
    OrderLost,
    OrderMissed,
    OrderRejected,
    OrderReplaced,
    OrderState,
    OrderType,
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
from gamma.exits import managed_stop, time_is_up
from gamma.orders import Position
from gamma.outlook import equity_microusd, look
from gamma.reasons import Reason
from gamma.rules import Rules, StrategyRules
from gamma.turn import Turn
from gamma.vigil import trip, watch

Outcome = tuple[Book, tuple[Effect, ...]]


def step(book: Book, event: Event, rules: Rules) -> Outcome:
    """What one event leads to: the book after it, and the effects to carry out, in order.

    Raises: InvariantBroken when the event would move an order where its life has no way.
    """
    turn = Turn(book, rules, event.ts_event_utc_ns)
    if turn.book.halts or turn.book.orders:
        _expire(turn)
    _STEPS[type(event)](turn, event)
    return turn.book, tuple(turn.effects)


# --- market data ---------------------------------------------------------------------------------


def _on_bar(turn: Turn, event: BarClosed) -> None:
    """An account at rest has nothing that a bar could change: its guards need not look."""
    turn.book = fold(turn.book, event)
    _mark_equity(turn, event.bar)
    book = turn.book
    if book.positions or book.orders or book.breaches:
        _manage(turn, event.bar)
        watch(turn)
        turn.tend()


def _on_quote(turn: Turn, event: QuoteSeen) -> None:
    turn.book = fold(turn.book, event)
    watch(turn)
    turn.tend()


def _on_time(turn: Turn, _: TimeAdvanced) -> None:
    watch(turn)
    turn.tend()


def _expire(turn: Turn) -> None:
    """Pauses run out, and so does the time in which an unknown order can be proved."""
    for halt in list(turn.book.halts.values()):
        if 0 < halt.until_utc_ns <= turn.now:
            turn.record(Resumed(halt_id=halt.halt_id, actor="time", ts_event_utc_ns=turn.now))
    for order in list(turn.book.orders.values()):
        if order.state is OrderState.UNKNOWN and order.deadline_utc_ns <= turn.now:
            answers.quarantine(turn, order)


def _on_session(turn: Turn, event: SessionOpened) -> None:
    """A new session of the day market is a new day: what it starts from is recorded, halts are told again."""
    turn.book = fold(turn.book, event)
    session = event.session
    if session.market != turn.rules.day_market or session.date == turn.book.money.day:
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
    turn.tend()


def _mark_equity(turn: Turn, bar: Bar) -> None:
    """Equity at the bar's favourable and adverse extreme and at its close; recorded where it can have changed."""
    book = turn.book
    held = any(k[1] == bar.market and p.lots for k, p in book.positions.items())
    close = equity_microusd(book)
    if not held and close == book.money.equity_microusd:
        return
    market = book.setup.markets[bar.market]
    swing_high = swing_low = 0
    for (_, symbol), position in book.positions.items():
        if symbol == bar.market:
            at_close = position.open_microusd(bar.close_points * market.ticks_per_point, market.tick_value_microusd)
            ends = [
                position.open_microusd(p * market.ticks_per_point, market.tick_value_microusd) - at_close
                for p in (bar.high_points, bar.low_points)
            ]
            swing_high, swing_low = swing_high + max(ends), swing_low + min(ends)
    turn.record(
        EquityMarked(
            market=bar.market,
            high_points=bar.high_points,
            low_points=bar.low_points,
            high_microusd=close + max(0, swing_high),
            low_microusd=close + min(0, swing_low),
            close_microusd=close,
            ts_event_utc_ns=turn.now,
        )
    )


# --- exits ------------------------------------------------------------------------------------------


def _manage(turn: Turn, bar: Bar) -> None:
    for (name, symbol), position in list(turn.book.positions.items()):
        strategy = turn.rules.strategies.get(name)
        if symbol != bar.market or strategy is None or not position.lots or position.exit_reason:
            continue
        if time_is_up(strategy.exits, position.bars_held):
            turn.want_exit(position, "time")
            continue
        _trail(turn, strategy, position)


def _trail(turn: Turn, strategy: StrategyRules, position: Position) -> None:
    """Tighten the stop that the broker holds, by whole ticks, and never past the market."""
    stops = [
        o
        for o in turn.strategy_orders((position.strategy, position.market))
        if o.intent.kind is OrderKind.STOP and o.live and not o.canceling
    ]
    if not stops or turn.book.unresolved(position.market):
        return
    stop, side = stops[0], position.side
    atr = turn.book.marks[position.market].atr_points * strategy.market.ticks_per_point
    wanted = managed_stop(
        strategy.exits,
        side=side,
        entry=position.entry_ticks,
        risk=position.risk_ticks,
        stop=float(stop.price_ticks),
        best=position.best_ticks,
        atr=atr,
    )
    ticks = math.floor(wanted) if side > 0 else math.ceil(wanted)
    if side * (ticks - stop.price_ticks) > 0:
        turn.move_stop(stop, ticks, "managed")


# --- decisions --------------------------------------------------------------------------------------


def _on_signal(turn: Turn, event: SignalMade) -> None:
    strategy = turn.rules.strategies[event.strategy]
    view = look(turn.book, turn.rules, strategy, event)
    standing = _standing(turn, strategy)
    decision = decide(view, strategy.sizers, strategy.guards, signal_id=event.signal_id, standing=standing)
    decision_id = f"{event.strategy}@{event.slot_utc_ns}"
    turn.record(
        DecisionMade(
            decision_id=decision_id,
            strategy=event.strategy,
            market=event.market,
            slot_utc_ns=event.slot_utc_ns,
            signal_id=event.signal_id,
            side=decision.side,
            lots=decision.lots,
            sized_lots=decision.sized_lots,
            bound_by=decision.bound_by,
            reason=decision.reason,
            halted=decision.halted,
            steps=decision.steps,
            view=view,
            config_hash=strategy.config_hash,
            standing=standing,
            ts_event_utc_ns=turn.now,
            fault=decision.fault,
        )
    )
    opened = turn.book.sessions.get(event.market)
    turn.tick(event.strategy, event.slot_utc_ns, opened.session.date if opened else "", decision.reason)
    before = len(turn.book.halts)
    for guard, found in decision.trips:
        trip(turn, strategy, guard, found)
    if decision.approved is not None and len(turn.book.halts) == before:
        _enter(turn, event, decision.approved, decision_id)
    turn.tend()


def _standing(turn: Turn, strategy: StrategyRules) -> Reason:
    """Why nothing new may go out, whatever the size."""
    book, symbol = turn.book, strategy.market.symbol
    if book.standing(strategy.name, symbol):
        return Reason.HALTED
    if book.unresolved(symbol):
        return Reason.UNRESOLVED
    if book.breaches:
        return Reason.HALTED
    position = book.position(strategy.name, symbol)
    if position.exit_reason or (not strategy.adds and (position.lots or _entering(turn, strategy))):
        return Reason.IN_POSITION
    return Reason.OK


def _entering(turn: Turn, strategy: StrategyRules) -> bool:
    orders = turn.strategy_orders((strategy.name, strategy.market.symbol))
    return any(o.intent.kind is OrderKind.ENTRY for o in orders)


def _enter(turn: Turn, signal: SignalMade, approved: ApprovedOrder, decision_id: str) -> None:
    cid = turn.client_order_id()
    entry = Intent(
        client_order_id=cid,
        decision_id=decision_id,
        strategy=signal.strategy,
        market=signal.market,
        kind=OrderKind.ENTRY,
        order_type=OrderType.LIMIT if signal.price_ticks else OrderType.MARKET,
        side=approved.side,
        lots=approved.lots,
        price_ticks=signal.price_ticks,
        signal_id=signal.signal_id,
        legs=signal.legs,
        ts_event_utc_ns=turn.now,
    )
    turn.send(entry, approved, _bracket(turn, signal, entry))


def _bracket(turn: Turn, signal: SignalMade, entry: Intent) -> list[Intent]:
    """The stop and target that the broker is to hold, around the limit price, or the last price at market."""
    market = turn.book.setup.markets[signal.market]
    reference = signal.price_ticks or market.ticks(turn.book.marks[signal.market].price_points)
    children = []
    for kind, distance, order_type, suffix in (
        (OrderKind.STOP, -signal.stop_ticks, OrderType.STOP, "s"),
        (OrderKind.TARGET, signal.target_ticks, OrderType.LIMIT, "t"),
    ):
        if distance:
            child = replace(
                entry,
                client_order_id=f"{entry.client_order_id}{suffix}",
                kind=kind,
                order_type=order_type,
                side=-entry.side,
                price_ticks=reference + entry.side * distance,
                reduces=True,
                parent=entry.client_order_id,
            )
            children.append(child)
    return children


_STEPS: Final[dict[type, Callable[[Turn, Any], None]]] = {
    BarClosed: _on_bar,
    QuoteSeen: _on_quote,
    TimeAdvanced: _on_time,
    SessionOpened: _on_session,
    HealthSeen: _on_health,
    SignalMade: _on_signal,
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
    HaltRequested: operator.on_halt,
    ResumeRequested: operator.on_resume,
    FlattenRequested: operator.on_flatten,
    ResolveRequested: operator.on_resolve,
    ArmRequested: operator.on_arm,
}
