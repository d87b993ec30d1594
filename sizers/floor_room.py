"""`floor_room`: a set fraction of the room above the account's floor, for accounts that end there."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.numeric import Num
from gamma.reasons import Fact, Reason
from gamma.sizing import fraction_lots, require
from gamma.views import View


@final
class FloorRoom(BaseModel, frozen=True, extra="forbid"):
    """Risk a fraction of the room above the floor, so that the floor is approached ever more slowly.

        lots = frac [1] * (equity - floor) [usd] / risk [usd/lot]

    An account without a floor gets 0 lots: there is no room to take a fraction of.

    Shapes: scalars live, [B] in training; so is the result.
    Source: Grossman and Zhou (1993), Optimal investment strategies for controlling drawdowns.
    """

    frac: Annotated[float, Field(gt=0, le=1)] = 0.10

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it proposes
        return fraction_lots(view.account.room_usd, self.frac, view.signal.risk_usd_per_lot)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        equity_usd, floor_usd, risk_usd = view.account.equity_usd, view.account.floor_usd, view.signal.risk_usd_per_lot
        require("account.equity_usd", equity_usd, "wait for the broker's balance, or give --balance")
        require("account.floor_usd", floor_usd, "set [account] profile, or give --room", least=0)
        require("signal.risk_usd_per_lot", risk_usd, "the strategy must give a stop or a bounded loss, or give --risk")
        raw = float(self(view, lots))
        return {
            "equity_usd": float(equity_usd),
            "floor_usd": float(floor_usd),
            "room_usd": float(view.account.room_usd),
            "room_frac": self.frac,
            "budget_usd": float(max(0.0, self.frac * view.account.room_usd)),
            "risk_usd_per_lot": float(risk_usd),
            "raw_lots": raw,
            "reason": Reason.OK if raw >= 1 else Reason.BUDGET,
        }
