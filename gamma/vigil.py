"""Guards between orders: each look may trip one, and what a trip asks for is done here. Pure."""

from dataclasses import replace
from typing import Final

from gamma import notices
from gamma.book import Book, Breach
from gamma.events import Halt, Level, Resumed
from gamma.guards import Action, Trip, Watch
from gamma.outlook import glance
from gamma.reasons import Reason
from gamma.rules import StrategyRules
from gamma.turn import Turn
from gamma.views import View

_SCOPES: Final[dict[Action, str]] = {
    Action.PAUSE: "strategy",
    Action.REDUCING: "account",
    Action.STRATEGY_OFF: "strategy",
    Action.LOCK_MARKET: "market",
    Action.CANCEL_ENTRIES: "strategy",
    Action.FLATTEN: "strategy",
    Action.FLATTEN_AND_HALT: "account",
    Action.HALT: "account",
}
_LATCHES: Final = frozenset(_SCOPES) - {Action.CANCEL_ENTRIES, Action.FLATTEN}


def watch(turn: Turn) -> None:
    """Let every guard that watches look at the account, in the order of the config."""
    for strategy in turn.rules.strategies.values():
        if not strategy.watchers:
            continue
        view = glance(turn.book, turn.rules, strategy)
        for name, guard in strategy.watchers:
            found = _find(name, guard, view)
            if found is None:
                if turn.book.breaches or turn.book.halts:
                    _relieve(turn, strategy, name)
            else:
                trip(turn, strategy, name, found)


def _find(name: str, guard: Watch, view: View) -> Trip | None:
    try:
        return guard.watch(view)
    except Exception as error:  # a third party's guard must not take the daemon down
        text = f"{name}: {type(error).__name__}: {error}"
        return Trip(action=Action.STRATEGY_OFF, reason=Reason.FAULT, facts={"error": text}, realised=True)


def still_trips(turn: Turn, book: Book, halt: Halt) -> Trip | None:
    """What the guard that latched this halt still finds in `book`: it would trip again at once."""
    for strategy in turn.rules.strategies.values():
        if _target(halt.scope, strategy) != halt.target:
            continue
        for name, guard in strategy.watchers:
            if halt.actor == f"guard:{name}":
                found = _find(name, guard, glance(book, turn.rules, strategy))
                if found is not None and found.reason == halt.reason:
                    return found
    return None


def trip(turn: Turn, strategy: StrategyRules, guard: str, found: Trip) -> None:
    """Act on a guard's finding: on what is realised at once, on a reading that could be wrong when a second agrees.

    The first reading already keeps new risk out: a breach stands in the book until the guard is content.
    What a guard finds that only judges orders is no reading: it counted our own deeds.
    """
    watches = any(name == guard for name, _ in strategy.watchers)
    readings = _readings(turn, strategy, guard, found) if watches else 0
    if watches and not found.realised and readings < 2:
        return
    if found.action in (Action.FLATTEN, Action.FLATTEN_AND_HALT):
        for position in list(turn.book.positions.values()):
            if found.action is Action.FLATTEN_AND_HALT or position.strategy == strategy.name:
                turn.want_exit(position, guard)
    # A halt that is over before it begins (the day's, after its close) would only come and go.
    if found.action in _LATCHES and not 0 < found.until_utc_ns <= turn.now:
        _latch(turn, strategy, guard, found)


def _readings(turn: Turn, strategy: StrategyRules, guard: str, found: Trip) -> int:
    key = (strategy.name, guard)
    before = turn.book.breaches.get(key)
    if before is None or found.action.hardness > Action(before.action).hardness:
        readings = 1
    elif turn.reads and before.ts_event_utc_ns < turn.now:
        readings = before.readings + 1
    else:
        return before.readings
    scope = _SCOPES[found.action]
    breach = Breach(
        readings=readings,
        ts_event_utc_ns=turn.now,
        scope=scope,
        target=_target(scope, strategy),
        action=found.action,
    )
    turn.book = replace(turn.book, breaches={**turn.book.breaches, key: breach})
    return readings


def _relieve(turn: Turn, strategy: StrategyRules, guard: str) -> None:
    """A guard that is content takes its breach back, and the lock of a market whose cause is gone."""
    if (strategy.name, guard) in turn.book.breaches:
        rest = {k: v for k, v in turn.book.breaches.items() if k != (strategy.name, guard)}
        turn.book = replace(turn.book, breaches=rest)
    for halt in list(turn.book.halts.values()):
        mine = halt.actor == f"guard:{guard}" and halt.target == strategy.market.symbol
        if mine and halt.evidence.get("action") == Action.LOCK_MARKET:
            turn.record(Resumed(halt_id=halt.halt_id, actor=halt.actor, ts_event_utc_ns=turn.now))


def _target(scope: str, strategy: StrategyRules) -> str:
    return {"strategy": strategy.name, "market": strategy.market.symbol}.get(scope, "")


def _latch(turn: Turn, strategy: StrategyRules, guard: str, found: Trip) -> None:
    scope = _SCOPES[found.action]
    level = Level.PAUSED if found.action is Action.PAUSE else Level.REDUCING
    # The kill switch alone stops exits too: a person took over.
    if found.reason is Reason.KILL_SWITCH and found.action is Action.HALT:
        level = Level.HALTED
    halt = Halt(
        halt_id="",
        scope=scope,
        target=_target(scope, strategy),
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
    if found.reason is Reason.FAULT:
        return notices.strategy_faulted(turn.now, strategy=strategy.name, fault=str(facts.get("error", guard)))
    if found.reason is Reason.SAFETY_HALT and "halt_frac" in facts:
        halt_frac, balance = float(facts["halt_frac"]), float(facts["balance_usd"])
        starting = float(facts["starting_capital_usd"])
        if balance < halt_frac * starting:
            return notices.safety_halt(
                turn.now, balance_usd=balance, starting_capital_usd=starting, halt_frac=halt_frac
            )
        return notices.drawdown_halt(
            turn.now,
            equity_usd=float(facts["equity_usd"]),
            peak_equity_usd=float(facts["peak_equity_usd"]),
            halt_frac=float(facts["drawdown_halt_frac"]),
        )
    named = {"strategy": strategy.name, "market": strategy.market.symbol, **facts}
    if found.until_utc_ns:
        named["until_utc_ns"] = found.until_utc_ns
    return notices.guard_tripped(turn.now, guard=guard, action=found.action, reason=found.reason, facts=named)
