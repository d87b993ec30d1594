"""G19: keep away from the floor of a prop account."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.guards import Action, Scope, Trip, Verdict, denied, missing, passed, shrunk
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View

Frac = Annotated[float, Field(gt=0, lt=1)]


@final
class TrailingDrawdown(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Trade half size, then close all, as the room above the account's floor runs out.

    half size          room [usd] < half_room_frac * room at the start [usd]
    close all          room < flatten_room_frac * room at the start
    close all, halt    room <= 0

    Touching the floor is a breach, as it is to the firm.
    """

    id: ClassVar[str] = "G19"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "equity (realised and open) above the floor of the account's profile"
    resets: ClassVar[str] = "never; the floor never falls"
    latches: ClassVar[str] = "halt at the floor, until a person resumes; above it nothing"
    needs: ClassVar[tuple[str, ...]] = ("account.equity_usd", "account.floor_usd", "account.floor_room_start_usd")
    example: ClassVar[Mapping[str, object]] = {"half_room_frac": 0.25, "flatten_room_frac": 0.10}

    half_room_frac: Frac
    flatten_room_frac: Frac

    @model_validator(mode="after")
    def _half_size_comes_first(self) -> Self:
        if self.flatten_room_frac >= self.half_room_frac:
            raise ValueError("flatten_room_frac must be below half_room_frac")
        return self

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.TRAILING_DRAWDOWN, trip.facts, trip)
        if view.account.room_usd < self.half_room_frac * view.account.floor_room_start_usd:
            return shrunk(order, order.lots // 2, Reason.TRAILING_DRAWDOWN, self.reading(view))
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        if missing(view, self.needs):
            return None
        account = view.account
        if account.room_usd <= 0:
            action = Action.FLATTEN_AND_HALT
        elif account.room_usd < self.flatten_room_frac * account.floor_room_start_usd:
            action = Action.FLATTEN
        else:
            return None
        gone = bool(account.balance_usd <= account.floor_usd)
        return Trip(action=action, reason=Reason.TRAILING_DRAWDOWN, facts=self.reading(view), realised=gone)

    def reading(self, view: View) -> Mapping[str, Fact]:
        account = view.account
        return {
            "limit": float(account.floor_usd),
            "now": float(account.equity_usd),
            "room_usd": float(account.room_usd),
            "half_room_usd": self.half_room_frac * float(account.floor_room_start_usd),
            "flatten_room_usd": self.flatten_room_frac * float(account.floor_room_start_usd),
        }

    def leeway(self, view: View) -> float:
        return float(view.account.room_usd / view.account.floor_room_start_usd)
