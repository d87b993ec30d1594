"""Trades in groups: by the hour in which they were opened, by side, by strategy and market. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, final

import numpy as np

from gamma import stats
from gamma.calendar import NEW_YORK
from gamma.events import Trade
from gamma.history.figures import pnl_usd
from gamma.report.form import Table
from gamma.report.wording import NONE, percent, signed_usd

DAY_BEGINS_HOUR: Final = 18
"""A futures day begins at 18:00 New York."""
SIDES: Final = {1: "long", -1: "short"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Trades that have something in common; `low_usd` and `high_usd` are the 95 % interval of their P&L, or NaN."""

    label: str
    trades: int
    wins: int
    pnl_usd: float
    low_usd: float = math.nan
    high_usd: float = math.nan

    @property
    def known(self) -> bool:
        """Whether it has an interval."""
        return math.isfinite(self.low_usd) and math.isfinite(self.high_usd)


def grouped(trades: Sequence[Trade], label: Callable[[Trade], str]) -> list[Group]:
    """Trades by their label, in the order of the labels' first trades."""
    parts: dict[str, list[Trade]] = {}
    for trade in trades:
        parts.setdefault(label(trade), []).append(trade)
    return [_group(name, own) for name, own in parts.items()]


def by_hour(trades: Sequence[Trade]) -> list[Group]:
    """By the hour in New York in which they were opened, from the evening on in which a trading day begins."""
    found = {int(one.label): one for one in grouped(trades, lambda trade: str(_hour(trade)))}
    return [found[hour] for hour in sorted(found, key=lambda hour: (hour - DAY_BEGINS_HOUR) % 24)]


def by_side(trades: Sequence[Trade]) -> list[Group]:
    """Long, then short; one without a trade is left out."""
    return sorted(grouped(trades, lambda trade: SIDES[trade.side]), key=lambda one: one.label)


def table(caption: str, first: str, groups: Sequence[Group]) -> Table:
    """Groups in numbers."""
    rows = [
        (
            one.label,
            f"{one.trades:,}",
            percent(one.wins / one.trades),
            signed_usd(one.pnl_usd),
            f"{signed_usd(one.low_usd)} to {signed_usd(one.high_usd)}" if one.known else NONE,
        )
        for one in groups
    ]
    columns = (first, "trades", "won", "P&L [usd]", "95 % interval [usd]")
    return Table(caption=caption, columns=columns, rows=rows, numbers=(1, 2, 3, 4))


def _group(label: str, trades: Sequence[Trade]) -> Group:
    pnl = pnl_usd(trades)
    low, high = stats.bootstrap(pnl, stats.mean)
    return Group(
        label=label,
        trades=len(pnl),
        wins=int(np.count_nonzero(pnl > 0)),
        pnl_usd=float(pnl.sum()),
        low_usd=low * len(pnl),
        high_usd=high * len(pnl),
    )


def _hour(trade: Trade) -> int:
    return datetime.fromtimestamp(trade.ts_open_utc_ns // 10**9, UTC).astimezone(NEW_YORK).hour
