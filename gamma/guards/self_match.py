"""G17: never trade against ourselves."""

from collections.abc import Mapping
from typing import ClassVar, final

from pydantic import BaseModel

from gamma.guards import Scope, Verdict, denied, missing, passed
from gamma.reasons import Reason
from gamma.views import OrderView, View


@final
class SelfMatch(BaseModel, frozen=True, extra="forbid"):
    """Deny an entry against our own opposite order or position, in its market or in its family of markets.

    Firms count opposite positions in correlated markets as hedging; exchanges forbid a match with oneself.
    """

    id: ClassVar[str] = "G17"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "positions and working entries of the account"
    resets: ClassVar[str] = "with the positions"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = (
        "position.lots",
        "position.family_long_minis",
        "position.family_short_minis",
    )
    example: ClassVar[Mapping[str, object]] = {}

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        position, side = view.position, order.side
        if any(market == order.market and lots * side < 0 for market, lots in view.activity.working):
            return denied(Reason.SELF_MATCH, {"why": "our own order works on the other side of this market"})
        if position.lots * side < 0:
            return denied(
                Reason.SELF_MATCH, {"why": "we hold the other side of this market", "now": int(position.lots)}
            )
        against = float(position.family_short_minis if side > 0 else position.family_long_minis)
        if against > 0:
            return denied(Reason.SELF_MATCH, {"why": "we are on the other side of a correlated market", "now": against})
        return passed(order)
