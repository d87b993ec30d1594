"""G20: stop for good when capital is gone."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.guards import Action, Scope, Trip, Verdict, denied, missing, passed, shrunk
from gamma.reasons import Fact, Reason
from gamma.views import AccountView, OrderView, View

Frac = Annotated[float, Field(gt=0, lt=1)]


@final
class SafetyHalt(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Halt below a share of starting capital or far under the peak; trade half size on the way there.

    halt        balance [usd] < halt_frac * starting_capital [usd]
    halt        peak_equity - equity >= drawdown_halt_frac * peak_equity
    half size   peak_equity - equity >= drawdown_half_frac * peak_equity

    A balance at exactly the share of capital still trades; a drawdown at exactly its limit does not.
    """

    id: ClassVar[str] = "G20"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "balance (realised) against starting capital; equity (open P&L too) against its peak"
    resets: ClassVar[str] = "never"
    latches: ClassVar[str] = "halt of the account, until a person resumes"
    needs: ClassVar[tuple[str, ...]] = (
        "account.balance_usd",
        "account.equity_usd",
        "account.starting_capital_usd",
        "account.peak_equity_usd",
    )
    example: ClassVar[Mapping[str, object]] = {
        "halt_frac": 0.50,
        "drawdown_half_frac": 0.10,
        "drawdown_halt_frac": 0.20,
    }

    halt_frac: Frac
    drawdown_half_frac: Frac
    drawdown_halt_frac: Frac

    @model_validator(mode="after")
    def _half_size_comes_first(self) -> Self:
        if self.drawdown_half_frac >= self.drawdown_halt_frac:
            raise ValueError("drawdown_half_frac must be below drawdown_halt_frac")
        return self

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.SAFETY_HALT, trip.facts, trip)
        if _fell(view.account, self.drawdown_half_frac):
            return shrunk(order, order.lots // 2, Reason.SAFETY_HALT, self.reading(view))
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        if missing(view, self.needs):
            return None
        account = view.account
        below = account.balance_usd < self.halt_frac * account.starting_capital_usd
        if not below and not _fell(account, self.drawdown_halt_frac):
            return None
        lost = account.peak_equity_usd - account.balance_usd >= self.drawdown_halt_frac * account.peak_equity_usd
        return Trip(
            action=Action.HALT, reason=Reason.SAFETY_HALT, facts=self.reading(view), realised=bool(below or lost)
        )

    def reading(self, view: View) -> Mapping[str, Fact]:
        account = view.account
        return {
            "balance_usd": float(account.balance_usd),
            "starting_capital_usd": float(account.starting_capital_usd),
            "halt_frac": self.halt_frac,
            "limit": self.halt_frac * float(account.starting_capital_usd),
            "now": float(account.balance_usd),
            "peak_equity_usd": float(account.peak_equity_usd),
            "equity_usd": float(account.equity_usd),
            "drawdown_halt_frac": self.drawdown_halt_frac,
        }

    def leeway(self, view: View) -> float:
        account = view.account
        halt_usd = self.halt_frac * float(account.starting_capital_usd)
        fall_max_usd = self.drawdown_halt_frac * float(account.peak_equity_usd)
        fallen_usd = float(account.peak_equity_usd - account.equity_usd)
        return min(
            (float(account.balance_usd) - halt_usd) / (float(account.starting_capital_usd) - halt_usd),
            1 - fallen_usd / fall_max_usd,
        )


def _fell(account: AccountView, frac: float) -> bool:
    return bool(account.peak_equity_usd - account.equity_usd >= frac * account.peak_equity_usd)
