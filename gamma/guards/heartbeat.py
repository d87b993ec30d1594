"""G25: a loop that gives no sign of life is taken for dead."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.guards import NS_PER_S, Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import ControlView, OrderView, View

Seconds = Annotated[float, Field(gt=0)]


@final
class Heartbeat(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """No new risk while the broker, data or strategy loop is silent; halt when the silence lasts.

        no new risk    longest silence [s] > silence_max_s       lifts when it is over
        halt           longest silence [s] > silence_halt_s

    A silence of exactly its limit is still within it.
    """

    id: ClassVar[str] = "G25"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "seconds since the last sign of life of each loop"
    resets: ClassVar[str] = "by itself, with the next sign of life"
    latches: ClassVar[str] = "halt of the account after the longer silence, until a person resumes"
    needs: ClassVar[tuple[str, ...]] = ("control.broker_age_s", "control.data_age_s", "control.strategy_age_s")
    example: ClassVar[Mapping[str, object]] = {"silence_max_s": 15, "silence_halt_s": 60}

    silence_max_s: Seconds
    silence_halt_s: Seconds

    @model_validator(mode="after")
    def _halt_comes_last(self) -> Self:
        if self.silence_max_s >= self.silence_halt_s:
            raise ValueError("silence_max_s must be below silence_halt_s")
        return self

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.HEARTBEAT, trip.facts, trip)
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        if missing(view, self.needs):
            return None
        silence_s, _ = _longest_silence(view.control)
        if silence_s > self.silence_halt_s:
            return Trip(action=Action.HALT, reason=Reason.HEARTBEAT, facts=self.reading(view))
        if silence_s > self.silence_max_s:
            until_utc_ns = view.clock.ts_event_utc_ns + round(self.silence_max_s * NS_PER_S)
            return Trip(
                action=Action.REDUCING, reason=Reason.HEARTBEAT, facts=self.reading(view), until_utc_ns=until_utc_ns
            )
        return None

    def reading(self, view: View) -> Mapping[str, Fact]:
        silence_s, loop = _longest_silence(view.control)
        return {"limit": self.silence_max_s, "now": silence_s, "loop": loop, "silence_halt_s": self.silence_halt_s}


def _longest_silence(control: ControlView) -> tuple[float, str]:
    return max(
        (float(control.broker_age_s), "broker"),
        (float(control.data_age_s), "data"),
        (float(control.strategy_age_s), "strategy"),
    )
