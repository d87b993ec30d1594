"""G22: nothing is held without a stop."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View


@final
class ProtectiveOrder(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Close a strategy's position that has had neither a live stop at the broker nor a defined largest loss for long.

        closed when bare [lots] > 0 for longer than bare_max_s

    A stop is live once the broker has confirmed it, for as many lots as it could still sell. An option structure
    and an event contract say themselves what they can lose. What is being closed already needs no stop.
    """

    id: ClassVar[str] = "G22"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "live stops at the broker against what the strategy holds"
    resets: ClassVar[str] = "with the position, or once a stop is live"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("position.bare_lots", "position.bare_s")
    example: ClassVar[Mapping[str, object]] = {"bare_max_s": 2}

    bare_max_s: Annotated[float, Field(gt=0)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.UNPROTECTED, trip.facts, trip)
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        if not (view.position.bare_lots > 0 and view.position.bare_s > self.bare_max_s):
            return None
        # Orders are ours to count: this is no reading that could be wrong.
        return Trip(action=Action.FLATTEN, reason=Reason.UNPROTECTED, facts=self.reading(view), realised=True)

    def reading(self, view: View) -> Mapping[str, Fact]:
        position = view.position
        return {"limit": self.bare_max_s, "now": float(position.bare_s), "bare_lots": float(position.bare_lots)}
