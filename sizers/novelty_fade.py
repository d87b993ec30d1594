"""`novelty_fade`: fewer lots the further what a policy saw lies from what it was trained on."""

from collections.abc import Mapping
from typing import Annotated, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.numeric import INF, maximum, minimum, where
from gamma.reasons import Fact, Reason
from gamma.sizing import require
from gamma.views import Num, View

Novelty = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


@final
class NoveltyFade(BaseModel, frozen=True, extra="forbid"):
    """Take lots away as a policy meets what it was not trained on; it proposes none itself.

        share = (none_from - novelty) / (none_from - all_until), within 0 and 1;  lots <= share * lots before

    Novelty is the root of the mean square of what the policy saw, in standard deviations from what it was trained
    on: about 1 where it is alike. A signal that no policy made has none, and gets 0 lots.

    Shapes: scalars live, [B] in training; so is the result.
    """

    all_until: Novelty = 1.5
    none_from: Novelty = 3.0

    @model_validator(mode="after")
    def _fades(self) -> Self:
        if not self.none_from > self.all_until:
            raise ValueError("none_from must be above all_until")
        return self

    def __call__(self, view: View, lots: Num) -> Num:
        return where(lots < INF, lots, 0.0) * self._share(view)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        require("signal.novelty", view.signal.novelty, "use it for a strategy that trades from a checkpoint", least=0)
        share = float(self._share(view))
        reason = Reason.INPUT_MISSING if lots == INF else Reason.OK if share == 1 else Reason.CAP
        return {"novelty": float(view.signal.novelty), "share": share, "reason": reason}

    def _share(self, view: View) -> Num:
        share = (self.none_from - view.signal.novelty) / (self.none_from - self.all_until)
        return minimum(maximum(share, 0.0), 1.0)
