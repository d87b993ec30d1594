"""G7: the worst cases of everything at once."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import Scope, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View


@final
class GrossRisk(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Deny an entry whose worst case would carry the sum of all worst cases past a share of equity.

    risk of what is open and working [usd] + lots * worst case of one lot [usd] <= equity_frac * equity [usd]
    """

    id: ClassVar[str] = "G7"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "worst cases of open and working trades against equity (realised and open)"
    resets: ClassVar[str] = "with the positions"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("account.equity_usd", "account.gross_risk_usd")
    example: ClassVar[Mapping[str, object]] = {"equity_frac": 0.06}

    equity_frac: Annotated[float, Field(gt=0, le=1)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, (*self.needs, "signal.risk_usd_per_lot")):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        would_be_usd = float(view.account.gross_risk_usd + order.lots * view.signal.risk_usd_per_lot)
        facts: dict[str, Fact] = {**self.reading(view), "would_be_usd": would_be_usd}
        within = would_be_usd <= self.equity_frac * view.account.equity_usd
        return passed(order, facts) if within else denied(Reason.GROSS_RISK, facts)

    def reading(self, view: View) -> Mapping[str, Fact]:
        account = view.account
        return {"limit": self.equity_frac * float(account.equity_usd), "now": float(account.gross_risk_usd)}
