"""G12: an old number is no number."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import Scope, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View

Limit = Annotated[float, Field(gt=0)]


@final
class StaleData(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """No entry on an old quote, an old bar, or a clock that is off; an age from the future is a bad clock.

    quote_age [s] <= quote_age_max_s
    bar_age [s] <= bar_age_max_bars * length of a bar [s]
    |clock offset| [s] <= clock_offset_max_s

    An age a little below zero is within what the clock may be off.
    """

    id: ClassVar[str] = "G12"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "age of the last quote and bar, offset of the clock"
    resets: ClassVar[str] = "by itself, with the next fresh reading"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = (
        "market.quote_age_s",
        "market.bar_age_s",
        "market.bar_s",
        "clock.clock_offset_s",
    )
    example: ClassVar[Mapping[str, object]] = {"quote_age_max_s": 5, "bar_age_max_bars": 2, "clock_offset_max_s": 1}

    quote_age_max_s: Limit
    bar_age_max_bars: Limit
    clock_offset_max_s: Limit

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.STALE_DATA, {"input": gap})
        facts = self.reading(view)
        earliest_s = -self.clock_offset_max_s
        fresh = (
            earliest_s <= view.market.quote_age_s <= self.quote_age_max_s
            and earliest_s <= view.market.bar_age_s <= self.bar_age_max_bars * view.market.bar_s
            and abs(view.clock.clock_offset_s) <= self.clock_offset_max_s
        )
        return passed(order, facts) if fresh else denied(Reason.STALE_DATA, facts)

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {
            "limit": self.quote_age_max_s,
            "now": float(view.market.quote_age_s),
            "bar_age_max_s": self.bar_age_max_bars * float(view.market.bar_s),
            "bar_age_s": float(view.market.bar_age_s),
            "clock_offset_max_s": self.clock_offset_max_s,
            "clock_offset_s": float(view.clock.clock_offset_s),
        }
