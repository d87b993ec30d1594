"""Upkeep: what works at the broker is brought in line with what the book wants. Pure.

Nothing here remembers what it did before: it looks at the book, so that a restart, a lost answer or a
refusal only means that it is done at the next event.
"""

from dataclasses import replace

from gamma import notices
from gamma.absence import never_arrived
from gamma.book import Key
from gamma.decision import Decision, decide_exit
from gamma.errors import InputInvalid
from gamma.events import Halt, Intent, Level, OrderKind, OrderType
from gamma.options import settles_utc_ns
from gamma.orders import Order, Position, unended
from gamma.outlook import look
from gamma.rules import StrategyRules
from gamma.turn import RETRY_NS, Turn
from gamma.views import NAN, OrderView
from gamma.vigil import trip


def tend(turn: Turn) -> None:
    """Cancel what should not work, close what should not be held; safe to call at any time."""
    book = turn.book
    if not book.positions and not book.orders:
        return
    working = ((o.intent.strategy, o.intent.market) for o in unended(book.orders))
    for key in dict.fromkeys((*book.positions, *working)):
        _tend(turn, key)


def _tend(turn: Turn, key: Key) -> None:
    position = turn.book.position(*key)
    if position.lots and not position.exit_reason and _bare(turn, position):
        turn.want_exit(position, "unprotected")
        position = turn.book.position(*key)
    orders = turn.strategy_orders(key)
    barred = turn.book.barred(*key)
    for order in orders:
        if order.intent.kind is OrderKind.ENTRY and (barred or order.late):
            turn.cancel(order, "late" if order.late else "no new risk")
        elif 0 < order.intent.until_utc_ns <= turn.now:
            turn.cancel(order, "time")
    if not position.lots:
        _clear(turn, key, orders)
    elif position.exit_reason:
        _leave(turn, position, orders)
    else:
        _hold_to_flat(turn, position, orders)


def _bare(turn: Turn, position: Position) -> bool:
    """The position came with a stop at the broker, and what could still fill of it does not cover the position."""
    stops = [
        o
        for o in turn.book.orders.values()
        if o.intent.kind is OrderKind.STOP and o.intent.parent in position.entry_ids
    ]
    return bool(stops) and sum(o.left_lots for o in stops) < abs(position.lots)


def _clear(turn: Turn, key: Key, orders: list[Order]) -> None:
    """A flat position needs no exit, no stop and no target: those whose entry is over are cancelled.

    The broker cancels the other half of a bracket by itself; it gets a moment to do so.
    """
    entries = {o.intent.client_order_id for o in orders if o.intent.kind is OrderKind.ENTRY}
    closed = [t.ts_event_utc_ns for t in turn.book.trades if (t.strategy, t.market) == key]
    fresh = bool(closed) and turn.now - closed[-1] < RETRY_NS
    for order in orders:
        kind, parent = order.intent.kind, order.intent.parent
        if kind is OrderKind.EXIT or (kind is not OrderKind.ENTRY and parent not in entries and not fresh):
            turn.cancel(order, "flat")


def _hold_to_flat(turn: Turn, position: Position, orders: list[Order]) -> None:
    """What works to close more than is still held is taken back: somebody else has closed a part of it."""
    closing = [o for o in orders if o.intent.kind is OrderKind.EXIT]
    if sum(o.left_lots for o in closing) > abs(position.lots):
        for order in closing:
            turn.cancel(order, "beyond flat")


def _leave(turn: Turn, position: Position, orders: list[Order]) -> None:
    """Close a position: first all else that works for it is cancelled, a limit that closes a part of it too; then one
    order at market takes it to flat.

    Where that order would not be let out, the stop and the target stay: a position is never left without both. What
    never arrived at the broker holds nothing up.
    """
    book, key = turn.book, (position.strategy, position.market)
    if book.unresolved(position.market) or book.frozen(*key) or _just_refused(turn, key):
        return
    entry = book.orders.get(position.entry_id)
    if entry is not None and _over(entry.intent, turn.now):
        return
    if any(_at_market(o) for o in orders):
        return
    others = [o for o in orders if not never_arrived(o, book.orders.get(o.intent.parent), book.orders.values())]
    lots = at_broker_lots(turn, position)
    if not lots:
        return
    decision = judge_exit(turn, position, lots)
    trip_all(turn, position, decision)
    if decision.approved is None:
        _denied(turn, position.strategy, position.market, decision)
        return
    for order in others:
        turn.cancel(order, position.exit_reason)
    if not others:
        cid = turn.client_order_id()
        turn.send(
            Intent(
                client_order_id=cid,
                decision_id=f"exit:{cid}",
                strategy=position.strategy,
                market=position.market,
                kind=OrderKind.EXIT,
                order_type=OrderType.MARKET,
                side=-position.side,
                lots=decision.lots,
                reduces=True,
                reduce_only=turn.alone(position.market),
                reason=position.exit_reason,
                legs=entry.intent.legs if entry is not None else (),
                ts_event_utc_ns=turn.now,
            ),
            decision.approved,
        )


def _over(intent: Intent, now_utc_ns: int) -> bool:
    """Whether the options of an order have all ended: they settle, and nobody trades them any more."""
    try:
        return bool(intent.legs) and all(settles_utc_ns(leg.symbol) <= now_utc_ns for leg in intent.legs)
    except InputInvalid:  # legs that are no options
        return False


def _at_market(order: Order) -> bool:
    """An exit that takes all that is held, as opposed to a limit that closes a part of it."""
    return order.intent.kind is OrderKind.EXIT and order.intent.order_type is OrderType.MARKET


def _just_refused(turn: Turn, key: Key) -> bool:
    """An exit that the broker refused moments ago is not thrown at it again at once."""
    return any(
        o.ended
        and o.filled_lots == 0
        and _at_market(o)
        and (o.intent.strategy, o.intent.market) == key
        and turn.now - o.intent.ts_event_utc_ns < RETRY_NS
        for o in turn.book.orders.values()
    )


def at_broker_lots(turn: Turn, position: Position) -> int:
    """How many lots can be closed: what the broker says it does not hold would be opened the other way round.

    The broker tells the sum over all strategies of the market; what it lacks of that sum is not to be had here.
    """
    lots = abs(position.lots)
    broker_lots = turn.book.control.broker_lots.get(position.market)
    if broker_lots is None:
        return lots
    lacking = position.side * (turn.book.lots(position.market) - broker_lots)
    return min(lots, max(0, lots - lacking))


def judge_exit(turn: Turn, position: Position, lots: int, working_lots: int = 0, price_points: float = NAN) -> Decision:
    """Put an exit of at most what is held, less what works to close it, before the guards that see exits.

    A position that no strategy of the config owns has none.
    """
    symbol, strategy = position.market, _rules_of(turn, position)
    order = OrderView(
        market=symbol, side=-position.side, lots=lots, reduces=True, price_points=price_points, kind=OrderKind.EXIT
    )
    view = look(turn.book, turn.rules, strategy)
    left = position.side * max(0, abs(position.lots) - working_lots)
    return decide_exit(replace(view, position=replace(view.position, lots=left)), order, strategy.guards)


def trip_all(turn: Turn, position: Position, decision: Decision) -> None:
    """Take up what guards asked for beside the size of an exit."""
    for guard, found in decision.trips:
        trip(turn, _rules_of(turn, position), guard, found)


def _rules_of(turn: Turn, position: Position) -> StrategyRules:
    return turn.rules.strategies.get(position.strategy) or StrategyRules(
        name=position.strategy, market=turn.book.market(position.market), sizers=(), guards=()
    )


def _denied(turn: Turn, strategy: str, market: str, decision: Decision) -> None:
    """An exit that a guard holds back is told of once: a halt stands for it until a person looks."""
    halt = Halt(
        halt_id="",
        scope="strategy",
        target=strategy,
        level=Level.REDUCING,
        reason=decision.reason,
        actor=f"guard:{decision.bound_by}",
        evidence={"text": "held back an exit"},
        ts_event_utc_ns=turn.now,
    )
    facts = {"strategy": strategy, "market": market}
    notice = notices.guard_tripped(
        turn.now, guard=decision.bound_by, action="strategy_off", reason=decision.reason, facts=facts
    )
    turn.halt(halt, notice)
