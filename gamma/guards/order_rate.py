"""G14: a loop that has gone wild sends few orders."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.book.trading import INTENTS_KEPT
from gamma.guards import NS_PER_S, Action, Scope, Trip, Verdict, denied, missing, passed
from gamma.reasons import Fact, Reason
from gamma.views import OrderView, PastIntent, View

Count = Annotated[int, Field(gt=0)]
# Of more orders than the book keeps in mind it cannot be told how many fell into the last minute.
PerMinute = Annotated[int, Field(gt=0, le=INTENTS_KEPT)]
# By the identity of the past that was counted, and with it, so that no other one is taken for it.
_counts: Final[dict[int, tuple[tuple[PastIntent, ...], int, tuple[int, int]]]] = {}
_COUNTS_KEPT: Final = 8


@final
class OrderRate(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Limit orders in a minute and a day, and cancels of one order; a breach cuts new risk until a person looks.

    Exits count too, but have ceilings of their own above the entries' limits: entries must never use
    up the orders that close a position.
    """

    id: ClassVar[str] = "G14"
    scope: ClassVar[Scope] = Scope.ALL
    measures: ClassVar[str] = "our own orders of the account today, by event time"
    resets: ClassVar[str] = "the minute by itself, the day's count with the trading day"
    latches: ClassVar[str] = "REDUCING, until a person resumes"
    needs: ClassVar[tuple[str, ...]] = ("clock.ts_event_utc_ns",)
    example: ClassVar[Mapping[str, object]] = {
        "minute_max": 10,
        "day_max": 100,
        "exits_minute_max": 20,
        "exits_day_max": 200,
        "cancels_max": 20,
    }

    minute_max: PerMinute
    day_max: Count
    exits_minute_max: PerMinute
    exits_day_max: Count
    cancels_max: Count

    @model_validator(mode="after")
    def _exits_have_the_higher_ceiling(self) -> Self:
        if self.exits_minute_max < self.minute_max or self.exits_day_max < self.day_max:
            raise ValueError("exits_minute_max and exits_day_max must not be below minute_max and day_max")
        return self

    def __call__(self, view: View, order: OrderView) -> Verdict:
        if order.reduces:
            return self._exit(view, order)
        if gap := missing(view, self.needs):
            return denied(Reason.INPUT_MISSING, {"input": gap})
        if _orders_in_minute(view) >= self.minute_max or _orders_in_day(view) >= self.day_max:
            return denied(Reason.ORDER_RATE, self.reading(view), self._trip(view))
        if _cancels_most(view) > self.cancels_max:
            return denied(Reason.ORDER_RATE, self.reading(view), self._trip(view))
        return passed(order, self.reading(view))

    def watch(self, view: View) -> Trip | None:
        over = (
            _orders_in_minute(view) > self.minute_max
            or _orders_in_day(view) > self.day_max
            or _cancels_most(view) > self.cancels_max
        )
        return self._trip(view) if over else None

    def reading(self, view: View) -> Mapping[str, Fact]:
        return {
            "limit": self.minute_max,
            "now": _orders_in_minute(view),
            "day_limit": self.day_max,
            "day_now": _orders_in_day(view),
            "cancels_limit": self.cancels_max,
            "cancels_now": _cancels_most(view),
        }

    def leeway(self, view: View) -> float:
        return 1 - max(
            _orders_in_minute(view) / self.minute_max,
            _orders_in_day(view) / self.day_max,
            _cancels_most(view) / self.cancels_max,
        )

    def _exit(self, view: View, order: OrderView) -> Verdict:
        in_minute, in_day = _orders_in_minute(view), _orders_in_day(view)
        if in_minute >= self.exits_minute_max or in_day >= self.exits_day_max:
            return denied(Reason.ORDER_RATE, self.reading(view), self._trip(view))
        return passed(order, self.reading(view))

    def _trip(self, view: View) -> Trip:
        return Trip(action=Action.REDUCING, reason=Reason.ORDER_RATE, facts=self.reading(view), realised=True)


def _orders_in_minute(view: View) -> int:
    return _counted(view)[0]


def _orders_in_day(view: View) -> int:
    """All of today's; a view that does not count them, as older ones do not, has them one by one."""
    return max(view.activity.orders_today, len(view.activity.intents))


def _cancels_most(view: View) -> int:
    return _counted(view)[1]


def _counted(view: View) -> tuple[int, int]:
    """Orders of the last 60 s, one stamped after now too, for then a clock has jumped; and most cancels of one order.

    Many views of a moment share the past: it is counted once.
    """
    intents, now_utc_ns = view.activity.intents, view.clock.ts_event_utc_ns
    known = _counts.get(id(intents))
    if known is not None and known[0] is intents and known[1] == now_utc_ns:
        return known[2]
    since_utc_ns = now_utc_ns - 60 * NS_PER_S
    counted = (
        sum(past.ts_event_utc_ns > since_utc_ns for past in intents),
        max((past.cancels for past in intents), default=0),
    )
    if len(_counts) >= _COUNTS_KEPT:
        _counts.clear()
    _counts[id(intents)] = (intents, now_utc_ns, counted)
    return counted
