"""G4: no single order is larger than its market bears."""

from collections.abc import Mapping
from typing import ClassVar, final

from pydantic import BaseModel

from gamma.guards import Scope, Verdict, denied, passed
from gamma.guards.limits import LotsByMarket, of_market
from gamma.reasons import Reason
from gamma.views import OrderView, View


@final
class OrderSize(BaseModel, frozen=True, extra="forbid"):
    """Deny an order of more lots than its market's limit, by symbol or else by kind; no limit, no order."""

    id: ClassVar[str] = "G4"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "lots of the order"
    resets: ClassVar[str] = "with each order"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("market.kind",)
    example: ClassVar[Mapping[str, object]] = {
        "lots_max": {"emini": 1, "micro": 12, "spot": 30, "option_spread": 3, "event": 100}
    }

    lots_max: LotsByMarket

    def __call__(self, view: View, order: OrderView) -> Verdict:
        facts = self.reading(view)
        if order.lots <= facts["limit"]:
            return passed(order, facts)
        return denied(Reason.ORDER_TOO_LARGE, {**facts, "lots": order.lots})

    def reading(self, view: View) -> Mapping[str, float]:
        return {"limit": of_market(self.lots_max, view.market)}
