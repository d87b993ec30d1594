"""`order_value_cap`: the most money that one order may tie up."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.numeric import INF, Num, minimum, ratio
from gamma.reasons import Fact, Reason
from gamma.sizing import require
from gamma.views import View
from gamma.worth import lot_value_usd


@final
class OrderValueCap(BaseModel, frozen=True, extra="forbid"):
    """Hold what one order ties up within `value_max_usd`.

        lots <= value_max [usd] / lot value [usd/lot]

    A lot's value: an event contract's cost on the order's side (NO at 100 less the price), a spread's
    greatest loss, else its margin.

    Shapes: scalars live, [B] in training; so is the result.
    """

    value_max_usd: Annotated[float, Field(gt=0)] = 500.0

    def __call__(self, view: View, lots: Num) -> Num:
        return minimum(lots, ratio(self.value_max_usd, lot_value_usd(view)))

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        value_usd = lot_value_usd(view)
        require("lot_value_usd", value_usd, "the order needs a side, and a price within its market's range")
        cap = self.value_max_usd / float(value_usd)
        return {
            "value_max_usd": self.value_max_usd,
            "value_usd_per_lot": float(value_usd),
            "cap_lots": cap,
            "reason": Reason.CAP if cap < lots < INF else Reason.OK,
        }
