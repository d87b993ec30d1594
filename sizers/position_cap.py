"""`position_cap`: the most lots that may be held in one market."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.numeric import INF, Num, maximum, minimum
from gamma.reasons import Fact, Reason
from gamma.sizing import require
from gamma.views import View
from gamma.worth import exposure_lots


@final
class PositionCap(BaseModel, frozen=True, extra="forbid"):
    """Hold the position that would result, working orders counted, within `lots_max` on either side.

        lots <= lots_max - side * (YES - NO) - working on the side

    NO is netted against YES, so that an order against the position may close it and open as much again.

    Shapes: scalars live, [B] in training; so is the result.
    """

    lots_max: Annotated[int, Field(ge=1)] = 500

    def __call__(self, view: View, lots: Num) -> Num:
        return minimum(lots, self._left_lots(view))

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        left = self._left_lots(view)
        require("position.lots", left, "wait until the position is reconciled; the order needs a side", least=0)
        return {
            "lots_max": self.lots_max,
            "exposure_lots": float(exposure_lots(view)),
            "cap_lots": float(left),
            "reason": Reason.CAP if left < lots < INF else Reason.OK,
        }

    def _left_lots(self, view: View) -> Num:
        return maximum(self.lots_max - exposure_lots(view), 0.0)
