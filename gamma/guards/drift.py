"""G28: a strategy that is no longer what was validated trades less, and then not at all."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Self, final

import numpy as np
from pydantic import BaseModel, Field, model_validator

from gamma.drift import r_multiples_p, slippage_p, win_rate_p, worst_p
from gamma.guards import Action, Scope, Trip, Verdict, denied, missing, passed, shrunk
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View

Probability = Annotated[float, Field(gt=0, lt=1)]


@final
class Drift(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Halve a strategy's entries, then switch it off, as its record grows unlikely for what it was validated as.

        p of the win rate      P(at most so many wins) of a binomial with the validated win rate
        p of R-multiples       exp(-CUSUM) against a fall of their mean by half a standard deviation
        p of slippage          P(a mean slippage of stops as large), were it slippage_over_ticks above the expected
        half size              p < half_p,  p = the smallest of them, times how many are known
        off                    p < off_p

    It looks at the last 100 trades, from `trades_min` on, and at as many fills of stops. What was validated is of the
    card of the strategy's checkpoint, or of `[validated.NAME]`; R-multiples count where their mean and deviation are
    known.
    """

    id: ClassVar[str] = "G28"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = (
        "the strategy's completed trades (realised) against what was validated; slippage of its stops"
    )
    resets: ClassVar[str] = "with better trades; once off, with another evaluation"
    latches: ClassVar[str] = "strategy off, until a person resumes"
    needs: ClassVar[tuple[str, ...]] = ("validated.win_rate_frac",)
    example: ClassVar[Mapping[str, object]] = {
        "trades_min": 20,
        "half_p": 0.01,
        "off_p": 0.001,
        "slippage_over_ticks": 1,
    }

    trades_min: Annotated[int, Field(ge=5, le=100)]
    half_p: Probability
    off_p: Probability
    slippage_over_ticks: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _half_size_comes_first(self) -> Self:
        if self.off_p >= self.half_p:
            raise ValueError("off_p must be below half_p")
        return self

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.DRIFT, trip.facts, trip)
        facts, p = self.reading(view), self._p(view)
        if p != p:  # a win rate that is none
            return denied(Reason.INPUT_INVALID, {**facts, "input": "validated.win_rate_frac"})
        if p < self.half_p:
            return shrunk(order, order.lots // 2, Reason.DRIFT, facts)
        return passed(order, facts)

    def watch(self, view: View) -> Trip | None:
        if missing(view, self.needs) or not self._p(view) < self.off_p:
            return None
        # Completed trades are money that is really gone.
        return Trip(action=Action.STRATEGY_OFF, reason=Reason.DRIFT, facts=self.reading(view), realised=True)

    def reading(self, view: View) -> Mapping[str, Fact]:
        by_wins, by_r, by_slippage = self._ps(view)
        pnl = _pnl(view)
        return {
            "limit": self.half_p,
            "now": self._p(view),
            "win_rate_p": by_wins,
            "r_multiples_p": by_r,
            "slippage_p": by_slippage,
            "trades": len(pnl),
            "wins": int(np.count_nonzero(pnl > 0)),
            "validated_win_rate_frac": float(view.validated.win_rate_frac),
        }

    def leeway(self, view: View) -> float:
        """From a p of 1 down to that of half size, by orders of magnitude."""
        p = self._p(view)
        return 0.0 if p <= 0 else float(1 - np.log(p) / np.log(self.half_p))

    def _p(self, view: View) -> float:
        """1 while there are too few trades to say."""
        return worst_p(self._ps(view)) if len(_pnl(view)) >= self.trades_min else 1.0

    def _ps(self, view: View) -> tuple[float, float, float]:
        pnl, told, stops = _pnl(view), view.validated, np.asarray(view.track.slippage_ticks, dtype=np.float64)
        r_multiples = np.asarray(view.track.r_multiples, dtype=np.float64)[-len(pnl) :] if len(pnl) else np.zeros(0)
        by_wins = win_rate_p(int(np.count_nonzero(pnl > 0)), len(pnl), float(told.win_rate_frac))
        by_r = r_multiples_p(r_multiples.tolist(), float(told.r_mean), float(told.r_std))
        borne_ticks = float(view.market.slippage_ticks) + self.slippage_over_ticks
        by_slippage = slippage_p(stops.tolist(), borne_ticks) if len(stops) >= self.trades_min else math.nan
        return by_wins, by_r, by_slippage


def _pnl(view: View) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    pnl = np.asarray(view.track.pnl_usd_per_lot, dtype=np.float64)
    return pnl[len(pnl) - min(len(pnl), int(view.track.trades)) :]
