"""G21: after a run of losses, wait."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, final

from pydantic import BaseModel, Field

from gamma.guards import NS_PER_S, Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, View


@final
class LossStreak(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Pause a strategy after losses in a row, or after many stops in few bars; the pause runs from the last of them.

    A trade that neither won nor lost ends a row of losses.
    """

    id: ClassVar[str] = "G21"
    scope: ClassVar[Scope] = Scope.ENTRIES
    measures: ClassVar[str] = "the strategy's completed trades (realised)"
    resets: ClassVar[str] = "by itself, when the pause is over"
    latches: ClassVar[str] = "pause of the strategy"
    needs: ClassVar[tuple[str, ...]] = ("clock.ts_event_utc_ns", "market.bar_s")
    example: ClassVar[Mapping[str, object]] = {
        "losses_max": 4,
        "stops_max": 4,
        "stops_window_bars": 24,
        "pause_s": 3600,
    }

    losses_max: Annotated[int, Field(gt=0)]
    stops_max: Annotated[int, Field(gt=0)]
    stops_window_bars: Annotated[int, Field(gt=0)]
    pause_s: Annotated[float, Field(gt=0)]

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        trip = self.watch(view)
        if trip is not None:
            return denied(Reason.LOSS_STREAK, trip.facts, trip)
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        if missing(view, self.needs):
            return None
        last_utc_ns = max(self._last_of_row_utc_ns(view), self._last_of_stops_utc_ns(view))
        until_utc_ns = last_utc_ns + round(self.pause_s * NS_PER_S)
        if last_utc_ns == 0 or view.clock.ts_event_utc_ns >= until_utc_ns:
            return None
        return Trip(
            action=Action.PAUSE,
            reason=Reason.LOSS_STREAK,
            facts=self.reading(view),
            realised=True,
            until_utc_ns=until_utc_ns,
        )

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {
            "limit": self.losses_max,
            "now": _losses_in_a_row(view),
            "stops_limit": self.stops_max,
            "stops_window_bars": self.stops_window_bars,
        }

    def _last_of_row_utc_ns(self, view: View) -> int:
        return view.activity.trades[-1].ts_event_utc_ns if _losses_in_a_row(view) >= self.losses_max else 0

    def _last_of_stops_utc_ns(self, view: View) -> int:
        """When the latest stop came that was the last of too many within the window before it."""
        stops = sorted(trade.ts_event_utc_ns for trade in view.activity.trades if trade.stopped)
        window_ns = self.stops_window_bars * float(view.market.bar_s) * NS_PER_S
        crowded = [
            last for first, last in zip(stops, stops[self.stops_max - 1 :], strict=False) if last - first < window_ns
        ]
        return crowded[-1] if crowded else 0


def _losses_in_a_row(view: View) -> int:
    count = 0
    for trade in reversed(view.activity.trades):
        if not trade.pnl_usd < 0:
            break
        count += 1
    return count
