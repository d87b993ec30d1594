"""`impact_cap`: the largest order whose average price stays near the middle of the market."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, final

import numpy as np
from pydantic import BaseModel, Field

from gamma.numeric import INF, NAN, Num, beside, known, minimum, namespace, scalar, where
from gamma.reasons import Fact, Reason
from gamma.sizing import require, whole_lots
from gamma.views import LiquidityView, View
from gamma.worth import by_side

# By the identity of what was seen, and with it, so that nothing else is taken for it.
_caps: Final[dict[int, tuple[LiquidityView, tuple[int, float], Num]]] = {}
_CAPS_KEPT: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """The levels that the order takes, and what stands before each. Shapes: [..., K]."""

    lots: Num
    adverse_points: Num
    lots_before: Num
    paid_before: Num
    sound: Num


@final
class ImpactCap(BaseModel, frozen=True, extra="forbid"):
    """Walk the book on the side that the order takes, as far as the average price is within reach of mid.

        side * (average price - mid) <= impact_max  [points; cents of an event contract]

    YES takes the asks, NO the bids; what the book does not hold cannot be had, and an empty one gives 0.

    Shapes: scalars live and [K] levels; [B] and [B, K] in training.
    """

    impact_max_points: Annotated[float, Field(gt=0)] = 2.0

    def __call__(self, view: View, lots: Num) -> Num:
        return minimum(lots, self._known_lots(view))

    def _known_lots(self, view: View) -> Num:
        """The cap; of one book, which each size of a look is put before, it is reckoned once for a side."""
        seen, side = view.liquidity, view.signal.side
        if type(side) is not int or type(seen.book_lots) is not np.ndarray:
            return self._cap_lots(self._book(view))
        asked = (side, self.impact_max_points)
        known = _caps.get(id(seen))
        if known is not None and known[0] is seen and known[1] == asked:
            return known[2]
        cap = self._cap_lots(self._book(view))
        if len(_caps) >= _CAPS_KEPT:
            _caps.clear()
        _caps[id(seen)] = (seen, asked, cap)
        return cap

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        require("liquidity.mid_points", view.liquidity.mid_points, "wait for a quote on both sides")
        book = self._book(view)
        require("liquidity.book_lots", 0.0 if book.sound else float("nan"), "a level has no price or no size", least=0)
        cap = float(self._cap_lots(book))
        filled = float(whole_lots(min(cap, lots)))
        points = self._adverse_points(book, filled)
        return {
            "mid_points": float(view.liquidity.mid_points),
            "book_lots": float(book.lots.sum()),
            "impact_max_points": self.impact_max_points,
            "cap_lots": cap,
            "fill_mean_points": float(view.liquidity.mid_points + view.signal.side * points),
            "impact_usd": float(points * filled * view.market.multiplier_usd_per_point),
            "reason": Reason.ILLIQUID if cap < lots else Reason.OK,
        }

    def _book(self, view: View) -> _Book:
        quoted, offered = view.liquidity.book_prices_points, view.liquidity.book_lots
        xp = namespace(quoted, offered)
        side, middle = by_side(view.signal.side, 1.0, -1.0), view.liquidity.mid_points
        mid = where(known(middle), middle, NAN)
        away = beside(xp, side) * (quoted - beside(xp, mid))
        usable = xp.isfinite(offered) & (xp.isfinite(away) | (offered == 0))
        taken = usable & (offered > 0)
        lots, adverse = xp.where(taken, offered, 0.0), xp.where(taken, away, 0.0)
        paid = lots * adverse
        return _Book(
            lots=lots,
            adverse_points=adverse,
            lots_before=xp.cumulative_sum(lots, axis=-1) - lots,
            paid_before=xp.cumulative_sum(paid, axis=-1) - paid,
            sound=known(side, mid) & xp.all(usable, axis=-1),
        )

    def _cap_lots(self, book: _Book) -> Num:
        """Where a level is beyond reach, n (adverse - max) <= before * adverse - paid bounds the whole order."""
        xp = namespace(book.lots)
        over = book.adverse_points - self.impact_max_points
        beyond = over > 0
        slack = book.lots_before * book.adverse_points - book.paid_before
        bound = xp.where(beyond, slack / xp.where(beyond, over, 1.0), INF)
        taken = xp.clip(bound - book.lots_before, 0.0, book.lots)
        return where(book.sound, scalar(xp.sum(taken, axis=-1)), 0.0)

    def _adverse_points(self, book: _Book, lots: float) -> float:
        """How far from mid the average of so many lots is; 0 without a fill."""
        taken = (lots - book.lots_before).clip(0.0, book.lots)
        return float((taken * book.adverse_points).sum()) / lots if lots else 0.0
