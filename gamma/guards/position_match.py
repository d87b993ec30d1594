"""G26: what we think we hold is what the broker holds."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View


@final
class PositionMatch(BaseModel, frozen=True, extra="forbid"):
    """Lock a market in which the broker's position is not the book's, to the lot; halt when it stays so.

    `mismatches_halt` counts comparisons in a row that disagreed; the lock comes with the first.
    """

    id: ClassVar[str] = "G26"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "the broker's position against the sum of our fills, by market"
    resets: ClassVar[str] = "by itself when they agree again, before it latches"
    latches: ClassVar[str] = "lock of the market, then halt of the account, until a person resumes"
    needs: ClassVar[tuple[str, ...]] = ("control.mismatches",)
    example: ClassVar[Mapping[str, object]] = {"mismatches_halt": 2}

    mismatches_halt: Annotated[int, Field(gt=1)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.POSITION_MISMATCH, trip.facts, trip)
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        mismatches = view.control.mismatches
        if mismatches >= self.mismatches_halt:
            # The comparisons are the readings, and they have agreed on this.
            return Trip(action=Action.HALT, reason=Reason.POSITION_MISMATCH, facts=self.reading(view), realised=True)
        if mismatches > 0:
            return Trip(action=Action.LOCK_MARKET, reason=Reason.POSITION_MISMATCH, facts=self.reading(view))
        return None

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {"limit": self.mismatches_halt, "now": view.control.mismatches}
