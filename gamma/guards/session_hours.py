"""G16: no entry where prices are wild or the session is about to end."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import S_PER_HOUR, Scope, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import ClockView, OrderView, View


@final
class SessionHours(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """No entry in the first or last minutes of a session, outside it, in a halt, or in a news window.

    entry allowed when since_open [s] >= open_quiet_s and to_close [s] > close_quiet_s
    """

    id: ClassVar[str] = "G16"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "time of the event within the market's session"
    resets: ClassVar[str] = "by itself, as time passes"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("clock.since_open_s", "clock.to_close_s")
    example: ClassVar[Mapping[str, object]] = {"open_quiet_s": 300, "close_quiet_s": 1200}

    open_quiet_s: Annotated[float, Field(ge=0)]
    close_quiet_s: Annotated[float, Field(ge=0)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        why = _closed(view)
        if not why:
            if gap := missing(view, self.needs):
                return denied(Reason.INPUT_MISSING, {"input": gap})
            why = self._quiet(view.clock)
        facts = self.reading(view)
        return denied(Reason.SESSION_HOURS, {**facts, "why": why}) if why else passed(order, facts)

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {
            "limit": self.close_quiet_s,
            "now": float(view.clock.to_close_s),
            "open_quiet_s": self.open_quiet_s,
            "since_open_s": float(view.clock.since_open_s),
        }

    def leeway(self, view: View) -> float:
        """The last hour before entries end is the way."""
        return (float(view.clock.to_close_s) - self.close_quiet_s) / S_PER_HOUR

    def _quiet(self, clock: ClockView) -> str:
        if clock.since_open_s < self.open_quiet_s:
            return "just after the open"
        if clock.to_close_s <= self.close_quiet_s:
            return "just before the close"
        return ""


def _closed(view: View) -> str:
    if not view.control.calendar_agrees:
        return "the two calendars disagree"
    if not view.clock.in_session:
        return "the market is closed or halted"
    return "news window" if view.clock.in_news_window else ""
