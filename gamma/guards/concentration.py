"""G8: not all eggs in one market, nor in markets that move as one."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import Scope, Verdict, denied, floor_lots, missing, shrunk
from gamma.guards.limits import stake_usd_per_lot
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, PositionView, View


@final
class Concentration(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Shrink an entry so that what its market, or its family of markets, ties up stays a share of the portfolio.

        lots <= (portfolio_frac * portfolio - max(market, family)) [usd] / what one lot ties up [usd]

    What works counts as what is held: it may fill. Tied up is the price of an event contract, the margin of a
    future or of gold, the largest loss of an option spread. Index futures are one family.
    """

    id: ClassVar[str] = "G8"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "money tied up in the market and its family, held and working, against the portfolio"
    resets: ClassVar[str] = "with the positions"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = (
        "position.portfolio_usd",
        "position.market_value_usd",
        "position.family_value_usd",
        "position.market_pending_usd",
        "position.family_pending_usd",
        "market.margin_usd_per_lot",
    )
    example: ClassVar[Mapping[str, object]] = {"portfolio_frac": 0.20}

    portfolio_frac: Annotated[float, Field(gt=0, le=1)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        stake_usd = stake_usd_per_lot(view, order)
        if not stake_usd > 0:
            return denied(Reason.INPUT_MISSING, {"input": "what one lot ties up"})
        left_usd = self.portfolio_frac * float(view.position.portfolio_usd) - _tied_usd(view.position)
        facts: dict[str, Fact] = {**self.reading(view), "stake_usd_per_lot": stake_usd}
        return shrunk(order, floor_lots(left_usd / stake_usd), Reason.CONCENTRATION, facts)

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {
            "limit": self.portfolio_frac * float(view.position.portfolio_usd),
            "now": _tied_usd(view.position),
        }


def _tied_usd(position: PositionView) -> float:
    market_usd = position.market_value_usd + position.market_pending_usd
    return float(max(market_usd, position.family_value_usd + position.family_pending_usd))
