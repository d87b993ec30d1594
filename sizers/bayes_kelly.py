"""`bayes_kelly`: Kelly at a cautious value of the posterior win rate."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.kelly import Record, Window, beta_quantile, binary_kelly, odds, record, record_lots, record_lots_facts
from gamma.numeric import Num
from gamma.reasons import Fact
from gamma.views import View


@final
class BayesKelly(BaseModel, frozen=True, extra="forbid"):
    """Put a value of the posterior win rate, its mean or a low quantile, into the Kelly formula.

        p ~ Beta(prior_wins + wins, prior_losses + n - wins) [1]
        lots = balance [usd] * (b p - q) / b [1] / risk [usd/lot]

    `quantile` 0.25 takes the win rate that is exceeded with 75 %; unset, the posterior mean. b is the average
    win over the average loss, over the stated risk where nothing was lost yet. No edge gives 0; one lot until
    `bootstrap_trades` are completed, which may risk more than the budget.

    Shapes: scalars live, [B] in training; so is the result.
    Source: Gelman et al. (2013), Bayesian Data Analysis, ch. 2; Kelly (1956).
    """

    quantile: Annotated[float, Field(gt=0, lt=1)] | None = 0.25
    prior_wins: Annotated[float, Field(ge=0.5)] = 1.0
    prior_losses: Annotated[float, Field(ge=0.5)] = 1.0
    bootstrap_trades: Annotated[int, Field(ge=1)] = 10
    rolling_window: Window = 100

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it proposes
        found = self._record(view)
        fraction = binary_kelly(self._win_frac(found), self._ratio(view, found))
        return record_lots(view, found, fraction, self.bootstrap_trades)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002 - it proposes
        found = self._record(view)
        win_frac, ratio = self._win_frac(found), self._ratio(view, found)
        told = record_lots_facts(view, found, binary_kelly(win_frac, ratio), self.bootstrap_trades)
        return {"win_loss_ratio": float(ratio), "posterior_win_frac": float(win_frac), **told}

    def _record(self, view: View) -> Record:
        return record(view.track.pnl_usd_per_lot, view.track.trades, self.rolling_window)

    def _ratio(self, view: View, found: Record) -> Num:
        return odds(found, view.signal.risk_usd_per_lot).b

    def _win_frac(self, found: Record) -> Num:
        wins, others = self.prior_wins + found.wins, self.prior_losses + found.trades - found.wins
        return wins / (wins + others) if self.quantile is None else beta_quantile(self.quantile, wins, others)
