"""G29: out of a contract before another month is in front."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, ClassVar, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.guards import S_PER_HOUR, Scope, Trip, Verdict, denied, missing
from gamma.guards.flat_by import FlatBy
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View

Seconds = Annotated[float, Field(gt=0)]


@final
class ContractRoll(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """In the last session of a month of index futures: cancel entries, then close all, then verify and page.

        no entries, working ones cancelled    to T [s] <= cancel_before_s
        all closed                            to T [s] <= flat_before_s
        still not flat: close, halt, page     to T [s] <= verify_before_s

    T is the moment to be flat by of the last session before the roll, as `flat_by` has it of every session. Nothing is
    opened again by itself: who still wants the position says so in the new month, on that month's bars. In a market
    without months it cannot see what it needs, and gamma does not start.
    """

    id: ClassVar[str] = "G29"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "time of the event to T of the last session in front; positions and working orders there"
    resets: ClassVar[str] = "with the first session of the next month"
    latches: ClassVar[str] = "nothing; a halt for the session when it is not flat in time"
    needs: ClassVar[tuple[str, ...]] = ("clock.to_roll_s",)
    example: ClassVar[Mapping[str, object]] = {"cancel_before_s": 600, "flat_before_s": 300, "verify_before_s": 60}

    cancel_before_s: Seconds
    flat_before_s: Seconds
    verify_before_s: Seconds

    @model_validator(mode="after")
    def _steps_follow_one_another(self) -> Self:
        _ = self._steps
        return self

    @property
    def looks_every_max_s(self) -> float:
        """The last stretch in which a position can be closed in time [s]."""
        return self.flat_before_s

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        verdict = self._steps(_by_roll(view), order)
        if verdict.reason is not Reason.FLAT_BY:
            return verdict
        return replace(verdict, reason=Reason.CONTRACT_ROLL, trip=_named(verdict.trip))

    def watch(self, view: View) -> Trip | None:
        return _named(self._steps.watch(_by_roll(view)))

    def reading(self, view: View) -> Mapping[str, Fact]:
        return self._steps.reading(_by_roll(view))

    def leeway(self, view: View) -> float:
        """The last hour before entries end is the way."""
        return (float(view.clock.to_roll_s) - self.cancel_before_s) / S_PER_HOUR

    @cached_property
    def _steps(self) -> FlatBy:
        return FlatBy(
            cancel_before_s=self.cancel_before_s,
            flat_before_s=self.flat_before_s,
            verify_before_s=self.verify_before_s,
        )


def _by_roll(view: View) -> View:
    return replace(view, clock=replace(view.clock, to_flat_by_s=view.clock.to_roll_s))


def _named(trip: Trip | None) -> Trip | None:
    return None if trip is None else replace(trip, reason=Reason.CONTRACT_ROLL)
