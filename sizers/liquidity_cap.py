"""`liquidity_cap`: a small share of what trades and what stands in the book."""

from collections.abc import Mapping
from typing import Annotated, Literal, final

from pydantic import BaseModel, Field

from gamma.markets import Kind
from gamma.numeric import INF, Num, known, minimum, ratio, where
from gamma.reasons import Fact, Reason
from gamma.sizing import require, whole_lots
from gamma.views import View
from gamma.worth import by_event

Share = Annotated[float, Field(gt=0, le=1)]
Usd = Annotated[float, Field(ge=0)]


@final
class LiquidityCap(BaseModel, frozen=True, extra="forbid"):
    """Stay small against the last ten minutes' volume, and against the depth of the book.

        futures, options, spot   lots <= volume_frac * volume, lots <= depth_frac * depth of the top five
        event contracts          lots <= volume_frac * volume, lots <= incoming * scale, snapped down to `grid_lots`

    `scale` is 1 above `deep_above_usd` of volume, `medium_scale` above `medium_above_usd`, else `thin_scale`;
    both strictly. `volume_in` says what the venue reports: "lots", or only "usd", which is then divided by
    the actual price (or by `assumed_price_points`). `depth_frac = 0` leaves depth out, where no feed has it.

    Shapes: scalars live, [B] in training; so is the result.
    """

    volume_frac: Share = 0.05
    depth_frac: Annotated[float, Field(ge=0, le=1)] = 0.20
    deep_above_usd: Usd = 10_000.0
    medium_above_usd: Usd = 1_000.0
    medium_scale: Share = 0.5
    thin_scale: Share = 0.2
    grid_lots: tuple[Annotated[int, Field(ge=1)], ...] = (5, 10, 20, 50, 100)
    volume_in: Literal["lots", "usd"] = "lots"
    assumed_price_points: Annotated[float, Field(gt=0)] | None = None

    def __call__(self, view: View, lots: Num) -> Num:
        return by_event(view.market.kind, self._event_lots(view, lots), minimum(lots, self._book_lots(view)))

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        volume, usd = self._volume_lots(view), self._volume_usd(view)
        require("liquidity.volume_10min", volume, "wait until ten minutes of volume have come", least=0)
        facts: dict[str, Fact] = {
            "volume_10min_lots": float(volume),
            "volume_cap_lots": float(self.volume_frac * volume),
        }
        if view.market.kind == Kind.EVENT:
            require("liquidity.volume_10min_usd", usd, "wait until the market has a price", least=0)
            facts |= {"volume_10min_usd": float(usd), "scale": float(self._scale(usd))}
        elif self.depth_frac:
            depth = view.liquidity.depth_top5_lots
            require("liquidity.depth_top5_lots", depth, "the feed has no book; set depth_frac = 0", least=0)
            facts |= {"depth_top5_lots": float(depth), "depth_cap_lots": float(self.depth_frac * depth)}
        allowed = float(self(view, lots))
        return {**facts, "cap_lots": allowed, "reason": Reason.ILLIQUID if allowed < lots else Reason.OK}

    def _worth_usd(self, view: View) -> Num:
        price = view.market.price_points if self.assumed_price_points is None else self.assumed_price_points
        return price * view.market.multiplier_usd_per_point

    def _volume_lots(self, view: View) -> Num:
        if self.volume_in == "lots":
            return view.liquidity.volume_10min_lots
        return ratio(view.liquidity.volume_10min_usd, self._worth_usd(view))

    def _volume_usd(self, view: View) -> Num:
        if self.volume_in == "usd":
            return view.liquidity.volume_10min_usd
        return view.liquidity.volume_10min_lots * self._worth_usd(view)

    def _scale(self, volume_usd: Num) -> Num:
        tier = where(volume_usd > self.medium_above_usd, self.medium_scale, self.thin_scale)
        return where(volume_usd > self.deep_above_usd, 1.0, where(known(volume_usd), tier, 0.0))

    def _event_lots(self, view: View, lots: Num) -> Num:
        scaled = lots * self._scale(self._volume_usd(view))
        whole = whole_lots(minimum(scaled, self.volume_frac * self._volume_lots(view)))
        snapped: Num = 0.0
        for size_lots in sorted(self.grid_lots):
            snapped = where(whole >= size_lots, float(size_lots), snapped)
        return snapped

    def _book_lots(self, view: View) -> Num:
        volume = self.volume_frac * self._volume_lots(view)
        depth = self.depth_frac * view.liquidity.depth_top5_lots if self.depth_frac else INF
        return minimum(volume, depth)
