"""G9: some money stays free, after fees."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import Scope, Verdict, denied, floor_lots, missing, shrunk
from gamma.guards.limits import stake_usd_per_lot
from gamma.markets import Kind
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View
from gamma.worth import affordable_contracts, reducing_lots


@final
class CashBuffer(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Shrink an entry so that cash stays (event contracts), or margin in use stays a share of equity (the rest).

    event contracts    opened * price + fee(opened) <= cash - pending - cash_min_usd            [usd]
    margined           lots <= (margin_frac_max * equity - margin in use - pending) / margin of one lot

    Opened is what an order has beside the lots that close what is held: those need no cash.
    """

    id: ClassVar[str] = "G9"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "free cash, or margin in use against equity (realised and open), working orders counted"
    resets: ClassVar[str] = "with the positions"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = (
        "account.cash_usd",
        "account.pending_usd",
        "account.equity_usd",
        "account.margin_used_usd",
        "position.lots",
        "position.working_long_lots",
        "position.working_short_lots",
        "market.kind",
        "market.margin_usd_per_lot",
    )
    example: ClassVar[Mapping[str, object]] = {"cash_min_usd": 50.0, "margin_frac_max": 0.50}

    cash_min_usd: Annotated[float, Field(ge=0)]
    margin_frac_max: Annotated[float, Field(gt=0, le=1)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        each_usd = stake_usd_per_lot(view, order)
        if not each_usd > 0:
            return denied(Reason.INPUT_MISSING, {"input": "what one lot ties up"})
        facts: dict[str, Fact] = {**self.reading(view), "usd_per_lot": each_usd}
        return shrunk(order, self._lots(view, each_usd), Reason.CASH_BUFFER, facts)

    def _lots(self, view: View, each_usd: float) -> int:
        """How many the free money buys; of event contracts with the fee as it is charged, once for all of them."""
        free_usd = self._free_usd(view)
        if view.market.kind != Kind.EVENT:
            return floor_lots(free_usd / each_usd)
        cents = round(100 * each_usd, 6)
        return int(reducing_lots(view) + affordable_contracts(max(free_usd, 0.0), cents))

    def reading(self, view: View) -> Mapping[str, Fact]:
        account = view.account
        if view.market.kind == Kind.EVENT:
            return {"limit": self.cash_min_usd, "now": float(account.available_usd)}
        used_usd = float(account.margin_used_usd + account.pending_usd)
        return {"limit": self.margin_frac_max * float(account.equity_usd), "now": used_usd}

    def leeway(self, view: View) -> float:
        account, event = view.account, view.market.kind == Kind.EVENT
        whole_usd = account.available_usd if event else self.margin_frac_max * account.equity_usd
        return self._free_usd(view) / float(whole_usd)

    def _free_usd(self, view: View) -> float:
        account = view.account
        if view.market.kind == Kind.EVENT:
            return float(account.available_usd) - self.cash_min_usd
        return float(self.margin_frac_max * account.equity_usd - account.margin_used_usd - account.pending_usd)
