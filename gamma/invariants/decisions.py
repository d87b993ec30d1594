"""I2 and I10: what a decision may rest on, and what may come of it. Pure.

What the guards of a strategy looked at is looked at again, on the view and the limits that stand in the
decision itself: the configuration of today says nothing of a decision of last year.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gamma.book import Book
from gamma.entries import CLOCK_OFF_MAX_S
from gamma.events import DecisionMade, Intent, OrderKind
from gamma.reasons import Fact, Reason
from gamma.views import View

_EXACT: Final = 1e-6
Facts = Mapping[str, Fact]


def faults(made: DecisionMade) -> list[str]:
    """Why these lots should not have been allowed; nothing where none were."""
    return [] if made.lots == 0 else [*_own(made), *_inputs(made)]


def strays(made: DecisionMade, intent: Intent) -> Iterator[str]:
    """How an entry differs from the decision that it follows from."""
    for name in ("strategy", "market", "side", "lots", "signal_id"):
        wanted, found = getattr(made, name), getattr(intent, name)
        if wanted != found:
            yield f"{intent.client_order_id} has {name} {found}, and {made.decision_id} decided {wanted}"


def over(book: Book, made: DecisionMade, intent: Intent) -> Iterator[str]:
    """Which of the limits that the decision went by the account could pass with this entry."""
    cid, side, lots = intent.client_order_id, intent.side, intent.lots
    limits = {step.name: step.facts for step in made.steps}
    if "order_size" in limits and not lots <= _number(limits["order_size"], "limit"):
        yield f"{cid} is of {lots} lots, above order_size"
    if "position_limit" not in limits:
        return
    facts, market = limits["position_limit"], book.market(intent.market)
    working = [o for o in book.orders.values() if o.intent.kind is OrderKind.ENTRY and o.intent.side == side]
    in_market = sum(o.left_lots for o in working if o.intent.market == intent.market)
    could_be = _on_side(book, intent) + in_market + lots
    if not could_be <= _number(facts, "limit"):
        yield f"with {cid} {intent.market} could come to {could_be} lots, above position_limit"
    held = [(book.market(p.market), max(0, side * p.lots)) for p in book.positions.values()]
    held += [(book.market(o.intent.market), o.left_lots) for o in working]
    minis = sum(m.mini_equivalent * n for m, n in held if m.family == market.family) + market.mini_equivalent * lots
    fits = all(minis <= _number(facts, name) + _EXACT for name in ("minis_max", "profile_minis_max"))
    if market.mini_equivalent and not fits:
        yield f"with {cid} {market.family} could come to {minis:g} e-minis, above position_limit"


def _on_side(book: Book, intent: Intent) -> int:
    """Lots on the order's side, at worst: what other strategies hold against it may end first."""
    held = [(who, intent.side * p.lots) for (who, market), p in book.positions.items() if market == intent.market]
    return sum(lots if who == intent.strategy else max(0, lots) for who, lots in held)


def _own(made: DecisionMade) -> Iterator[str]:
    """The decision in itself."""
    if made.side not in (-1, 1) or not 0 < made.lots <= made.sized_lots:
        yield f"{made.side} x {made.lots} lots of {made.sized_lots} that were sized"
    if made.standing != Reason.OK or made.fault:
        yield f"lots although {made.fault or made.standing}"
    for step in made.steps:
        if not step.lots_after + _EXACT >= made.lots:
            yield f"{made.lots} lots although {step.name} let {step.lots_after:g} through"


def _inputs(made: DecisionMade) -> Iterator[str]:
    view = made.view
    if not math.isfinite(view.signal.price_points) and not math.isfinite(view.market.price_points):
        yield "no price was known"
    if abs(view.clock.clock_offset_s) > CLOCK_OFF_MAX_S:
        yield f"the clock was off by {view.clock.clock_offset_s:g} s"
    for step in made.steps:
        look = _LOOKS.get(step.name)
        if look is not None and not look(view, step.facts):
            yield f"what {step.name} looked at does not bear it"


def _in_session(view: View, _: Facts) -> bool:
    return view.clock.in_session and view.control.calendar_agrees and not view.clock.in_news_window


def _fresh(view: View, facts: Facts) -> bool:
    """As `stale_data` says, by the limits that it went by."""
    off_s = _number(facts, "clock_offset_max_s")
    return bool(
        -off_s <= view.market.quote_age_s <= _number(facts, "limit")
        and -off_s <= view.market.bar_age_s <= _number(facts, "bar_age_max_s")
        and abs(view.clock.clock_offset_s) <= off_s
    )


def _pinned(view: View, _: Facts) -> bool:
    return view.control.model_hash == view.control.model_pinned_hash != ""


def _armed(view: View, _: Facts) -> bool:
    control, now = view.control, view.clock.ts_event_utc_ns
    return control.mode != "live" or (
        control.armed_config_hash == control.config_hash and now < control.armed_until_utc_ns
    )


def _number(facts: Facts, name: str) -> float:
    """A limit as the trace has it; NaN, within which nothing is, where it has none."""
    found: Any = facts.get(name, math.nan)
    return float(found) if isinstance(found, int | float) else math.nan


_LOOKS: Final[Mapping[str, Callable[[View, Facts], bool]]] = {
    "session_hours": _in_session,
    "stale_data": _fresh,
    "model_sanity": _pinned,
    "armed": _armed,
    "kill_switch": lambda view, _: not view.control.kill_switch,
}
