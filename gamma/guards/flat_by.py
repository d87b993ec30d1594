"""G23: flat before the session ends, in three steps."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.guards import S_PER_HOUR, Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, PositionView, View

Seconds = Annotated[float, Field(gt=0)]


@final
class FlatBy(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Before T, the moment to be flat by: cancel entries, then close all, then verify and page.

        no entries, working ones cancelled    to T [s] <= cancel_before_s
        all closed                            to T [s] <= flat_before_s
        still not flat: close, halt, page     to T [s] <= verify_before_s

    T = min(the profile's time, the calendar's close - a margin): on a full day 16:59 New York. An unknown
    position is not flat. Where time is that of the bars (a file, the simulator), none may be longer than
    `flat_before_s`: else no bar need end in time, and gamma does not start.
    """

    id: ClassVar[str] = "G23"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "time of the event to T; positions and working orders in the market"
    resets: ClassVar[str] = "with the next session"
    latches: ClassVar[str] = "nothing; a halt for the session when it is not flat in time"
    needs: ClassVar[tuple[str, ...]] = ("clock.to_flat_by_s",)
    example: ClassVar[Mapping[str, object]] = {"cancel_before_s": 600, "flat_before_s": 300, "verify_before_s": 60}

    cancel_before_s: Seconds
    flat_before_s: Seconds
    verify_before_s: Seconds

    @model_validator(mode="after")
    def _steps_follow_one_another(self) -> Self:
        if not self.cancel_before_s > self.flat_before_s > self.verify_before_s:
            raise ValueError("cancel_before_s must be above flat_before_s, and that above verify_before_s")
        return self

    @property
    def looks_every_max_s(self) -> float:
        """The last stretch in which a position can be closed in time [s]."""
        return self.flat_before_s

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if not view.control.calendar_agrees:
            return denied(Reason.FLAT_BY, {"why": "the two calendars disagree"})
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        if view.clock.to_flat_by_s <= self.cancel_before_s:
            return denied(Reason.FLAT_BY, self.reading(view), self.watch(view))
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        action = self._action(view)
        if action is None:
            return None
        until_utc_ns = view.clock.ts_session_close_utc_ns if action is Action.FLATTEN_AND_HALT else 0
        return Trip(
            action=action, reason=Reason.FLAT_BY, facts=self.reading(view), realised=True, until_utc_ns=until_utc_ns
        )

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {
            "limit": self.cancel_before_s,
            "now": float(view.clock.to_flat_by_s),
            "lots": float(view.position.lots),
            "working_lots": float(_working_lots(view.position)),
        }

    def leeway(self, view: View) -> float:
        """The last hour before entries end is the way."""
        return (float(view.clock.to_flat_by_s) - self.cancel_before_s) / S_PER_HOUR

    def _action(self, view: View) -> Action | None:
        left_s, working = view.clock.to_flat_by_s, _working_lots(view.position) != 0
        flat = view.position.lots == 0 and not working  # NaN is neither 0 nor flat
        if flat or not left_s <= self.cancel_before_s:
            return None
        if left_s <= self.verify_before_s:
            return Action.FLATTEN_AND_HALT
        if left_s <= self.flat_before_s:
            return Action.FLATTEN
        return Action.CANCEL_ENTRIES if working else None


def _working_lots(position: PositionView) -> float:
    return float(position.working_long_lots + position.working_short_lots)
