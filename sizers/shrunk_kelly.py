"""`shrunk_kelly`: Kelly, shrunk by how little the record proves."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.kelly import Record, Window, binary_kelly, odds, record, record_lots, record_lots_facts, shrinkage
from gamma.numeric import Num
from gamma.reasons import Fact
from gamma.views import View


@final
class ShrunkKelly(BaseModel, frozen=True, extra="forbid"):
    """Keep only so much of the Kelly fraction as its own uncertainty leaves worth staking.

        lots = balance [usd] * k [1] * f [1] / risk [usd/lot]
        f = (b p - q) / b,  k = e^2 / (e^2 + (b + 1)^2 p q / n),  e = (b + 1) p - 1

    p is the share of wins among the last n trades, b the average win over the average loss. No edge gives 0;
    one lot until `bootstrap_trades` are completed, which may risk more than the budget.

    Shapes: scalars live, [B] in training; so is the result.
    Source: Baker and McHale (2013), Optimal betting under parameter uncertainty.
    """

    bootstrap_trades: Annotated[int, Field(ge=1)] = 10
    rolling_window: Window = 100

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it proposes
        found = self._record(view)
        return record_lots(view, found, self._fraction(view, found), self.bootstrap_trades)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002 - it proposes
        found = self._record(view)
        told = record_lots_facts(view, found, self._fraction(view, found), self.bootstrap_trades)
        bet = odds(found, view.signal.risk_usd_per_lot)
        kelly = {"win_loss_ratio": float(bet.b), "kelly_frac": float(binary_kelly(bet.p, bet.b))}
        return {**kelly, "shrinkage_frac": float(shrinkage(bet)), **told}

    def _record(self, view: View) -> Record:
        return record(view.track.pnl_usd_per_lot, view.track.trades, self.rolling_window)

    def _fraction(self, view: View, found: Record) -> Num:
        bet = odds(found, view.signal.risk_usd_per_lot)
        return shrinkage(bet) * binary_kelly(bet.p, bet.b)
