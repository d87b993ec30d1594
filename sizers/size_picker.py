"""`size_picker`: the size with the most growth among those that a trained picker says will not be liquidated."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, final

from pydantic import BaseModel, Field

from gamma import picks
from gamma.curves import RUIN_MAX, By, Sizes
from gamma.markets import Kind
from gamma.numeric import Num
from gamma.reasons import Fact
from gamma.views import View

# What is left of equity, or of the margin level, when the broker closes the position.
LEFT_FRAC: Final = 0.30


@final
class SizePicker(BaseModel, frozen=True, extra="forbid"):
    """Take the lots with the most growth whose chance of liquidation is within `ruin_max`.

        liquidation = "equity":  equity <= left_frac * equity at entry
        liquidation = "margin":  equity / used margin <= left_frac
        lots = argmax growth(lots) over lots with P(liquidation) <= ruin_max and the conformal bound <= ruin_max

    A trained picker, in a `checkpoint` that `sha256` pins, judges every size of the trade from the last candles, equity
    and price: see [the size picker](size-picker.md). 0 lots where it cannot: too few or too old bars, `novelty` above
    its limit, a fault, or equity and price that are not those that it judged. `ruin_max` is 0.10 by default, the
    documented value; set 0.01: ten trades at 0.10 are survived with 35 %. `by = "return"` takes the largest mean return
    in place of growth. `by = "size"` takes the largest size that is safe, whatever the picker thinks that it earns: for
    a strategy that knows more of its edge than candles tell.

    Shapes: scalars live, [B] in training, where no picker is asked and it gives 0.
    """

    example: ClassVar[dict[str, Any]] = {"checkpoint": "gold-picker", "sha256": "0" * 64}

    checkpoint: Annotated[str, Field(min_length=1)]
    sha256: str = ""
    ruin_max: Annotated[float, Field(gt=0, lt=1)] = RUIN_MAX
    by: By = "growth"
    liquidation: Literal["equity", "margin"] = "equity"
    left_frac: Annotated[float, Field(ge=0, lt=1)] = LEFT_FRAC
    novelty_max: Annotated[float, Field(gt=0, le=10)] = 3.0
    bar_age_max_bars: Annotated[float, Field(gt=0, le=100)] = 2.0
    price_move_max_frac: Annotated[float, Field(ge=0, lt=1)] = 0.001

    @property
    def ruin(self) -> str:
        """What ruins a size."""
        return f"{self.liquidation} at {self.left_frac:g}"

    def sizes(self, view: View) -> Sizes:
        """Every size of the trade in view, with the adverse excursion that liquidates it."""
        equity = view.account.equity_usd
        if self.liquidation == "equity":
            return picks.sizes_of(view, (1 - self.left_frac) * equity)
        margin_usd = picks.lots_of(view) * view.market.margin_usd_per_lot
        return picks.sizes_of(view, equity - self.left_frac * margin_usd)

    def __call__(self, view: View, lots: Num) -> Num:
        return picks.lots_allowed(self, view, lots)

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        facts = dict(picks.explained(self, view, lots))
        if view.market.kind == Kind.SPOT and "chosen_lots" in facts:
            ounces = float(facts["chosen_lots"]) * view.market.multiplier_usd_per_point
            return {"chosen_oz": round(ounces, 9)} | facts
        return facts
