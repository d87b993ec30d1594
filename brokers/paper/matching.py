"""At what price an order fills in a bar: pure, in whole ticks, and always against us.

A side sees prices in its own direction, `side * price`, where more is worse: a buyer's worst price of
a bar is its high, a seller's is its low. All is rounded up in that direction, so that a price off the
tick fills no better than it was, triggers a stop sooner and a limit later.
"""

import math
from dataclasses import dataclass
from typing import Final

from brokers.paper.orders import PaperOrder
from gamma.bars import Bar
from gamma.events import OrderType

# A price that lies on a tick comes back from binary points a hair beside it; that is no reason to move it.
TOLERANCE_TICKS: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a fill costs beyond the price [ticks]; a limit fills once passed by `through_ticks`."""

    slippage_ticks: int
    half_spread_ticks: int
    through_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A bar as one side sees it [ticks in its own direction]."""

    side: int
    first: int
    worst: int
    best: int


def round_up(ticks: float) -> int:
    """The next whole tick, with a tolerance for one that is whole already."""
    return math.ceil(ticks - TOLERANCE_TICKS)


def reach(side: int, bar: Bar, ticks_per_point: int) -> Reach:
    """See a bar from one side."""
    scale = side * ticks_per_point
    worst, best = (bar.high_points, bar.low_points) if side > 0 else (bar.low_points, bar.high_points)
    return Reach(
        side=side,
        first=round_up(scale * bar.open_points),
        worst=round_up(scale * worst),
        best=round_up(scale * best),
    )


def reachable(order: PaperOrder, bar: Bar, ticks_per_point: int) -> bool:
    """Whether the bar comes within a tick of the order at all: most do not, and are let go by quickly."""
    order_type = order.intent.order_type
    if order_type is OrderType.MARKET or order.triggered:
        return True
    if (order_type is OrderType.STOP) == (order.intent.side > 0):
        return bar.high_points * ticks_per_point + 1 >= order.price_ticks
    return bar.low_points * ticks_per_point - 1 <= order.price_ticks


def at_open(order: PaperOrder, seen: Reach, costs: Costs) -> int | None:
    """Price of a fill at the bar's open [ticks]: at market, or where the bar opens beyond a stop or a limit."""
    price = seen.side * order.price_ticks
    if order.intent.order_type is OrderType.MARKET or order.triggered:
        return seen.side * (seen.first + costs.half_spread_ticks + costs.slippage_ticks)
    if order.intent.order_type is OrderType.STOP and seen.first >= price:
        return seen.side * (seen.first + costs.slippage_ticks)
    if order.intent.order_type is OrderType.LIMIT and seen.first <= price - costs.through_ticks:
        return seen.side * seen.first
    return None


def inside(order: PaperOrder, seen: Reach, costs: Costs) -> int | None:
    """Price of a fill after the open [ticks]: at the stop with slippage, or at the limit."""
    price = seen.side * order.price_ticks
    if order.intent.order_type is OrderType.STOP and seen.worst >= price:
        return seen.side * (price + costs.slippage_ticks)
    if order.intent.order_type is OrderType.LIMIT and seen.best <= price - costs.through_ticks:
        return order.price_ticks
    return None


def at_quote(order: PaperOrder, touch_ticks: int | None, costs: Costs) -> int | None:
    """Price of a fill against a quote [ticks]; `touch_ticks` is the best price of the other side, None for no price."""
    if touch_ticks is None:
        return None
    side = order.intent.side
    touch, price = side * touch_ticks, side * order.price_ticks
    if order.intent.order_type is OrderType.MARKET or order.triggered:
        return touch_ticks
    if order.intent.order_type is OrderType.STOP and touch >= price:
        return side * (touch + costs.slippage_ticks)
    if order.intent.order_type is OrderType.LIMIT and touch <= price:
        return order.price_ticks
    return None


def lots_allowed(volume_lots: float, participation_frac: float) -> float:
    """Most lots that one order takes in one bar: a share of its volume, one at least where anything traded.

    An unknown volume (NaN) sets no limit; a volume of 0 lets nothing fill.
    """
    if volume_lots != volume_lots:
        return math.inf
    return max(1, math.floor(participation_frac * volume_lots)) if volume_lots > 0 else 0
