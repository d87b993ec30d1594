"""I12: how many orders were intended, counted anew, against the limits that they were allowed by. Pure.

No dollar rate can be configured yet; where one can, it is counted here.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final, final

from gamma.events import DecisionMade, Intent, OrderKind
from gamma.guards.order_rate import OrderRate
from gamma.reasons import Fact

_MINUTE_NS: Final = 60_000_000_000
_NAME: Final = "order_rate"


@final
class Rates:
    """Orders of the last minute and of the account's day; a moved stop is none."""

    def __init__(self) -> None:
        self._minute: deque[int] = deque()
        self._day = 0

    def state(self) -> list[Any]:
        """What it keeps."""
        return [list(self._minute), self._day]

    def resume(self, kept: Sequence[Any]) -> None:
        """Go on from what another kept."""
        self._minute, self._day = deque(kept[0]), kept[1]

    def begin_day(self) -> None:
        """The account's day begins."""
        self._day = 0

    def over(self, intent: Intent, made: DecisionMade | None, exits: OrderRate | None) -> Iterator[str]:
        """Limits that this order passes: an entry's are those of its decision, an exit's those of `exits`."""
        self._forget(intent.ts_event_utc_ns)
        limits: tuple[Fact, Fact] | None = None
        if intent.kind is OrderKind.ENTRY and made is not None:
            facts = next((step.facts for step in made.steps if step.name == _NAME), None)
            limits = None if facts is None else (facts.get("limit", 0), facts.get("day_limit", 0))
        elif intent.kind is OrderKind.EXIT and exits is not None:
            limits = (exits.exits_minute_max, exits.exits_day_max)
        if limits is None:
            return
        for count, limit, span in zip((len(self._minute), self._day), limits, ("minute", "day"), strict=True):
            if not (isinstance(limit, int) and count < limit):
                yield f"{intent.client_order_id} is order {count + 1} of its {span}, and {limit} are allowed"

    def count(self, intent: Intent) -> None:
        """Note that this order was intended."""
        if intent.kind is not OrderKind.REPLACE:
            self._forget(intent.ts_event_utc_ns)
            self._minute.append(intent.ts_event_utc_ns)
            self._day += 1

    def _forget(self, now_utc_ns: int) -> None:
        while self._minute and self._minute[0] <= now_utc_ns - _MINUTE_NS:
            self._minute.popleft()
