"""Open positions: when they end by the rules of exit, and where their stops belong at the broker. Pure."""

import math
from typing import Final

from gamma.bars import Bar
from gamma.decision import Decision
from gamma.events import Intent, Manage, ManageWanted, OrderKind, OrderType, PositionManaged
from gamma.exits import managed_stop, time_is_up, wanted_stop
from gamma.orders import Order, Position
from gamma.reasons import Fact, Reason
from gamma.rules import StrategyRules
from gamma.turn import Turn, until_utc_ns
from gamma.upkeep import at_broker_lots, judge_exit, tend, trip_all

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
    reason: str = _standing(turn, strategy, wanted)
    decision = _judge(turn, wanted) if wanted.manage is Manage.REDUCE and reason == Reason.OK else None
    reason = decision.reason if decision is not None else reason
    turn.record(
        PositionManaged(
            strategy=wanted.strategy,
            market=wanted.market,
            manage=wanted.manage,
            trail_atr=wanted.trail_atr,
            slot_utc_ns=wanted.slot_utc_ns,
            reason=reason,
            ts_event_utc_ns=turn.now,
            lots=wanted.lots,
            price_ticks=wanted.price_ticks,
            notes={**wanted.notes, **_notes(turn, wanted)} if wanted.manage is Manage.REDUCE else wanted.notes,
        )
    )
    opened = turn.book.sessions.get(wanted.market)
    outcome = str(wanted.manage) if reason == Reason.OK else reason
    turn.tick(wanted.strategy, wanted.slot_utc_ns, opened.session.date if opened else "", outcome)
    if decision is not None:
        _reduce(turn, wanted, decision)
    elif reason == Reason.OK and wanted.manage is Manage.CLOSE:
        _close(turn, wanted)
    elif reason == Reason.OK:
        _move_stop(turn, strategy, turn.book.position(wanted.strategy, wanted.market))
    tend(turn)


def _notes(turn: Turn, wanted: ManageWanted) -> dict[str, Fact]:
    """How things stood where a reduction was wanted: there is no decision with a view to tell it later."""
    held_lots, mark = turn.book.position(wanted.strategy, wanted.market).lots, turn.book.marks.get(wanted.market)
    notes: dict[str, Fact] = {"held_lots": held_lots}
    if mark is None:
        return notes
    notes |= {"middle_points": mark.price_points, "spread_points": mark.ask_points - mark.bid_points}
    if mark.book is None or not held_lots:
        return notes
    return notes | {"depth_lots": mark.book.near_lots(-1 if held_lots > 0 else 1)}


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
    if wanted.manage is Manage.REDUCE and not _sensible(turn, wanted):
        return Reason.ORDER_INSANE
    mark = book.marks.get(symbol)
    if wanted.manage in (Manage.BREAK_EVEN, Manage.TRAIL_ON) and (mark is None or not math.isfinite(mark.price_points)):
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


def _sensible(turn: Turn, wanted: ManageWanted) -> bool:
    """A reduction is of some lots at a price, for a time that is not over, and no stop or target covers them too."""
    bracketed = any(
        order.intent.kind in (OrderKind.STOP, OrderKind.TARGET)
        for order in turn.strategy_orders((wanted.strategy, wanted.market))
    )
    timely = 0 <= wanted.work_s < math.inf and not 0 < until_utc_ns(wanted.slot_utc_ns, wanted.work_s) <= turn.now
    return not bracketed and timely and wanted.lots > 0 and wanted.price_ticks > 0


def _judge(turn: Turn, wanted: ManageWanted) -> Decision:
    """The lots of a reduction: no more than can be closed, beside what works to close some of it already."""
    key = (wanted.strategy, wanted.market)
    position = turn.book.position(*key)
    closing_lots = sum(o.left_lots for o in turn.strategy_orders(key) if o.intent.kind is OrderKind.EXIT)
    lacking_lots = abs(position.lots) - at_broker_lots(turn, position)
    price_points = turn.book.market(wanted.market).points(wanted.price_ticks)
    return judge_exit(turn, position, wanted.lots, closing_lots + lacking_lots, price_points)


def _reduce(turn: Turn, wanted: ManageWanted, decision: Decision) -> None:
    """Send what the guards let out of a reduction; one that they hold back holds nothing else up."""
    key = (wanted.strategy, wanted.market)
    position = turn.book.position(*key)
    trip_all(turn, position, decision)
    if decision.approved is None or turn.book.frozen(*key):
        return
    entry = turn.book.orders.get(position.entry_id)
    order = Intent(
        client_order_id=turn.client_order_id(),
        decision_id=f"{wanted.strategy}@{wanted.slot_utc_ns}",
        strategy=wanted.strategy,
        market=wanted.market,
        kind=OrderKind.EXIT,
        order_type=OrderType.LIMIT,
        side=-position.side,
        lots=decision.lots,
        price_ticks=wanted.price_ticks,
        reduces=True,
        reduce_only=turn.alone(wanted.market),
        reason=wanted.why or str(wanted.manage),
        legs=entry.intent.legs if entry is not None else (),
        ts_event_utc_ns=turn.now,
        until_utc_ns=until_utc_ns(wanted.slot_utc_ns, wanted.work_s),
    )
    turn.send(order, decision.approved)


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
