"""G5: what would be held, if all that works were filled."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, final

from pydantic import BaseModel, Field

from gamma.guards import Scope, Verdict, denied, missing, passed
from gamma.guards.limits import LotsByMarket, of_market
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View

# Sums of tenths of a mini; a thousandth of a micro is no lot.
_EXACT: Final = 1e-6


@final
class PositionLimit(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Deny an entry after which the position could pass its limit, by market in lots and by family in e-minis.

        side * position + others against it + working on that side + order  <= lots_max[market]  [lots]
        family on that side + order * mini_equivalent     <= min(minis_max, the profile's most)    [e-minis]

    Ten micros are one e-mini of their family. What works on the other side does not make room, nor does what
    other strategies hold there: theirs may end first.
    """

    id: ClassVar[str] = "G5"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "lots held and working of the account, in the market and in its family"
    resets: ClassVar[str] = "with the position"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = (
        "market.kind",
        "market.mini_equivalent",
        "position.lots",
        "position.working_long_lots",
        "position.working_short_lots",
        "position.family_long_minis",
        "position.family_short_minis",
    )
    example: ClassVar[Mapping[str, object]] = {
        "lots_max": {"emini": 1, "micro": 12, "spot": 30, "option_spread": 3, "event": 500},
        "minis_max": 1.2,
    }

    lots_max: LotsByMarket
    minis_max: Annotated[float, Field(gt=0)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        held, long = view.position, order.side > 0
        working = held.working_long_lots if long else held.working_short_lots
        against = held.others_short_lots if long else held.others_long_lots
        lots = order.side * held.lots + against + working + order.lots
        family_minis = held.family_long_minis if long else held.family_short_minis
        minis = family_minis + order.lots * view.market.mini_equivalent
        facts: dict[str, Fact] = {**self.reading(view), "now": float(lots), "minis": float(minis)}
        fits = lots <= of_market(self.lots_max, view.market)
        family_fits = view.market.mini_equivalent == 0 or (
            minis <= self.minis_max + _EXACT and minis <= view.account.minis_max + _EXACT
        )
        return passed(order, facts) if fits and family_fits else denied(Reason.POSITION_LIMIT, facts)

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {
            "limit": of_market(self.lots_max, view.market),
            "now": float(view.position.lots),
            "minis_max": self.minis_max,
            "profile_minis_max": float(view.account.minis_max),
            "minis": float(max(view.position.family_long_minis, view.position.family_short_minis)),
        }
