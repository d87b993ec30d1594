"""`blocks`: whole blocks of lots, so that a position can be closed in equal parts."""

from collections.abc import Mapping

from pydantic import BaseModel, PositiveInt

from gamma.numeric import Num, floor
from gamma.reasons import Fact, Reason
from gamma.sizing import whole_lots
from gamma.views import View


class Blocks(BaseModel, frozen=True, extra="forbid"):
    """Round down to whole blocks: lots = floor(lots / block_lots) * block_lots."""

    block_lots: PositiveInt = 2

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002 - it looks at nothing
        return floor(whole_lots(lots) / self.block_lots) * self.block_lots

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        reason = Reason.CAP if self(view, lots) < lots else Reason.OK
        return {"block_lots": self.block_lots, "reason": reason}
