"""Figures of event markets: what is known of each size that was asked for, and of what was held. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np

from gamma.events import Trade
from gamma.history.figures import pnl_usd
from gamma.report.event_orders import BRACKETS, HELD_BRACKETS, Asked, EventTrading, held_bracket
from gamma.stats import Floats
from gamma.views import NAN

STANDING: Final = "standing"
"""The step that lets nothing out whatever its size, such as a halt; it is no limit."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OfSize:
    """What is known of the actions of one size; NaN where nothing is.

    `whole` were left whole by the chain and the guards. `filled`, `in_part` and `unfilled` count orders. Spread, depth
    and price are means over orders, the price over lots that filled: `paid_points` worse than the middle of the market.
    """

    size: str
    asked: int
    whole: int
    orders: int
    filled: int
    in_part: int
    unfilled: int
    ordered_lots: int
    filled_lots: int
    spread_points: float
    paid_points: float
    depth_lots: float
    depth_frac: float
    decided_ms: tuple[float, float, float]
    answered_ms: tuple[float, float, float]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Trades by the most lots that they held: winners and losers, and what they made on average [usd]."""

    size: str
    trades: int
    wins: int
    losses: int
    win_mean_usd: float
    loss_mean_usd: float
    pnl_usd: float


def told_of(told: EventTrading) -> dict[str, Any]:
    """The same as plain values."""
    used = Counter((one.base.name.lower(), one.size) for one in told.asked)
    return {
        "held_looks": told.held,
        "actions": [{"base": base, "size": size, "times": times} for (base, size), times in sorted(used.items())],
        "sizes": [asdict(one) for one in by_size(told.asked)],
        "trades": [asdict(one) for one in by_size_held(told.trades)],
        "limits": [
            {"step": name, "barred": barred, "shrank": shrank, "to_zero": zero}
            for name, barred, shrank, zero in limits(told.asked)
        ],
    }


def by_size(asked: Sequence[Asked]) -> list[OfSize]:
    """What is known of each size that was asked for, the smallest first."""
    return [_of_size(size, own) for size in BRACKETS if (own := [one for one in asked if one.size == size])]


def by_size_held(trades: Sequence[Trade]) -> list[Held]:
    """Trades by the most lots that they held, the smallest first."""
    return [
        _of_trades(size, own)
        for size in HELD_BRACKETS
        if (own := [one for one in trades if held_bracket(one.lots_max) == size])
    ]


def limits(asked: Sequence[Asked]) -> list[tuple[str, int, int, int]]:
    """How often each sizer or guard barred an action, made an order smaller, and left none of it; the most first."""
    barred: Counter[str] = Counter()
    for one in asked:
        barred.update(one.barred)
    shrank = Counter(name for one in asked for name in one.shrunk_by)
    zero = Counter(one.shrunk_by[-1] for one in asked if one.shrunk_by and not one.lots)
    bound = (barred + shrank).items()
    names = [name for name, _ in sorted(bound, key=lambda item: (-item[1], item[0])) if name != STANDING]
    return [(name, barred[name], shrank[name], zero[name]) for name in names]


def _of_size(size: str, asked: Sequence[Asked]) -> OfSize:
    orders = [one for one in asked if one.ordered_lots]
    filled = sum(one.filled_lots >= one.ordered_lots for one in orders)
    unfilled = sum(not one.filled_lots for one in orders)
    return OfSize(
        size=size,
        asked=len(asked),
        whole=sum(one.lots == one.wanted_lots for one in asked),
        orders=len(orders),
        filled=filled,
        in_part=len(orders) - filled - unfilled,
        unfilled=unfilled,
        ordered_lots=sum(one.ordered_lots for one in orders),
        filled_lots=sum(one.filled_lots for one in orders),
        spread_points=_mean(orders, lambda one: one.spread_points),
        paid_points=_mean(orders, lambda one: one.paid_points, lambda one: one.filled_lots),
        depth_lots=_mean(orders, lambda one: one.depth_lots),
        depth_frac=_mean(orders, lambda one: one.ordered_lots / one.depth_lots if one.depth_lots else NAN),
        decided_ms=_spread_ms(one.decided_s for one in orders),
        answered_ms=_spread_ms(one.answered_s for one in orders),
    )


def _of_trades(size: str, trades: Sequence[Trade]) -> Held:
    pnl = pnl_usd(trades)
    return Held(
        size=size,
        trades=len(trades),
        wins=int(np.count_nonzero(pnl > 0)),
        losses=int(np.count_nonzero(pnl < 0)),
        win_mean_usd=_or_nan(pnl[pnl > 0]),
        loss_mean_usd=_or_nan(pnl[pnl < 0]),
        pnl_usd=float(pnl.sum()),
    )


def _mean(
    asked: Sequence[Asked], value: Callable[[Asked], float], weight: Callable[[Asked], float] = lambda _: 1.0
) -> float:
    """The mean of what is known, weighted; NaN where nothing is."""
    values = np.array([value(one) for one in asked], dtype=np.float64)
    weights = np.array([weight(one) for one in asked], dtype=np.float64)
    known = np.isfinite(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else NAN


def _or_nan(values: Floats) -> float:
    return float(values.mean()) if len(values) else NAN


def _spread_ms(seconds: Iterable[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and the most, each one that was measured [ms]; NaN where nothing was."""
    values = np.array([one * 1e3 for one in seconds if one == one], dtype=np.float64)
    if not len(values):
        return NAN, NAN, NAN
    p50, p99 = np.quantile(values, [0.5, 0.99], method="higher")
    return float(p50), float(p99), float(values.max())
