"""`atr_risk`: as many lots as the risk budget bears at a stop set by volatility."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.exits import atr_stop_points
from gamma.numeric import INF, NAN, Num, above_zero, maximum, minimum, ratio, where
from gamma.reasons import Fact, Reason
from gamma.sizing import require
from gamma.views import View

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]


@final
class DrawdownScale(BaseModel, frozen=True, extra="forbid"):
    """Full size while the share of room left is at least `full_frac`, then linearly down to `least_scale`.

    scale = least_scale + (1 - least_scale) * (left - least_frac) / (full_frac - least_frac), within least_scale..1
    """

    full_frac: Share = 0.5
    least_frac: Annotated[float, Field(ge=0, lt=1)] = 0.25
    least_scale: Annotated[float, Field(ge=0, le=1)] = 0.25

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.least_frac < self.full_frac:
            raise ValueError(f"least_frac = {self.least_frac} must be below full_frac = {self.full_frac}")
        return self

    def __call__(self, left_frac: Num) -> Num:
        rise = (left_frac - self.least_frac) / (self.full_frac - self.least_frac)
        return minimum(maximum(self.least_scale + (1 - self.least_scale) * rise, self.least_scale), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """What one view comes to."""

    wanted_points: Num
    stop_points: Num
    risk_usd_per_lot: Num
    budget_usd: Num
    scale: Num

    @property
    def raw_lots(self) -> Num:
        return self.scale * ratio(self.budget_usd, self.risk_usd_per_lot)


@final
class AtrRisk(BaseModel, frozen=True, extra="forbid"):
    """Hold the loss at the stop, over all lots and with costs, within the risk budget.

        stop   = min(atr * sl_atr_mult [points], max_loss [usd] / multiplier [usd/point])
        budget = min(balance * risk_frac, max_loss, room * room_frac) [usd]
        lots   = scale [1] * budget / (stop * multiplier + costs) [usd/lot], at most the market's cap

    No lower clip: without budget it is 0. Where max_loss cuts the stop by more than `stop_shrink_max`
    of what volatility asks, the trade is refused. `drawdown_scale` is off unless it is set.

    An account without a profile has no floor (`floor_usd` is NaN), and then no room rule; NaN equity closes
    in either case. With `require_floor` a floor that is not known closes as well: set it on a prop account.

    Shapes: scalars live, [B] in training; so is the result.
    """

    sl_atr_mult: Positive = 1.5
    max_loss_usd: Positive = 500.0
    risk_frac: Share = 0.01
    room_frac: Share = 0.9
    stop_shrink_max: Annotated[float, Field(ge=0, lt=1)] = 0.5
    include_costs: bool = True
    require_floor: bool = False
    drawdown_scale: DrawdownScale | None = None

    def __call__(self, view: View, lots: Num) -> Num:
        found = self._sums(view)
        sound = above_zero(view.account.balance_usd, view.account.equity_usd, found.stop_points)
        sized = minimum(minimum(found.raw_lots, view.market.lots_max), lots)
        return where(sound & self._wide_enough(found), sized, 0.0)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        self._check(view)
        found = self._sums(view)
        return {
            "balance_usd": float(view.account.balance_usd),
            "room_usd": float(view.account.room_usd),
            "atr_points": float(view.market.atr_points),
            "atr_stop_points": float(found.wanted_points),
            "stop_points": float(found.stop_points),
            "multiplier_usd_per_point": float(view.market.multiplier_usd_per_point),
            "cost_usd_per_lot": self._cost_usd(view),
            "risk_usd_per_lot": float(found.risk_usd_per_lot),
            "scale": float(found.scale),
            "budget_usd": float(max(0.0, found.budget_usd * found.scale)),
            "raw_lots": float(found.raw_lots),
            "lots_max": float(view.market.lots_max),
            "reason": self._reason(view, found, lots),
        }

    def _reason(self, view: View, found: _Sums, lots: float) -> Reason:
        if not self._wide_enough(found):
            return Reason.STOP_SHRUNK
        if found.raw_lots < 1:
            return Reason.BUDGET
        return Reason.CAP if found.raw_lots > min(view.market.lots_max, lots) else Reason.OK

    def _check(self, view: View) -> None:
        account, market = view.account, view.market
        require("account.balance_usd", account.balance_usd, "wait for the broker's balance, or give --balance")
        require("account.equity_usd", account.equity_usd, "wait for the broker's balance, or give --balance")
        require("market.multiplier_usd_per_point", market.multiplier_usd_per_point, "set the market's tick value")
        require("market.atr_points", market.atr_points, "wait until enough bars have come, or give --atr")
        require("market.cost_usd_per_lot", self._cost_usd(view), "set the market's commission", least=0)
        require("market.lots_max", market.lots_max, "set the market's lots_max", least=0)
        if self.require_floor and account.floor_usd != account.floor_usd:
            require("account.floor_usd", account.floor_usd, "set [account] profile, or require_floor = false")
        if self.drawdown_scale is not None and account.floor_usd == account.floor_usd:
            require("account.floor_room_start_usd", account.floor_room_start_usd, "set [account] profile")

    def _sums(self, view: View) -> _Sums:
        account, market = view.account, view.market
        multiplier = market.multiplier_usd_per_point
        stop = atr_stop_points(
            market.atr_points, multiplier, sl_atr_mult=self.sl_atr_mult, max_loss_usd=self.max_loss_usd
        )
        room = where(self._no_floor(view), INF, self.room_frac * account.room_usd)
        budget = minimum(minimum(account.balance_usd * self.risk_frac, self.max_loss_usd), room)
        return _Sums(
            wanted_points=market.atr_points * self.sl_atr_mult,
            stop_points=stop,
            risk_usd_per_lot=stop * multiplier + self._cost_usd(view),
            budget_usd=budget,
            scale=self._scale(view),
        )

    def _cost_usd(self, view: View) -> Num:
        return view.market.cost_usd_per_lot if self.include_costs else 0.0

    def _wide_enough(self, found: _Sums) -> Num:
        return found.stop_points >= (1 - self.stop_shrink_max) * found.wanted_points

    def _no_floor(self, view: View) -> Num:
        """Whether the account has no floor at all; never so where one is required, and then NaN goes on to close."""
        floor = view.account.floor_usd
        return (floor != floor) & (not self.require_floor)

    def _scale(self, view: View) -> Num:
        if self.drawdown_scale is None:
            return 1.0
        start = view.account.floor_room_start_usd
        left = where(above_zero(start), ratio(view.account.room_usd, start), NAN)
        return where(self._no_floor(view), 1.0, self.drawdown_scale(left))
