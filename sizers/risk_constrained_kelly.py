"""`risk_constrained_kelly`: Kelly, bounded by the chance of ever losing a part of wealth."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.kelly import (
    Record,
    Window,
    binary_kelly,
    odds,
    record,
    record_lots,
    record_lots_facts,
    risk_constrained_kelly,
)
from gamma.numeric import Num
from gamma.reasons import Fact
from gamma.views import View


@final
class RiskConstrainedKelly(BaseModel, frozen=True, extra="forbid"):
    """Stake the most that keeps P(wealth ever below alpha of today's) under beta, and never more than Kelly.

        lots = balance [usd] * f [1] / risk [usd/lot]
        f the root in (0, f*] of p (1 + b f)^-l + q (1 - f)^-l = 1,  l = log(beta) / log(alpha)

    `wealth_min_frac` is alpha, `ruin_max_prob` beta; p is the share of wins, b the average win over the average
    loss. No edge gives 0; one lot until `bootstrap_trades` are completed, which may risk more than the budget.

    Shapes: scalars live, [B] in training; so is the result.
    Source: Busseti, Ryu and Boyd (2016), Risk-constrained Kelly gambling.
    """

    wealth_min_frac: Annotated[float, Field(gt=0, lt=1)] = 0.7
    ruin_max_prob: Annotated[float, Field(gt=0, lt=1)] = 0.1
    bootstrap_trades: Annotated[int, Field(ge=1)] = 10
    rolling_window: Window = 100

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it proposes
        found = self._record(view)
        return record_lots(view, found, self._fraction(view, found), self.bootstrap_trades)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002 - it proposes
        found = self._record(view)
        told = record_lots_facts(view, found, self._fraction(view, found), self.bootstrap_trades)
        bet = odds(found, view.signal.risk_usd_per_lot)
        asked = {"wealth_min_frac": self.wealth_min_frac, "ruin_max_prob": self.ruin_max_prob}
        return {**asked, "win_loss_ratio": float(bet.b), "kelly_frac": float(binary_kelly(bet.p, bet.b)), **told}

    def _record(self, view: View) -> Record:
        return record(view.track.pnl_usd_per_lot, view.track.trades, self.rolling_window)

    def _fraction(self, view: View, found: Record) -> Num:
        return risk_constrained_kelly(
            odds(found, view.signal.risk_usd_per_lot), self.wealth_min_frac, self.ruin_max_prob
        )
