"""G13: the same order is not sent twice."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import NS_PER_S, Scope, Verdict, denied, missing, passed
from gamma.reasons import Reason
from gamma.views import OrderView, PastIntent, View


@final
class Duplicate(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Deny an entry whose signal was acted on before, or that repeats market, side and lots within a moment.

    The ledger's unique keys hold over all time; this guard says it before, and says why.
    """

    id: ClassVar[str] = "G13"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "our own entries of the account today"
    resets: ClassVar[str] = "a signal never; the moment by itself"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("clock.ts_event_utc_ns",)
    example: ClassVar[Mapping[str, object]] = {"window_s": 10}

    window_s: Annotated[float, Field(gt=0)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        if not order.signal_id:
            return denied(Reason.INPUT_MISSING, {"input": "signal_id"})
        since_utc_ns = view.clock.ts_event_utc_ns - round(self.window_s * NS_PER_S)
        for past in view.activity.intents:
            if past.reduces:
                continue
            if past.signal_id == order.signal_id:
                return denied(Reason.DUPLICATE, {"signal_id": order.signal_id, "why": "this signal was acted on"})
            if past.ts_event_utc_ns > since_utc_ns and _alike(past, order):
                return denied(Reason.DUPLICATE, {"signal_id": past.signal_id, "why": "the same order moments ago"})
        return passed(order)


def _alike(past: PastIntent, order: OrderView) -> bool:
    return (past.market, past.side, past.lots) == (order.market, order.side, order.lots)
