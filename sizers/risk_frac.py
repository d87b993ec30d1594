"""`risk_frac`: the lots whose worst loss is a set fraction of the balance."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.numeric import Num
from gamma.reasons import Fact, Reason
from gamma.sizing import fraction_lots, require_stake
from gamma.views import View


@final
class RiskFrac(BaseModel, frozen=True, extra="forbid"):
    """Risk a fixed fraction of the balance on each trade.

    lots = frac [1] * balance [usd] / risk [usd/lot]

    Shapes: scalars live, [B] in training; so is the result.
    Source: Vince (1990), Portfolio Management Formulas.
    """

    frac: Annotated[float, Field(gt=0, le=1)] = 0.01

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it proposes
        return fraction_lots(view.account.balance_usd, self.frac, view.signal.risk_usd_per_lot)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        balance_usd, risk_usd = require_stake(view)
        raw = float(self(view, lots))
        return {
            "balance_usd": balance_usd,
            "risk_frac": self.frac,
            "budget_usd": self.frac * balance_usd,
            "risk_usd_per_lot": risk_usd,
            "raw_lots": raw,
            "reason": Reason.OK if raw >= 1 else Reason.BUDGET,
        }
