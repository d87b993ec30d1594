"""Guards between orders: each look may trip one, and what a trip asks for is done here. Pure."""

from dataclasses import replace
from typing import Final

from gamma import notices
from gamma.book import Book
from gamma.events import Halt, Level, OrderKind
from gamma.guards import Action, Trip, Watch
from gamma.outlook import look
from gamma.reasons import Reason
from gamma.rules import StrategyRules
from gamma.turn import Turn

_LATCHES: Final[dict[Action, tuple[str, Level]]] = {
    Action.PAUSE: ("strategy", Level.PAUSED),
    Action.REDUCING: ("account", Level.REDUCING),
    Action.STRATEGY_OFF: ("strategy", Level.REDUCING),
    Action.LOCK_MARKET: ("market", Level.REDUCING),
    Action.HALT: ("account", Level.REDUCING),
    Action.FLATTEN_AND_HALT: ("account", Level.REDUCING),
}


def watch(turn: Turn) -> None:
    """Let every guard that watches look at the account, in the order of the config."""
    for strategy in turn.rules.strategies.values():
        view = look(turn.book, turn.rules, strategy)
        for name, guard in strategy.guards:
            if isinstance(guard, Watch):
                found = guard.watch(view)
                if found is None:
                    _relieve(turn, strategy.name, name)
                else:
                    trip(turn, strategy, name, found)


def still_trips(turn: Turn, book: Book, halt: Halt) -> Trip | None:
    """What the guard that latched this halt still finds in `book`: it would trip again at once."""
    for strategy in turn.rules.strategies.values():
        view = look(book, turn.rules, strategy)
        for name, guard in strategy.guards:
            if halt.actor == f"guard:{name}" and isinstance(guard, Watch):
                found = guard.watch(view)
                if found is not None and found.reason == halt.reason:
                    return found
    return None


def trip(turn: Turn, strategy: StrategyRules, guard: str, found: Trip) -> None:
    """Act on a guard's finding: on what is realised at once, on a reading that could be wrong when a second agrees.

    The first reading already keeps new risk out: a breach stands in the book until the guard is content.
    """
    key = (strategy.name, guard)
    count, ts_last = turn.book.breaches.get(key, (0, -1))
    if ts_last < turn.now:
        count += 1
    turn.book = replace(turn.book, breaches={**turn.book.breaches, key: (count, turn.now)})
    if not found.realised and count < 2:
        return
    _close(turn, strategy, guard, found.action)
    if found.action in _LATCHES:
        _latch(turn, strategy, guard, found)


def _relieve(turn: Turn, strategy: str, guard: str) -> None:
    if (strategy, guard) in turn.book.breaches:
        rest = {k: v for k, v in turn.book.breaches.items() if k != (strategy, guard)}
        turn.book = replace(turn.book, breaches=rest)


def _close(turn: Turn, strategy: StrategyRules, guard: str, action: Action) -> None:
    """FLATTEN closes what the strategy holds; FLATTEN_AND_HALT all that the account holds."""
    whole_account = action is Action.FLATTEN_AND_HALT
    if whole_account or action is Action.FLATTEN:
        for position in list(turn.book.positions.values()):
            if whole_account or position.strategy == strategy.name:
                turn.want_exit(position, guard)
    if whole_account or action in (Action.CANCEL_ENTRIES, Action.FLATTEN):
        for order in list(turn.book.orders.values()):
            mine = whole_account or order.intent.strategy == strategy.name
            if mine and order.intent.kind is OrderKind.ENTRY:
                turn.cancel(order, guard)


def _latch(turn: Turn, strategy: StrategyRules, guard: str, found: Trip) -> None:
    scope, level = _LATCHES[found.action]
    # The kill switch alone stops exits too: a person took over.
    if found.reason is Reason.KILL_SWITCH and found.action is Action.HALT:
        level = Level.HALTED
    target = {"account": "", "strategy": strategy.name, "market": strategy.market.symbol}[scope]
    halt = Halt(
        halt_id="",
        scope=scope,
        target=target,
        level=level,
        reason=found.reason,
        actor=f"guard:{guard}",
        evidence=dict(found.facts) | {"action": str(found.action)},
        ts_event_utc_ns=turn.now,
        until_utc_ns=found.until_utc_ns,
    )
    turn.halt(halt, _notice(turn, strategy, guard, found))


def _notice(turn: Turn, strategy: StrategyRules, guard: str, found: Trip) -> notices.Notice:
    facts = found.facts
    if found.reason is Reason.SAFETY_HALT:
        halt_frac, balance = float(facts["halt_frac"]), float(facts["balance_usd"])
        starting = float(facts["starting_capital_usd"])
        if balance < halt_frac * starting:
            return notices.safety_halt(
                turn.now, balance_usd=balance, starting_capital_usd=starting, halt_frac=halt_frac
            )
    if found.reason is Reason.FAULT:
        return notices.strategy_faulted(turn.now, strategy=strategy.name, fault=str(facts["error"]))
    named = {"strategy": strategy.name, "market": strategy.market.symbol, **facts}
    return notices.guard_tripped(turn.now, guard=guard, action=found.action, reason=found.reason, facts=named)
