"""A history by the regimes that it went through: each trade by what was known when it was opened. Pure."""

from dataclasses import dataclass
from typing import final

import numpy as np

from gamma import stats
from gamma.history import History
from gamma.history.figures import pnl_usd
from gamma.history.regimes import DIMENSIONS, UNKNOWN, Regimes
from gamma.stats import Floats, Ints


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What was done in one regime; a figure that is not defined is NaN.

    `bars_frac` is its share of the bars. `drawdown_usd` is the deepest fall of the equity changes of its bars put in a
    row, where a change over a bar belongs to the regime that was known when the bar began.
    """

    dimension: str
    label: str
    bars_frac: float
    trades: int
    net_pnl_usd: float
    win_rate_frac: float
    profit_factor: float
    drawdown_usd: float


def by_regime(told: History, seen: Regimes, market: str) -> list[Stretch]:
    """Split one market's trades, and the account's drawdown, by each dimension of the market's regimes.

    `seen` has the bars of the span and no others: see `Regimes.between`.
    Labels that were never met, and `unknown` where it never was, are left out.
    """
    trades = [trade for trade in told.trades if trade.market == market]
    opened = np.array([trade.ts_open_utc_ns for trade in trades], dtype=np.int64)
    pnl = pnl_usd(trades)
    begun = _bar_before(seen.ts_close_utc_ns, told.ts_mark_utc_ns)
    moved = np.diff(told.close_usd, prepend=told.start_usd)
    found = []
    for dimension, labels in DIMENSIONS.items():
        of_bars, of_trades = seen.of(dimension), seen.at(dimension, opened)
        of_marks = seen.at(dimension, begun)
        for label in (*labels, UNKNOWN):
            own = pnl[of_trades == label]
            if not len(own) and not (of_bars == label).any():
                continue
            found.append(
                Stretch(
                    dimension=dimension,
                    label=label,
                    bars_frac=float(np.mean(of_bars == label)),
                    trades=len(own),
                    net_pnl_usd=float(own.sum()),
                    win_rate_frac=stats.win_rate(own),
                    profit_factor=stats.profit_factor(own),
                    drawdown_usd=_fall(moved[of_marks == label]),
                )
            )
    return found


def _fall(moved_usd: Floats) -> float:
    return stats.drawdown(np.concatenate(([0.0], np.cumsum(moved_usd)))).depth_usd


def _bar_before(closes: Ints, marks: Ints) -> Ints:
    """When the bar closed that stood before each mark's own."""
    row = np.searchsorted(closes, marks, side="left") - 1
    return np.where(row >= 0, closes[np.maximum(row, 0)], 0) if len(closes) else np.zeros_like(marks)
