"""G6: the worst case of one trade."""

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, ClassVar, Literal, final

from pydantic import BaseModel, Field

from gamma.guards import Scope, Verdict, denied, floor_lots, missing, shrunk
from gamma.reasons import Fact, Reason
from gamma.views import AccountView, OrderView, View

Frac = Annotated[float, Field(gt=0, le=1)]


@final
class RiskPerTrade(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Shrink an entry until its worst case, costs included, is within the budget for one trade.

        lots <= min(equity_frac * equity [usd], room_frac * room [usd]) / worst case of one lot [usd]

    Room is equity above the account's floor; an account that has none says `room_frac = "no_floor"`.
    """

    id: ClassVar[str] = "G6"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "worst case of the trade against equity (realised and open) and room above the floor"
    resets: ClassVar[str] = "with each order"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("account.equity_usd",)
    example: ClassVar[Mapping[str, object]] = {"equity_frac": 0.02, "room_frac": 0.20}

    equity_frac: Frac
    room_frac: Frac | Literal["no_floor"]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        budget_usd, worst_usd = self._budget_usd(view.account), float(view.signal.risk_usd_per_lot)
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        if not isfinite(budget_usd):
            return denied(Reason.INPUT_MISSING, {"input": "account.floor_usd"})
        if not worst_usd > 0:
            return denied(Reason.INPUT_MISSING, {"input": "signal.risk_usd_per_lot"})
        lots = floor_lots(budget_usd / worst_usd)
        facts: dict[str, Fact] = {"limit": budget_usd, "now": order.lots * worst_usd, "risk_usd_per_lot": worst_usd}
        return shrunk(order, lots, Reason.RISK_PER_TRADE, facts)

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {"limit": self._budget_usd(view.account)}

    def _budget_usd(self, account: AccountView) -> float:
        of_equity_usd = self.equity_frac * float(account.equity_usd)
        if isinstance(self.room_frac, str):
            return of_equity_usd
        of_room_usd = self.room_frac * float(account.room_usd)
        return min(of_equity_usd, of_room_usd) if isfinite(of_room_usd) else of_room_usd
