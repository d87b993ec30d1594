"""`bounded_kelly`: Kelly at a lower confidence bound of the edge."""

from collections.abc import Mapping
from typing import Annotated, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.kelly import (
    Bootstrap,
    Bounded,
    Record,
    Window,
    bounded_kelly,
    latest,
    record,
    record_lots,
    record_lots_facts,
    uniform_draws,
)
from gamma.numeric import Num
from gamma.reasons import Fact
from gamma.views import View


@final
class BoundedKelly(BaseModel, frozen=True, extra="forbid"):
    """Stake the Kelly fraction of a record shifted down to the lower confidence bound of its mean.

        lots = balance [usd] * f [1] / risk [usd/lot]
        f maximises (1 - e) * mean log(1 + f x) + e * log(1 - f) over the shifted R-multiples x

    The bound is that of a block bootstrap with fixed draws; e (`tail_prob`) is the chance that a trade loses
    all of its risk, whatever the record says. Never above half of the unshifted fraction. No edge at the bound
    gives 0; one lot until `bootstrap_trades` are completed, which may risk more than the budget.

    Shapes: scalars live, [B] in training; so is the result.
    Source: Kelly (1956); Kuensch (1989).
    """

    bound_prob: Annotated[float, Field(gt=0, lt=1)] = 0.10
    tail_prob: Annotated[float, Field(ge=0, lt=1)] = 0.01
    block_trades: Annotated[int, Field(ge=1)] = 5
    resamples: Annotated[int, Field(ge=20, le=10_000)] = 250
    seed: Annotated[int, Field(ge=0)] = 20_260_101
    bootstrap_trades: Annotated[int, Field(ge=1)] = 10
    rolling_window: Window = 100

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.block_trades > self.bootstrap_trades:
            raise ValueError(
                f"block_trades = {self.block_trades} is above bootstrap_trades = {self.bootstrap_trades}, "
                "so that the shortest record would hold no block; lower it"
            )
        return self

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it proposes
        found = self._record(view)
        return record_lots(view, found, self._bounded(view, found).fraction, self.bootstrap_trades)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002 - it proposes
        found = self._record(view)
        bounded = self._bounded(view, found)
        told = record_lots_facts(view, found, bounded.fraction, self.bootstrap_trades, "r")
        means = {"mean_r": float(bounded.mean), "low_mean_r": float(bounded.low_mean)}
        return {**means, "kelly_frac": float(bounded.full_frac), **told}

    def _record(self, view: View) -> Record:
        return record(view.track.r_multiples, view.track.trades, self.rolling_window)

    def _bounded(self, view: View, found: Record) -> Bounded:
        multiples, _ = latest(view.track.r_multiples, found.trades, self.rolling_window)
        draws = uniform_draws(self.seed, self.resamples, max(self.rolling_window // self.block_trades, 1))
        how = Bootstrap(draws=draws, block=self.block_trades, prob=self.bound_prob)
        return bounded_kelly(multiples, found.trades, how, self.tail_prob)
