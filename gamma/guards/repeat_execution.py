"""G15: a strategy that says the same thing over and over is broken."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import NS_PER_S, Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View


@final
class RepeatExecution(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Switch a strategy off that entered the same side of the same market again and again in a short time."""

    id: ClassVar[str] = "G15"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "the strategy's own entries in this market, by side and event time"
    resets: ClassVar[str] = "a person re-enables the strategy"
    latches: ClassVar[str] = "strategy off, until a person resumes"
    needs: ClassVar[tuple[str, ...]] = ("clock.ts_event_utc_ns",)
    example: ClassVar[Mapping[str, object]] = {"executions_max": 5, "window_s": 600}

    executions_max: Annotated[int, Field(gt=1)]
    window_s: Annotated[float, Field(gt=0)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.REPEAT_EXECUTION, trip.facts, trip)
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        if self._executions(view) < self.executions_max:
            return None
        return Trip(action=Action.STRATEGY_OFF, reason=Reason.REPEAT_EXECUTION, facts=self.reading(view), realised=True)

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {"limit": self.executions_max, "now": self._executions(view)}

    def _executions(self, view: View) -> int:
        """Entries of the busier side within the window."""
        since_utc_ns = view.clock.ts_event_utc_ns - round(self.window_s * NS_PER_S)
        sides = [
            past.side
            for past in view.activity.intents
            if past.ts_event_utc_ns > since_utc_ns
            and not past.reduces
            and (past.strategy, past.market) == (view.strategy, view.market.symbol)
        ]
        return max(sides.count(1), sides.count(-1))
