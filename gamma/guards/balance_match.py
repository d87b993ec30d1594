"""G31: the day's money adds up, or the next day does not begin."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, final

from pydantic import BaseModel, Field

from gamma.guards import Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View

# The gap is a float made from whole micro-dollars; a gap of exactly the tolerance is within it.
_EXACT_USD: Final = 1e-9


@final
class BalanceMatch(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Take no new risk after a day whose balance is not start plus P&L, fees and transfers, to the cent."""

    id: ClassVar[str] = "G31"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "the broker's balance against the ledger's, at the end of the day (realised)"
    resets: ClassVar[str] = "when the books agree again"
    latches: ClassVar[str] = "REDUCING, until a person resumes"
    needs: ClassVar[tuple[str, ...]] = ("control.balance_gap_usd",)
    example: ClassVar[Mapping[str, object]] = {"gap_max_usd": 0.01}

    gap_max_usd: Annotated[float, Field(ge=0)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.BALANCE_MISMATCH, trip.facts, trip)
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        if not abs(view.control.balance_gap_usd) > self.gap_max_usd + _EXACT_USD:
            return None
        return Trip(action=Action.REDUCING, reason=Reason.BALANCE_MISMATCH, facts=self.reading(view), realised=True)

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {"limit": self.gap_max_usd, "now": float(view.control.balance_gap_usd)}
