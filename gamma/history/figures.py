"""What is to be said of histories: figures with their 95 % intervals, units in their names. Pure."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from gamma import stats
from gamma.events import Trade
from gamma.history import History
from gamma.markets import MICRO
from gamma.stats import Floats

SESSIONS_A_YEAR: Final = 252
WINDOW_SESSIONS: Final = 7


@final
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


def figures(told: Sequence[History]) -> list[Figure]:
    """All figures of one account, over one or several spans that each begin anew; what is not defined is left out."""
    trades = [trade for one in told for trade in one.trades]
    pnl = pnl_usd(trades)
    returns = session_returns(told)
    capital = told[0].start_usd
    wins = int(np.count_nonzero(pnl > 0))
    low, high = stats.wilson(wins, len(pnl))
    found = [
        Figure(name="trades", value=len(pnl)),
        Figure(name="net_pnl_usd", value=float(returns.sum()) * capital),
        _sampled("pnl_per_session_usd", returns * capital, stats.mean),
        _sampled("pnl_per_trade_usd", pnl, stats.expectancy_usd),
        Figure(name="win_rate_frac", value=stats.win_rate(pnl), low=low, high=high),
        Figure(name="payoff_ratio", value=stats.payoff_ratio(pnl)),
        _sampled("profit_factor", pnl, stats.profit_factor),
        *_ratios(returns),
        Figure(name="session_value_at_risk_95_usd", value=stats.value_at_risk(returns * capital)),
        Figure(name="session_cvar_95_usd", value=stats.conditional_value_at_risk(returns * capital)),
        Figure(name="worst_7_sessions_usd", value=min(worst_window_usd(one) for one in told)),
        *_falls(told, float(returns.sum()) * capital / len(returns) if len(returns) else math.nan),
        Figure(name="fees_usd", value=sum(t.fees_microusd for t in trades) / MICRO),
        *_sizes(trades),
        *_sides(trades),
    ]
    return known(found)


def known(found: Sequence[Figure]) -> list[Figure]:
    """Those of the figures that are finite numbers."""
    return [one for one in found if math.isfinite(one.value)]


def session_returns(told: Sequence[History]) -> Floats:
    """Changes of equity from session to session, over the starting capital of each span. Shapes: [S] of all spans."""
    return np.concatenate([one.session_returns for one in told] or [np.empty(0)])


def pnl_usd(trades: Sequence[Trade]) -> Floats:
    """What each trade made, net of fees. Shapes: [N]."""
    return np.array([t.pnl_microusd for t in trades], dtype=np.float64) / MICRO


def deepest(told: History) -> stats.Drawdown:
    """The deepest fall of equity with open P&L; of each bar the highest is taken to have come first."""
    return stats.drawdown(told.path_high_first_usd)


def worst_window_usd(told: History) -> float:
    """The least that was made in seven sessions on end [usd]; of fewer, in all of them."""
    equity = np.concatenate(([told.start_usd], told.session_close_usd))
    span = min(WINDOW_SESSIONS, len(equity) - 1)
    return float(np.min(equity[span:] - equity[: len(equity) - span]))


def trades_sha256(trades: Sequence[Trade]) -> str:
    """A hash of what was traded, when, at which prices and with what result; equal lists have equal ones."""
    lines = (
        f"{t.market} {t.side} {t.lots_max} {t.ts_open_utc_ns} {t.ts_close_utc_ns} {t.entry_points!r} "
        f"{t.exit_points!r} {t.pnl_microusd} {t.fees_microusd} {t.exit_reason}\n"
        for t in trades
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def falls_of(told: History) -> stats.Falls:
    """Every fall of equity with open P&L; of each bar the highest is taken to have come first."""
    ts = np.repeat(told.ts_mark_utc_ns, 3)
    return stats.falls(told.path_high_first_usd, np.concatenate((ts[:1], ts)) if len(ts) else np.zeros(1, np.int64))


def _ratios(returns: Floats) -> list[Figure]:
    """What the daily returns are weighed by; they are over the starting capital and do not compound."""
    seen = stats.moments(returns)
    error = stats.sharpe_standard_error(seen.sharpe, seen.observations) * math.sqrt(SESSIONS_A_YEAR)
    return [
        _sampled("sharpe_annual", returns, lambda x: stats.sharpe_annual(x, SESSIONS_A_YEAR)),
        Figure(name="sharpe_error_annual", value=error),
        Figure(name="sharpe_autocorrelated_annual", value=stats.sharpe_annual_autocorrelated(returns, SESSIONS_A_YEAR)),
        Figure(name="sharpe_above_0_prob", value=stats.probabilistic_sharpe(seen)),
        Figure(name="sortino_annual", value=stats.sortino_annual(returns, SESSIONS_A_YEAR)),
        Figure(name="volatility_annual_frac", value=stats.volatility_annual(returns, SESSIONS_A_YEAR)),
    ]


def _falls(told: Sequence[History], pnl_per_session: float) -> list[Figure]:
    """Drawdowns of all spans together, and Calmar: a year's mean P&L over the deepest of them."""
    each = [falls_of(one) for one in told]
    count, deepest_usd = sum(one.count for one in each), max(one.depth_max_usd for one in each)
    total = sum(one.depth_mean_usd * one.count for one in each)
    recovered = [one.recovery_longest_days for one in each if math.isfinite(one.recovery_longest_days)]
    return [
        Figure(name="calmar", value=pnl_per_session * SESSIONS_A_YEAR / deepest_usd if deepest_usd > 0 else math.nan),
        Figure(name="drawdown_max_usd", value=deepest_usd),
        Figure(name="drawdown_max_frac", value=max(one.depth_max_frac for one in each)),
        Figure(name="drawdown_mean_usd", value=total / count if count else math.nan),
        Figure(name="drawdowns", value=count),
        Figure(
            name="drawdown_longest_days", value=max((one.longest_days for one in each if one.count), default=math.nan)
        ),
        Figure(name="recovery_longest_days", value=max(recovered, default=math.nan)),
    ]


def _sizes(trades: Sequence[Trade]) -> list[Figure]:
    held_min = [(t.ts_close_utc_ns - t.ts_open_utc_ns) / 6e10 for t in trades]
    return [
        Figure(name="lots_mean", value=stats.mean([t.lots_max for t in trades])),
        Figure(name="lots_max", value=max((t.lots_max for t in trades), default=math.nan)),
        Figure(name="held_mean_min", value=stats.mean(held_min)),
        *_r_multiples(trades),
    ]


def _r_multiples(trades: Sequence[Trade]) -> list[Figure]:
    """Results over the initial risk, of the trades whose risk is known: what drift is later held against."""
    r = np.array([t.pnl_microusd / t.risk_microusd for t in trades if t.risk_microusd], dtype=np.float64)
    return [
        Figure(name="r_mean", value=stats.mean(r)),
        Figure(name="r_std", value=float(r.std(ddof=1)) if len(r) > 1 else math.nan),
    ]


def _sides(trades: Sequence[Trade]) -> list[Figure]:
    found: list[Figure] = []
    for name, side in (("long", 1), ("short", -1)):
        pnl = pnl_usd([t for t in trades if t.side == side])
        found += [
            Figure(name=f"{name}_trades", value=len(pnl)),
            Figure(name=f"{name}_pnl_usd", value=float(pnl.sum())),
            Figure(name=f"{name}_win_rate_frac", value=stats.win_rate(pnl)),
            Figure(name=f"{name}_profit_factor", value=stats.profit_factor(pnl)),
        ]
    return found


def _sampled(name: str, values: Floats, figure: Callable[[Floats], float]) -> Figure:
    low, high = stats.bootstrap(values, figure)
    return Figure(name=name, value=figure(values), low=low, high=high)
