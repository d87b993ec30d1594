"""G3: what no broker should ever see."""

from collections.abc import Mapping
from math import inf, isfinite, isnan, nan
from typing import ClassVar, Final, final

from pydantic import BaseModel

from gamma.guards import Scope, Verdict, denied, passed
from gamma.markets import Kind
from gamma.reasons import Reason
from gamma.views import OrderView, View

# Prices in a view are floats made from whole ticks; this is far above their error and far below a tick.
_OFF_TICK: Final = 1e-6


@final
class OrderSanity(BaseModel, frozen=True, extra="forbid"):
    """Refuse an order that is not of whole lots above zero, on a tick, in the known market that was looked at.

    Exits are judged too, but an exit at the market needs no price and no tick.
    """

    id: ClassVar[str] = "G3"
    scope: ClassVar[Scope] = Scope.ALL
    measures: ClassVar[str] = "the order itself"
    resets: ClassVar[str] = "with each order"
    latches: ClassVar[str] = "nothing"
    needs: ClassVar[tuple[str, ...]] = ("market.symbol", "market.tick_points", "market.multiplier_usd_per_point")
    example: ClassVar[Mapping[str, object]] = {}

    def __call__(self, view: View, order: OrderView) -> Verdict:
        why = _senseless(view, order) or _mispriced(view, order)
        if why:
            return denied(Reason.ORDER_INSANE, {"why": why, "price_points": float(order.price_points)})
        return passed(order)


def _senseless(view: View, order: OrderView) -> str:
    if not (0 < order.lots < inf and order.lots == int(order.lots)):
        return f"{order.lots} is no whole number of lots above 0"
    if order.side not in (1, -1):
        return f"side {order.side} is neither +1 nor -1"
    if not order.market or order.market != view.market.symbol:
        return f"the order is for {order.market or 'no market'}, and the view is of {view.market.symbol}"
    if not order.reduces and not (view.market.tick_points > 0 and view.market.multiplier_usd_per_point > 0):
        return "the market's tick or multiplier is unknown"
    return ""


def _mispriced(view: View, order: OrderView) -> str:
    price, tick = order.price_points, float(view.market.tick_points)
    if isnan(price):
        return ""
    if not (isfinite(price) and price > 0):
        return "the price is not above 0 and finite"
    if view.market.kind == Kind.EVENT and price * view.market.multiplier_usd_per_point >= 1:
        return "an event contract pays 1 usd, and the price is not below that"
    ticks = price / tick if tick > 0 else nan
    if not (isfinite(ticks) and abs(ticks - round(ticks)) <= _OFF_TICK):
        return f"the price is not on a tick of {tick:g}"
    return ""
