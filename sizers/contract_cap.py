"""`contract_cap`: the most lots of a market, by its kind, and over a family of correlated markets."""

from collections.abc import Mapping
from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.markets import Kind
from gamma.numeric import INF, NAN, maximum, minimum, ratio, where
from gamma.reasons import Fact, Reason
from gamma.sizing import require
from gamma.views import Num, View
from gamma.worth import by_side

Lots = Annotated[int, Field(ge=0)]


@final
class ContractCap(BaseModel, frozen=True, extra="forbid"):
    """Allow no more lots than the market's kind bears: e-mini 1, micro 12, any other what its market says.

        lots <= (family_minis_max - exposure on the order's side) [minis] / mini_equivalent [minis/lot]

    `markets` overrides the cap by symbol. `family_minis_max`, where it is set, also bounds a family of
    correlated markets in e-mini equivalents, positions and working orders counted on the order's side:
    the long side's for a buy. Twelve micros are 1.2 e-minis.

    Shapes: scalars live, [B] in training; so is the result.
    """

    emini_lots: Lots = 1
    micro_lots: Lots = 12
    markets: dict[str, Lots] = Field(default_factory=dict)
    family_minis_max: Annotated[float, Field(gt=0)] | None = None

    def __call__(self, view: View, lots: Num) -> Num:
        return minimum(lots, minimum(self._cap_lots(view), self._family_lots(view)))

    def explain(self, view: View, lots: float) -> Mapping[str, Fact]:
        cap, family = self._cap_lots(view), self._family_lots(view)
        require("market.lots_max", cap, "set the market's lots_max", least=0)
        facts: dict[str, Fact] = {"cap_lots": float(cap), "mini_equivalent": float(view.market.mini_equivalent)}
        if self.family_minis_max is not None:
            require("position.family_minis", self._family_minis(view), "wait for reconcile", least=0)
            facts |= {"family_minis_max": self.family_minis_max, "family_minis": float(self._family_minis(view))}
        return {**facts, "reason": Reason.CAP if min(cap, family) < lots < INF else Reason.OK}

    def _cap_lots(self, view: View) -> Num:
        if view.market.symbol in self.markets:
            return float(self.markets[view.market.symbol])
        kind = view.market.kind
        other = where(kind > 0, view.market.lots_max, NAN)
        micro = where(kind == Kind.MICRO, float(self.micro_lots), other)
        return where(kind == Kind.EMINI, float(self.emini_lots), micro)

    def _family_minis(self, view: View) -> Num:
        return by_side(view.signal.side, view.position.family_long_minis, view.position.family_short_minis)

    def _family_lots(self, view: View) -> Num:
        """Lots that the family still bears; a market that is no part of a mini is not bounded by it."""
        if self.family_minis_max is None:
            return INF
        minis = view.market.mini_equivalent
        left = ratio(maximum(self.family_minis_max - self._family_minis(view), 0.0), minis)
        return where(minis == 0, INF, left)
