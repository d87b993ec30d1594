"""Open positions: when they end by the rules of exit, and where their stops belong at the broker. Pure."""

import math
from typing import Final

from gamma.bars import Bar
from gamma.events import Manage, ManageWanted, OrderKind, PositionManaged
from gamma.exits import managed_stop, time_is_up, wanted_stop
from gamma.orders import Order, Position
from gamma.reasons import Reason
from gamma.rules import StrategyRules
from gamma.turn import Turn
from gamma.upkeep import tend

# A price that is a whole number of ticks comes out of binary arithmetic a hair beside it.
TOLERANCE_TICKS: Final = 1e-4


def manage(turn: Turn, bar: Bar) -> None:
    """After a bar of a market: close what was held long enough there, and move the stops of the rest."""
    for (name, symbol), position in list(turn.book.positions.items()):
        strategy = turn.rules.strategies.get(name)
        if symbol != bar.market or strategy is None or not position.lots or position.exit_reason:
            continue
        if time_is_up(strategy.exits, position.bars_held):
            turn.want_exit(position, "time")
            continue
        _move_stop(turn, strategy, position)


def on_manage(turn: Turn, wanted: ManageWanted) -> None:
    """Take up what a strategy wants of its position, once a slot; of no known strategy, or too late, it is nothing."""
    strategy = turn.rules.strategies.get(wanted.strategy)
    if strategy is None or wanted.slot_utc_ns <= turn.book.slots.get(wanted.strategy, -1):
        return
    reason = _standing(turn, strategy, wanted)
    turn.record(
        PositionManaged(
            strategy=wanted.strategy,
            market=wanted.market,
            manage=wanted.manage,
            trail_atr=wanted.trail_atr,
            slot_utc_ns=wanted.slot_utc_ns,
            reason=reason,
            ts_event_utc_ns=turn.now,
        )
    )
    opened = turn.book.sessions.get(wanted.market)
    outcome = str(wanted.manage) if reason is Reason.OK else str(reason)
    turn.tick(wanted.strategy, wanted.slot_utc_ns, opened.session.date if opened else "", outcome)
    if reason is Reason.OK and wanted.manage is Manage.CLOSE:
        _close(turn, wanted)
    elif reason is Reason.OK:
        _move_stop(turn, strategy, turn.book.position(wanted.strategy, wanted.market))
    tend(turn)


def _standing(turn: Turn, strategy: StrategyRules, wanted: ManageWanted) -> Reason:
    """Why nothing comes of it; a stop that only tightens needs no leave of a halt that lets exits through."""
    book, symbol = turn.book, strategy.market.symbol
    position = book.position(strategy.name, symbol)
    if wanted.market != symbol or (wanted.manage is Manage.TRAIL_ON and not 0 < wanted.trail_atr < math.inf):
        return Reason.ORDER_INSANE
    entering = wanted.manage is Manage.CLOSE and any(_entries(turn, wanted))
    if not (position.lots or entering) or position.exit_reason:
        return Reason.NO_POSITION
    if book.frozen(strategy.name, symbol):
        return Reason.HALTED
    mark = book.marks.get(symbol)
    if wanted.manage not in (Manage.TRAIL_OFF, Manage.CLOSE) and (mark is None or not math.isfinite(mark.price_points)):
        return Reason.INPUT_MISSING
    return Reason.UNRESOLVED if book.unresolved(symbol) else Reason.OK


def _entries(turn: Turn, wanted: ManageWanted) -> list[Order]:
    orders = turn.strategy_orders((wanted.strategy, wanted.market))
    return [order for order in orders if order.intent.kind is OrderKind.ENTRY]


def _close(turn: Turn, wanted: ManageWanted) -> None:
    """What still works to open is taken back, and what is held leaves at the market."""
    for order in _entries(turn, wanted):
        turn.cancel(order, wanted.why or str(wanted.manage))
    turn.want_exit(turn.book.position(wanted.strategy, wanted.market), wanted.why or str(wanted.manage))


def _away(ticks: float, side: int) -> int:
    """The whole tick at a price, or the next one away from the market as the stop of this side sees it."""
    return math.floor(ticks + TOLERANCE_TICKS) if side > 0 else math.ceil(ticks - TOLERANCE_TICKS)


def _move_stop(turn: Turn, strategy: StrategyRules, position: Position) -> None:
    """Tighten what the broker holds as stop, by whole ticks; where the price is past the new stop already, get out."""
    rule, key, side = strategy.exits, (position.strategy, position.market), position.side
    rules = rule.break_even_r is not None or rule.trail_from_r is not None
    if not (rules or position.at_break_even or position.trail_atr) or turn.book.frozen(*key):
        return
    if turn.book.unresolved(position.market):
        return
    mark, ticks_per_point = turn.book.marks[position.market], strategy.market.ticks_per_point
    price_ticks, atr_ticks = strategy.market.ticks(mark.price_points), mark.atr_points * ticks_per_point
    for stop in turn.strategy_orders(key):
        if stop.intent.kind is not OrderKind.STOP or stop.canceling:
            continue
        wanted = wanted_stop(
            managed_stop(
                rule,
                side=side,
                entry=position.entry_ticks,
                risk=position.risk_ticks,
                stop=float(stop.price_ticks),
                best=position.best_ticks,
                atr=atr_ticks,
            ),
            side=side,
            entry=position.entry_ticks,
            best=_away(position.best_ticks, side),  # nobody could have traded beyond the last whole tick
            atr=atr_ticks,
            at_break_even=position.at_break_even,
            trail_atr=position.trail_atr,
        )
        ticks = _away(wanted, side)
        if side * (ticks - price_ticks) >= 0:
            turn.want_exit(position, "trail")
            return
        if side * (ticks - stop.price_ticks) > 0:
            turn.move_stop(stop, ticks, "managed")
