"""`vol_target`: the lots whose volatility is a set fraction of the balance."""

from collections.abc import Mapping
from typing import Annotated, Final, final

from pydantic import BaseModel, Field

from gamma.numeric import Num
from gamma.reasons import Fact, Reason
from gamma.sizing import fraction_lots, require
from gamma.views import View

# The square root of 256 trading days, near enough to a year's 252.
SQRT_DAYS: Final = 16.0


@final
class VolTarget(BaseModel, frozen=True, extra="forbid"):
    """Scale lots so that the position's volatility is a set fraction of the balance a year.

    lots = vol_yearly [1] * balance [usd] / 16 / (vol_daily [points] * multiplier [usd/point])

    Shapes: scalars live, [B] in training; so is the result.
    Source: Carver (2015), Systematic Trading.
    """

    vol_yearly_frac: Annotated[float, Field(gt=0, le=2)] = 0.25

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it proposes
        return fraction_lots(view.account.balance_usd, self.vol_yearly_frac / SQRT_DAYS, self._vol_usd(view))

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        balance_usd, vol_points = view.account.balance_usd, view.market.vol_daily_points
        require("account.balance_usd", balance_usd, "wait for the broker's balance, or give --balance")
        require("market.vol_daily_points", vol_points, "wait until enough days of bars have come")
        require("market.multiplier_usd_per_point", view.market.multiplier_usd_per_point, "set the market's tick value")
        raw = float(self(view, lots))
        return {
            "balance_usd": float(balance_usd),
            "vol_yearly_frac": self.vol_yearly_frac,
            "vol_daily_points": float(vol_points),
            "budget_usd": float(self.vol_yearly_frac * balance_usd / SQRT_DAYS),
            "risk_usd_per_lot": float(self._vol_usd(view)),
            "raw_lots": raw,
            "reason": Reason.OK if raw >= 1 else Reason.BUDGET,
        }

    def _vol_usd(self, view: View) -> Num:
        return view.market.vol_daily_points * view.market.multiplier_usd_per_point
