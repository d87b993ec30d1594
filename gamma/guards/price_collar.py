"""G10: no fat finger."""

from collections.abc import Mapping
from math import isnan
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import Scope, Verdict, denied, missing, passed
from gamma.markets import Kind
from gamma.reasons import Reason
from gamma.views import OrderView, View


@final
class PriceCollar(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Deny a limit price that is too far from the market.

        futures, gold      |price - mid| <= max(ticks_max * tick, mid_frac_max * mid)    [points]
        option spreads     0 < price < width, and |price - credit at mid| <= credit_frac_max * credit at mid
        event contracts    |price - mid| <= cents_max                                    [cents]

    A future may go to the market without a price; a spread or an event contract may not.
    """

    id: ClassVar[str] = "G10"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "limit price against mid"
    resets: ClassVar[str] = "with each order"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("market.kind", "market.tick_points", "liquidity.mid_points")
    example: ClassVar[Mapping[str, object]] = {
        "ticks_max": 20,
        "mid_frac_max": 0.005,
        "credit_frac_max": 0.15,
        "cents_max": 10,
    }

    ticks_max: Annotated[int, Field(gt=0)]
    mid_frac_max: Annotated[float, Field(gt=0, lt=1)]
    credit_frac_max: Annotated[float, Field(gt=0, lt=1)]
    cents_max: Annotated[int, Field(gt=0, lt=100)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        if isnan(order.price_points):
            return self._unpriced(view, order)
        if view.market.kind == Kind.OPTION_SPREAD and not 0 < order.price_points < view.signal.width_points:
            facts = {"price_points": order.price_points, "width_points": float(view.signal.width_points)}
            return denied(Reason.PRICE_COLLAR, facts)
        mid, limit = self._mid_and_limit(view)
        facts = {"limit": limit, "now": abs(order.price_points - mid), "mid_points": mid}
        # Prices are floats of whole ticks: a millionth of a tick over the limit is at the limit.
        within = facts["now"] <= limit + 1e-6 * float(view.market.tick_points)
        return passed(order, facts) if within else denied(Reason.PRICE_COLLAR, facts)

    def _unpriced(self, view: View, order: OrderView) -> Verdict:
        if view.market.kind in (Kind.OPTION_SPREAD, Kind.EVENT):
            return denied(Reason.PRICE_COLLAR, {"why": "this market is not traded without a limit price"})
        return passed(order, {"why": "at the market: no price to judge"})

    def _mid_and_limit(self, view: View) -> tuple[float, float]:
        market, mid = view.market, float(view.liquidity.mid_points)
        if market.kind == Kind.OPTION_SPREAD:
            credit = float(view.signal.credit_points)
            return credit, self.credit_frac_max * credit
        if market.kind == Kind.EVENT:
            return mid, float(self.cents_max)
        return mid, max(self.ticks_max * float(market.tick_points), self.mid_frac_max * mid)
