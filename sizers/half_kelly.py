"""`half_kelly`: half of what Kelly would risk, from the strategy's own completed trades."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.kelly import Record, Window, record, record_facts, require_record
from gamma.numeric import above_zero, maximum, minimum, where
from gamma.reasons import Fact, Reason
from gamma.sizing import fraction_lots, require, require_stake
from gamma.views import Num, View

Fraction = Annotated[float, Field(gt=0, le=1)]


@final
class HalfKelly(BaseModel, frozen=True, extra="forbid"):
    """Risk half the Kelly fraction of the balance, estimated from the last completed trades.

        K    = (W * avg_win - L * avg_loss) / avg_win [1]
        lots = balance [usd] * fraction [1] * K / risk [usd/lot], within min_lots..max_lots

    In this order: no lots below `halt_frac` of starting capital (at it still trades); one lot until
    `bootstrap_trades` are completed; then Kelly. A trade's P&L is per lot; a scratch counts as a trade.
    Where K <= 0, `on_no_edge` says whether the minimum is traded or nothing. Live, "stand_aside" is the
    better choice: the record then says that each lot is expected to lose.
    `min_lots` and the bootstrap's one lot may risk more than the Kelly budget.

    Shapes: scalars live, [B] in training; so is the result.
    Source: Kelly (1956); Thorp (2006), The Kelly criterion in blackjack, sports betting and the stock market.
    """

    starting_capital_usd: Annotated[float, Field(gt=0)] | None = None
    max_lots: Annotated[int, Field(ge=1)] = 3
    min_lots: Annotated[int, Field(ge=0)] = 1
    bootstrap_trades: Annotated[int, Field(ge=0)] = 10
    rolling_window: Window = 50
    halt_frac: Annotated[float, Field(ge=0, lt=1)] = 0.5
    fraction: Fraction = 0.5
    on_no_edge: Literal["minimum", "stand_aside"] = "minimum"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_lots > self.max_lots:
            raise ValueError(f"min_lots = {self.min_lots} is above max_lots = {self.max_lots}; lower it")
        return self

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it proposes
        balance, risk = view.account.balance_usd, view.signal.risk_usd_per_lot
        found = self._record(view)
        kelly = found.kelly_frac
        no_edge = float(self.min_lots) if self.on_no_edge == "minimum" else 0.0
        sized = where(kelly > 0, self._clipped(fraction_lots(balance, self.fraction * kelly, risk)), no_edge)
        proposed = where(found.trades >= self.bootstrap_trades, sized, 1.0)
        sound = above_zero(balance, risk, self._capital_usd(view)) & found.sound
        return where(sound & (balance >= self._halt_below_usd(view)), proposed, 0.0)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:  # noqa: ARG002 - it proposes
        require("account.starting_capital_usd", self._capital_usd(view), "set [account] starting_capital_usd")
        balance, risk = require_stake(view)
        found = self._record(view)
        require_record(found)
        half = self.fraction * found.kelly_frac
        raw = float(fraction_lots(balance, half, risk))
        return {
            "balance_usd": balance,
            **record_facts(found),
            "kelly_frac": float(found.kelly_frac),
            "half_kelly_frac": float(half),
            "risk_usd_per_lot": risk,
            "budget_usd": float(max(0.0, balance * half)),
            "raw_lots": raw,
            "max_lots": self.max_lots,
            "halt_below_usd": float(self._halt_below_usd(view)),
            "halted": bool(balance < self._halt_below_usd(view)),
            "bootstrap": bool(found.trades < self.bootstrap_trades),
            "reason": self._reason(view, found, raw),
        }

    def _reason(self, view: View, found: Record, raw: float) -> Reason:
        if view.account.balance_usd < self._halt_below_usd(view):
            return Reason.SAFETY_HALT
        if found.trades < self.bootstrap_trades:
            return Reason.BOOTSTRAP
        if found.kelly_frac <= 0:
            return Reason.NO_EDGE
        return Reason.CAP if raw > self.max_lots else Reason.OK

    def _record(self, view: View) -> Record:
        return record(view.track.pnl_usd_per_lot, view.track.trades, self.rolling_window)

    def _clipped(self, raw: Num) -> Num:
        return minimum(maximum(raw, float(self.min_lots)), float(self.max_lots))

    def _capital_usd(self, view: View) -> Num:
        return view.account.starting_capital_usd if self.starting_capital_usd is None else self.starting_capital_usd

    def _halt_below_usd(self, view: View) -> Num:
        return self.halt_frac * self._capital_usd(view)
