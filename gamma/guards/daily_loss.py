"""G18: a bad day ends before it becomes a bad month."""

from collections.abc import Mapping
from math import isnan
from typing import Annotated, ClassVar, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.guards import Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import AccountView, OrderView, View

Frac = Annotated[float, Field(gt=0, lt=1)]


@final
class DailyLoss(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """No new risk after a soft loss of the day; close all and halt the day after a hard one.

    soft    -day P&L [usd] >= soft_frac * equity at the day's start [usd]
    hard    -day P&L >= min(hard_frac * equity at the day's start, the profile's daily loss [usd])

    Both lift by themselves when the trading day ends.
    """

    id: ClassVar[str] = "G18"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "realised and open P&L since the session's start (futures: 18:00 New York)"
    resets: ClassVar[str] = "at the end of the trading day"
    latches: ClassVar[str] = "REDUCING (soft) or halt (hard) until the trading day ends"
    needs: ClassVar[tuple[str, ...]] = (
        "account.day_start_equity_usd",
        "account.day_pnl_usd",
        "account.day_realised_usd",
        "clock.ts_session_close_utc_ns",
    )
    example: ClassVar[Mapping[str, object]] = {"soft_frac": 0.02, "hard_frac": 0.03}

    soft_frac: Frac
    hard_frac: Frac

    @model_validator(mode="after")
    def _soft_comes_first(self) -> Self:
        if self.soft_frac > self.hard_frac:
            raise ValueError("soft_frac must not be above hard_frac")
        return self

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := self._gap(view):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.DAILY_LOSS, trip.facts, trip)
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        if self._gap(view):
            return None
        hard_usd, soft_usd = self._limits_usd(view.account)
        loss_usd, lost_usd = -view.account.day_pnl_usd, -view.account.day_realised_usd
        if loss_usd >= hard_usd:
            action, limit_usd = Action.FLATTEN_AND_HALT, hard_usd
        elif loss_usd >= soft_usd:
            action, limit_usd = Action.REDUCING, soft_usd
        else:
            return None
        return Trip(
            action=action,
            reason=Reason.DAILY_LOSS,
            facts=self.reading(view),
            realised=bool(lost_usd >= limit_usd),
            until_utc_ns=view.clock.ts_session_close_utc_ns,
        )

    def reading(self, view: View) -> Mapping[str, Fact]:
        hard_usd, soft_usd = self._limits_usd(view.account)
        return {
            "limit": soft_usd,
            "now": -float(view.account.day_pnl_usd),
            "hard_limit_usd": hard_usd,
            "realised_loss_usd": -float(view.account.day_realised_usd),
        }

    def _gap(self, view: View) -> str:
        # Infinity is an answer here: the profile has no daily loss. NaN is none.
        if isnan(view.account.day_loss_max_usd):
            return "account.day_loss_max_usd"
        return missing(view, self.needs)

    def _limits_usd(self, account: AccountView) -> tuple[float, float]:
        start_usd = float(account.day_start_equity_usd)
        hard_usd = min(self.hard_frac * start_usd, float(account.day_loss_max_usd))
        return hard_usd, min(self.soft_frac * start_usd, hard_usd)
