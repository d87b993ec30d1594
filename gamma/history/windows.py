"""What was made in every stretch of seven sessions on end, and how the two sides shared the trades. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from gamma.events import Trade
from gamma.history import History
from gamma.history.figures import WINDOW_SESSIONS

ONE_SIDED: Final = 10


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Sessions on end, both ends with them, and what was made in them."""

    first: str
    last: str
    pnl_usd: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """How many trades were long and short; `one_sided` from ten to one on, either way."""

    long_trades: int
    short_trades: int

    @property
    def one_sided(self) -> bool:
        """Whether one side has ten times the trades of the other, or all of ten and more."""
        more, less = max(self.long_trades, self.short_trades), min(self.long_trades, self.short_trades)
        return more >= ONE_SIDED * max(less, 1)


def windows(told: History, sessions: int = WINDOW_SESSIONS) -> list[Window]:
    """Every stretch of so many sessions on end, the earliest first; all of them as one where there are fewer."""
    equity = np.concatenate(([told.start_usd], told.session_close_usd))
    span = min(sessions, len(told.sessions))
    made = equity[span:] - equity[: len(equity) - span] if span else np.empty(0)
    return [
        Window(first=told.sessions[n], last=told.sessions[n + span - 1], pnl_usd=float(pnl))
        for n, pnl in enumerate(made)
    ]


def worst(found: Sequence[Window]) -> Window | None:
    """The one that made the least, the earliest of several; None of none."""
    return min(found, key=lambda one: one.pnl_usd, default=None)


def sides(trades: Sequence[Trade]) -> Sides:
    """The trades by side."""
    long = sum(trade.side > 0 for trade in trades)
    return Sides(long_trades=long, short_trades=len(trades) - long)
