"""G11: a wide spread is a thin market."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import Scope, Verdict, denied, floor_lots, missing, passed, shrunk
from gamma.reasons import Fact, Reason
from gamma.views import MarketView, OrderView, View


@final
class SpreadWidth(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Shrink an entry as the spread widens past a multiple of its median; a crossed quote allows none.

    lots <= lots * medians_max * median spread [points] / spread [points]    where spread > medians_max * median
    """

    id: ClassVar[str] = "G11"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "spread of the last quote against its median"
    resets: ClassVar[str] = "by itself, with the next quote"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("market.bid_points", "market.ask_points", "market.spread_median_points")
    example: ClassVar[Mapping[str, object]] = {"medians_max": 3}

    medians_max: Annotated[float, Field(ge=1)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        facts = self.reading(view)
        spread, widest = _spread_points(view.market), self._widest_points(view.market)
        if spread < 0:
            return denied(Reason.SPREAD_WIDE, facts)
        if spread <= widest:
            return passed(order, facts)
        return shrunk(order, floor_lots(order.lots * widest / spread), Reason.SPREAD_WIDE, facts)

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {"limit": self._widest_points(view.market), "now": _spread_points(view.market)}

    def _widest_points(self, market: MarketView) -> float:
        return self.medians_max * float(market.spread_median_points)


def _spread_points(market: MarketView) -> float:
    return float(market.ask_points - market.bid_points)
