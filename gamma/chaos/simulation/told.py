"""What is told of a schedule: each fact in one line."""

from collections.abc import Callable
from typing import Any, final

from gamma.events import DecisionMade, OrderFilled, OrderIntended


@final
class Teller:
    """Tells the trace what was recorded."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def recorded(self, fact: Any, book: Any) -> None:  # noqa: ARG002
        self._say(f"ledger: {brief(fact)}")

    def answered(self, answer: Any) -> None:
        self._say(f"person: {answer.text}")


def brief(fact: Any) -> str:
    """A fact in one line, without what a decision saw."""
    if isinstance(fact, DecisionMade):
        return f"DecisionMade({fact.decision_id}: {fact.side * fact.lots:+d}, {fact.reason} by {fact.bound_by})"
    if isinstance(fact, OrderIntended):
        intent, bracket = fact.intent, ", ".join(c.client_order_id for c in fact.bracket)
        what = f"{intent.kind} {intent.side * intent.lots:+d} {intent.market} at {intent.price_ticks or 'market'}"
        about = intent.subject or intent.reason or bracket
        return f"OrderIntended({intent.client_order_id}: {what} of {intent.strategy}, {about})"
    if isinstance(fact, OrderFilled):
        fill = fact.fill
        told = f"{fill.side * fill.lots:+d} {fill.market} at {fill.price_ticks} for {fill.client_order_id}"
        return f"OrderFilled({fill.execution_id}: {told})"
    values = ", ".join(f"{name} {getattr(fact, name)}" for name in fact.__slots__ if name != "ts_event_utc_ns")
    return f"{type(fact).__name__}({values})"
