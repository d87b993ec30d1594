"""`cash_buffer`: what may be bought with free cash, less what must stay free."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.numeric import INF, Num, floor, maximum, minimum, ratio
from gamma.reasons import Fact, Reason
from gamma.sizing import require
from gamma.views import View
from gamma.worth import affordable_contracts, by_event, event_cost_points, lot_value_usd, reducing_lots


@final
class CashBuffer(BaseModel, frozen=True, extra="forbid"):
    """Leave `cash_min_usd` free after the order and its fee; what pending orders would take is counted.

        event contracts   n * cost + fee(n) <= available - cash_min  [cents], the fee as it is charged
        else              n * (lot value + costs) <= available - cash_min  [usd]

    A reduction is never blocked by a lack of cash: the lots that only close what is held need none.
    Cash that is unknown closes all the same; exits do not run the chain.

    Shapes: scalars live, [B] in training; so is the result.
    """

    cash_min_usd: Annotated[float, Field(ge=0)] = 50.0

    def __call__(self, view: View, lots: Num) -> Num:
        return minimum(lots, reducing_lots(view) + self._affordable_lots(view))

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        available_usd, value_usd, closing = view.account.available_usd, lot_value_usd(view), reducing_lots(view)
        require("position.lots", closing, "wait until the position is reconciled; the order needs a side", least=0)
        require("account.cash_usd", available_usd, "wait for the broker's balance", least=-INF)
        require("lot_value_usd", value_usd, "the order needs a side, and a price within its market's range")
        cap = float(closing + self._affordable_lots(view))
        require("market.cost_usd_per_lot", cap, "set the market's commission", least=0)
        return {
            "available_usd": float(available_usd),
            "cash_min_usd": self.cash_min_usd,
            "value_usd_per_lot": float(value_usd),
            "reducing_lots": float(closing),
            "cap_lots": cap,
            "reason": Reason.CASH_BUFFER if cap < lots < INF else Reason.OK,
        }

    def _affordable_lots(self, view: View) -> Num:
        spend_usd = maximum(view.account.available_usd - self.cash_min_usd, 0.0)
        contracts = affordable_contracts(spend_usd, event_cost_points(view))
        other = ratio(spend_usd, lot_value_usd(view) + view.market.cost_usd_per_lot)
        return by_event(view.market.kind, contracts, floor(other))
