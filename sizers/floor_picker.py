"""`floor_picker`: the size with the most growth among those that a trained picker says will not touch the floor."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, final

from pydantic import BaseModel, Field

from gamma import picks
from gamma.curves import RUIN_MAX, By, Sizes
from gamma.numeric import Num, above_zero, where
from gamma.reasons import Fact
from gamma.sizing import require
from gamma.views import View


@final
class FloorPicker(BaseModel, frozen=True, extra="forbid"):
    """Take the lots with the most growth whose chance of touching the account's floor is within `ruin_max`.

        ruin level of N lots = room [usd] / (N * multiplier [usd/point] * price [points]), as a share of price
        lots = argmax growth(lots) over lots with P(touching the floor) <= ruin_max and the conformal bound <= ruin_max

    It is `size_picker` for an account that ends at a floor, such as a prop account's: the picker, in a `checkpoint`
    that `sha256` pins, is the same, and must have been trained on bars of the market. A trade's stop is not reckoned
    with: with one, the floor is touched less often than it says. Nor is it that a floor may trail: with one that rises
    while the trade is open it is touched more often. An account without a floor gets 0 lots. Of the other parameters
    see `size_picker`.

    Shapes: scalars live, [B] in training, where no picker is asked and it gives 0.
    """

    example: ClassVar[dict[str, Any]] = {"checkpoint": "index-picker", "sha256": "0" * 64}

    checkpoint: Annotated[str, Field(min_length=1)]
    sha256: str = ""
    ruin_max: Annotated[float, Field(gt=0, lt=1)] = RUIN_MAX
    by: By = "growth"
    novelty_max: Annotated[float, Field(gt=0, le=10)] = 3.0
    bar_age_max_bars: Annotated[float, Field(gt=0, le=100)] = 2.0
    price_move_max_frac: Annotated[float, Field(ge=0, lt=1)] = 0.001

    @property
    def ruin(self) -> str:
        """What ruins a size."""
        return "floor"

    def sizes(self, view: View) -> Sizes:
        """Every size of the trade in view, with the adverse excursion that takes the account to its floor."""
        return picks.sizes_of(view, view.account.room_usd)

    def __call__(self, view: View, lots: Num) -> Num:
        return where(above_zero(view.account.room_usd), picks.lots_allowed(self, view, lots), 0.0)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        require("account.floor_usd", view.account.floor_usd, "set [account] profile, or give --room", least=0)
        return {"room_usd": float(view.account.room_usd)} | dict(picks.explained(self, view, lots))
