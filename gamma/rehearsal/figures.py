"""What is to be said of rehearsals: figures with their 95 % intervals, units in their names. Pure."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gamma import stats
from gamma.events import Trade
from gamma.markets import MICRO
from gamma.rehearsal.play import HOLD, Rehearsal
from gamma.stats import Floats, Moments

SESSIONS_A_YEAR: Final = 252
WINDOW_SESSIONS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure, its unit last in its name; an interval of NaN is none."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Rehearsals of one strategy, reduced to what it is judged by; drawdown is the deepest of any.

    Daily returns are changes of equity from one session's end to the next's, over the starting capital.
    """

    seen: Moments
    trades: int
    net_pnl_usd: float
    drawdown_usd: float

    @property
    def sharpe_annual(self) -> float:
        """The Sharpe ratio of daily returns, by 252 sessions a year."""
        return self.seen.sharpe * math.sqrt(SESSIONS_A_YEAR)


def outcome(played: Sequence[Rehearsal]) -> Outcome:
    """Several spans as one record, each begun anew."""
    return Outcome(
        seen=stats.moments(daily_returns(played)),
        trades=sum(len(one.trades) for one in played),
        net_pnl_usd=sum(float(one.close_usd[-1]) - one.start_usd for one in played),
        drawdown_usd=max(_drawdown(one).depth_usd for one in played),
    )


def daily_returns(played: Sequence[Rehearsal]) -> Floats:
    """Changes of equity from session to session, over the starting capital. Shapes: [S] of all spans."""
    return np.concatenate(
        [np.diff(one.close_usd, prepend=one.start_usd) / one.start_usd for one in played] or [np.empty(0)]
    )


def trades_sha256(trades: Sequence[Trade]) -> str:
    """A hash of what was traded, when, at which prices and with what result; equal lists have equal ones."""
    lines = (
        f"{t.market} {t.side} {t.lots_max} {t.ts_open_utc_ns} {t.ts_close_utc_ns} {t.entry_points!r} "
        f"{t.exit_points!r} {t.pnl_microusd} {t.fees_microusd} {t.exit_reason}\n"
        for t in trades
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def figures(played: Sequence[Rehearsal]) -> list[Figure]:
    """All figures of the rehearsals but those that compare; one that is not defined is left out."""
    trades = [trade for one in played for trade in one.trades]
    pnl = _pnl(trades)
    returns = daily_returns(played)
    capital = played[0].start_usd
    fallen = [_drawdown(one) for one in played]
    wins = int(np.count_nonzero(pnl > 0))
    low, high = stats.wilson(wins, len(pnl))
    found = [
        Figure(name="trades", value=len(pnl)),
        Figure(name="net_pnl_usd", value=float(returns.sum()) * capital),
        _sampled("pnl_per_session_usd", returns * capital, stats.mean),
        _sampled("pnl_per_trade_usd", pnl, stats.mean),
        Figure(name="win_rate_frac", value=stats.win_rate(pnl), low=low, high=high),
        _sampled("profit_factor", pnl, stats.profit_factor),
        _sampled("sharpe_annual", returns, lambda x: stats.sharpe_annual(x, SESSIONS_A_YEAR)),
        Figure(name="sharpe_above_0_prob", value=stats.probabilistic_sharpe(stats.moments(returns))),
        Figure(name="worst_7_sessions_usd", value=min(_worst(one) for one in played)),
        Figure(name="drawdown_max_usd", value=max(one.depth_usd for one in fallen)),
        Figure(name="drawdown_max_frac", value=max(one.depth_frac for one in fallen)),
        Figure(name="fees_usd", value=sum(t.fees_microusd for t in trades) / MICRO),
        Figure(name="halts", value=sum(len(one.halts) for one in played)),
        *_sides(trades),
        *_acts(played),
    ]
    return [one for one in found if math.isfinite(one.value)]


def _worst(played: Rehearsal) -> float:
    """The least that was made in seven sessions on end [usd]; of fewer, in all of them."""
    equity = np.concatenate(([played.start_usd], played.close_usd))
    span = min(WINDOW_SESSIONS, len(equity) - 1)
    return float(np.min(equity[span:] - equity[: len(equity) - span]))


def _sides(trades: Sequence[Trade]) -> list[Figure]:
    found = [
        Figure(name="lots_mean", value=stats.mean([t.lots_max for t in trades])),
        Figure(name="lots_max", value=max((t.lots_max for t in trades), default=math.nan)),
        Figure(name="held_mean_min", value=stats.mean([(t.ts_close_utc_ns - t.ts_open_utc_ns) / 6e10 for t in trades])),
    ]
    for name, side in (("long", 1), ("short", -1)):
        pnl = _pnl([t for t in trades if t.side == side])
        found += [
            Figure(name=f"{name}_trades", value=len(pnl)),
            Figure(name=f"{name}_pnl_usd", value=float(pnl.sum())),
            Figure(name=f"{name}_win_rate_frac", value=stats.win_rate(pnl)),
            Figure(name=f"{name}_profit_factor", value=stats.profit_factor(pnl)),
        ]
    return found


def _acts(played: Sequence[Rehearsal]) -> list[Figure]:
    """The share of each answer among the bars of the cash session without a position, and among those with one."""
    found: list[Figure] = []
    for where, counts in (("flat", [one.acts_flat for one in played]), ("held", [one.acts_held for one in played])):
        total = sum(sum(each.values()) for each in counts)
        names = sorted({name for each in counts for name in each} | {HOLD}) if total else []
        found += [
            Figure(name=f"{where}_{name.lower()}_frac", value=sum(each.get(name, 0) for each in counts) / total)
            for name in names
        ]
    return found


def _sampled(name: str, values: Floats, figure: Callable[[Floats], float]) -> Figure:
    low, high = stats.bootstrap(values, figure)
    return Figure(name=name, value=figure(values), low=low, high=high)


def _pnl(trades: Sequence[Trade]) -> Floats:
    return np.array([t.pnl_microusd for t in trades], dtype=np.float64) / MICRO


def _drawdown(played: Rehearsal) -> stats.Drawdown:
    return stats.drawdown(np.concatenate(([played.start_usd], played.equity_usd)))
