"""From a signal to an order: the decision, recorded with all that it saw, and what goes out of it. Pure."""

import math
from collections import Counter
from dataclasses import replace
from typing import Final, final

from gamma.book import Book
from gamma.decision import ApprovedOrder, Decision, cut_by, decide
from gamma.events import DecisionMade, Intent, OrderKind, OrderType, SignalMade
from gamma.markets import Kind
from gamma.orders import Order
from gamma.outlook import Outlook, look
from gamma.reasons import Reason
from gamma.rules import Rules, StrategyRules
from gamma.turn import Turn, until_utc_ns
from gamma.upkeep import tend
from gamma.views import View
from gamma.vigil import trip

# Two clocks so far apart: which of them is right is for a person to say, and until then no order is made by either.
CLOCK_OFF_MAX_S: Final = 5.0


def on_signal(turn: Turn, signal: SignalMade) -> None:
    """Decide, once a slot; a signal that comes again, or too late, or of no known strategy, is none."""
    strategy = turn.rules.strategies.get(signal.strategy)
    if strategy is None or signal.slot_utc_ns <= turn.book.slots.get(signal.strategy, -1):
        return
    view, standing, decision = _judged(turn, strategy, signal)
    made = _made(turn, signal, view, decision, standing)
    turn.record(made)
    opened = turn.book.sessions.get(signal.market)
    turn.tick(signal.strategy, signal.slot_utc_ns, opened.session.date if opened else "", decision.reason)
    for guard, found in decision.trips:
        trip(turn, strategy, guard, found)
    if decision.approved is not None and not turn.book.barred(strategy.name, strategy.market.symbol):
        _enter(turn, signal, decision.approved, made.decision_id)
    tend(turn)


@final
class Leave:
    """Asks what would be left of signals of one strategy now; nothing comes of it.

    `cuts` counts, by the step that would have left fewer lots, how often it would.
    """

    def __init__(self, book: Book, rules: Rules, strategy: str) -> None:
        self._turn = Turn(book, rules, book.ts_event_utc_ns)
        self._strategy = rules.strategies[strategy]
        self._outlook = Outlook(book, rules, self._strategy)
        self._standing: dict[tuple[float, ...], Reason] = {}
        self.cuts: Counter[str] = Counter()

    def __call__(self, signal: SignalMade, lots: int) -> bool:
        """Whether so many lots would be left of a signal; none are of one that would not be decided on."""
        strategy = self._strategy
        if signal.slot_utc_ns <= self._turn.book.slots.get(strategy.name, -1):
            return False
        # Of what a signal says, the size that its action carries changes nothing here.
        key = (signal.side, signal.price_ticks, signal.stop_ticks, signal.target_ticks, signal.work_s)
        if key not in self._standing:
            self._standing[key] = _standing(self._turn, strategy, signal)
        cut = cut_by(
            self._outlook.look(signal),
            strategy.sizers,
            strategy.guards,
            lots,
            signal_id=signal.signal_id,
            standing=self._standing[key],
        )
        self.cuts.update([cut] if cut else ())
        return not cut


def _judged(turn: Turn, strategy: StrategyRules, signal: SignalMade) -> tuple[View, Reason, Decision]:
    view = look(turn.book, turn.rules, strategy, signal)
    standing = _standing(turn, strategy, signal)
    decision = decide(view, strategy.sizers, strategy.guards, signal_id=signal.signal_id, standing=standing)
    return view, standing, decision


def _made(turn: Turn, signal: SignalMade, view: View, decision: Decision, standing: Reason) -> DecisionMade:
    return DecisionMade(
        decision_id=f"{signal.strategy}@{signal.slot_utc_ns}",
        strategy=signal.strategy,
        market=signal.market,
        slot_utc_ns=signal.slot_utc_ns,
        signal_id=signal.signal_id,
        side=decision.side,
        lots=decision.lots,
        sized_lots=decision.sized_lots,
        bound_by=decision.bound_by,
        reason=decision.reason,
        halted=decision.halted,
        steps=decision.steps,
        view=view,
        config_hash=turn.rules.strategies[signal.strategy].config_hash,
        standing=standing,
        ts_event_utc_ns=turn.now,
        fault=decision.fault,
        notes=signal.notes,
    )


def _standing(turn: Turn, strategy: StrategyRules, signal: SignalMade) -> Reason:
    """Why nothing new may go out, whatever the size."""
    book, symbol = turn.book, strategy.market.symbol
    if book.barred(strategy.name, symbol):
        return Reason.HALTED
    if book.unresolved(symbol):
        return Reason.UNRESOLVED
    health = book.control.health
    if health is not None and not abs(health.clock_offset_s) <= CLOCK_OFF_MAX_S:
        return Reason.STALE_DATA
    position = book.position(strategy.name, symbol)
    orders = turn.strategy_orders((strategy.name, symbol))
    if position.exit_reason or (not strategy.adds and (position.lots or orders)):
        return Reason.IN_POSITION
    if position.lots * signal.side < 0 or any(_against(order, signal.side) for order in orders):
        return Reason.IN_POSITION
    return _sense(turn, strategy, signal)


def _against(order: Order, side: int) -> bool:
    """An order of the other side works that is no bracket's: both could trade, or with one another."""
    return order.intent.kind in (OrderKind.ENTRY, OrderKind.EXIT) and order.intent.side * side < 0


def _sense(turn: Turn, strategy: StrategyRules, signal: SignalMade) -> Reason:
    """A signal must be of its strategy's market, have a price to start from, and a bracket on the right sides of it."""
    if signal.market != strategy.market.symbol or min(signal.stop_ticks, signal.target_ticks, signal.price_ticks) < 0:
        return Reason.ORDER_INSANE
    if not 0 <= signal.work_s < math.inf:
        return Reason.ORDER_INSANE
    if 0 < until_utc_ns(signal.slot_utc_ns, signal.work_s) <= turn.now:
        return Reason.STALE_DATA
    reference = _reference_ticks(turn, signal)
    if reference is None:
        return Reason.INPUT_MISSING
    below = signal.stop_ticks if signal.side > 0 else signal.target_ticks
    return Reason.OK if reference > below else Reason.ORDER_INSANE


def _reference_ticks(turn: Turn, signal: SignalMade) -> int | None:
    """The limit price, or the last price at market; None where there is neither."""
    if signal.price_ticks:
        return signal.price_ticks
    market, mark = turn.book.market(signal.market), turn.book.marks.get(signal.market)
    # The bars of an option root are its underlying's: they say nothing of the price of a spread.
    if mark is None or not math.isfinite(mark.price_points) or market.kind is Kind.OPTION_SPREAD:
        return None
    return market.ticks(mark.price_points)


def _enter(turn: Turn, signal: SignalMade, approved: ApprovedOrder, decision_id: str) -> None:
    entry = Intent(
        client_order_id=turn.client_order_id(),
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
        risk_microusd_per_lot=signal.risk_microusd_per_lot,
        ts_event_utc_ns=turn.now,
        until_utc_ns=until_utc_ns(signal.slot_utc_ns, signal.work_s),
    )
    turn.send(entry, approved, _bracket(turn, signal, entry))


def _bracket(turn: Turn, signal: SignalMade, entry: Intent) -> list[Intent]:
    """The stop and target that the broker is to hold around the reference price."""
    reference = _reference_ticks(turn, signal) or 0
    children, alone = [], turn.alone(signal.market)
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
                reduce_only=alone,
                parent=entry.client_order_id,
                until_utc_ns=0,
            )
            children.append(child)
    return children
