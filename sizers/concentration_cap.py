"""`concentration_cap`: the largest share of the portfolio that one market may have."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.numeric import INF, Num, above_zero, maximum, minimum, ratio, where
from gamma.reasons import Fact, Reason
from gamma.sizing import require
from gamma.views import View
from gamma.worth import lot_value_usd, opening_lots, reducing_lots


@final
class ConcentrationCap(BaseModel, frozen=True, extra="forbid"):
    """Hold one market, working orders counted, within a share of the portfolio.

        lots <= reducing lots + (share_max * portfolio [usd] - held on the side [usd]) / lot value [usd/lot]

    What an order closes before it opens anything is not bounded.

    Shapes: scalars live, [B] in training; so is the result.
    """

    share_max_frac: Annotated[float, Field(gt=0, le=1)] = 0.20

    def __call__(self, view: View, lots: Num) -> Num:
        return minimum(lots, self._cap_lots(view))

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        value_usd, portfolio_usd = lot_value_usd(view), view.position.portfolio_usd
        require("position.portfolio_usd", portfolio_usd, "wait for the broker's balance")
        require("position.lots", reducing_lots(view), "wait until the position is reconciled", least=0)
        require("lot_value_usd", value_usd, "the order needs a side, and a price within its market's range")
        cap = float(self._cap_lots(view))
        return {
            "portfolio_usd": float(portfolio_usd),
            "share_max_usd": float(self.share_max_frac * portfolio_usd),
            "held_usd": float(opening_lots(view) * value_usd),
            "value_usd_per_lot": float(value_usd),
            "reducing_lots": float(reducing_lots(view)),
            "cap_lots": cap,
            "reason": Reason.CONCENTRATION if cap < lots < INF else Reason.OK,
        }

    def _cap_lots(self, view: View) -> Num:
        value_usd, portfolio_usd = lot_value_usd(view), view.position.portfolio_usd
        left_usd = self.share_max_frac * portfolio_usd - opening_lots(view) * value_usd
        opened = ratio(maximum(left_usd, 0.0), value_usd)
        return where(above_zero(portfolio_usd, value_usd), reducing_lots(view) + opened, 0.0)
