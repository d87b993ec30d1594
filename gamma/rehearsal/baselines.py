"""What a strategy is held against, on the same bars and at the same costs."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gamma import calendar, stats
from gamma.events import Trade
from gamma.feeds.inspection import sessions_of
from gamma.feeds.series import NS, Series
from gamma.history.figures import SESSIONS_A_YEAR, Figure
from gamma.markets import MICRO, Market

DRAWS: Final = 1_000


def buy_and_hold(series: Series, market: Market, lots: float, start_usd: float) -> list[Figure]:
    """Bought at the first open, sold at the last close, over every night: the same lots throughout."""
    worth = float(market.multiplier_usd_per_point) * lots
    number = sessions_of(series)
    last = np.append(np.flatnonzero(np.diff(number)), len(series) - 1)
    value = (series.close_points - series.open_points[0]) * worth
    net = value - market.cost_usd_per_lot() * lots
    daily = np.diff(net[last], prepend=0.0) / start_usd
    worst = np.column_stack([series.high_points, series.low_points, series.close_points]).ravel()
    equity = start_usd + (worst - series.open_points[0]) * worth
    found = [
        Figure(name="buy_and_hold_net_pnl_usd", value=float(net[-1])),
        Figure(name="buy_and_hold_sharpe_annual", value=stats.sharpe_annual(daily, SESSIONS_A_YEAR)),
        Figure(name="buy_and_hold_drawdown_max_usd", value=stats.drawdown(equity).depth_usd),
    ]
    return [one for one in found if math.isfinite(one.value)]


def random_entries(series: Series, trades: Sequence[Trade], market: Market, seed: int = 0) -> list[Figure]:
    """The same trades begun at random: each keeps its session hours, its side, its lots and how long it was held.

    An entry is at the open of any bar of the cash session, or of the night for a trade that was opened there, from
    which the trade ends in its session; costs are paid twice. Told are the mean of 1,000 drawings with the interval of
    a drawing, and which share of them the trades themselves beat.
    """
    if not trades:
        return []
    inside, lasts, cash = _opens(series)
    bar_ns = series.bar_s * NS
    worth = float(market.multiplier_usd_per_point)
    rng = np.random.default_rng(seed)
    totals = np.zeros(DRAWS)
    for trade in trades:
        held = max(1, round((trade.ts_close_utc_ns - trade.ts_open_utc_ns) / bar_ns))
        at = int(np.searchsorted(series.ts_open_utc_ns[inside], trade.ts_open_utc_ns, side="right")) - 1
        alike = cash == (bool(cash[at]) if at >= 0 else True)
        fits = inside[alike & (lasts - inside >= held)]
        if not len(fits):
            continue
        begins = rng.choice(fits, size=DRAWS)
        moved = series.open_points[begins + held] - series.open_points[begins]
        totals += trade.lots_max * (trade.side * moved * worth - market.cost_usd_per_lot())
    own = sum(trade.pnl_microusd for trade in trades) / MICRO
    low, high = np.quantile(totals, [0.025, 0.975])
    return [
        Figure(name="random_entries_net_pnl_usd", value=float(totals.mean()), low=float(low), high=float(high)),
        Figure(name="beats_random_entries_frac", value=float(np.mean(own > totals))),
    ]


def flat() -> list[Figure]:
    """Nothing is gained, and nothing lost."""
    return [Figure(name="always_flat_net_pnl_usd", value=0.0)]


def _opens(series: Series) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The bars in sessions, the last bar of each one's session, and whether it opens in the cash session: three [C]."""
    number = sessions_of(series)
    last_of = np.append(np.flatnonzero(np.diff(number)), len(series) - 1)
    last = last_of[np.searchsorted(last_of, np.arange(len(series)))]
    inside = np.flatnonzero(number >= 0)
    opens, _ = calendar.bounds(series.market)
    numbers, which = np.unique(number[inside], return_inverse=True)
    hours = np.array([_cash(series.market, int(opens[n])) for n in numbers], dtype=np.int64).reshape(-1, 2)[which]
    ts = series.ts_open_utc_ns[inside]
    return inside, last[inside], (hours[:, 0] <= ts) & (ts < hours[:, 1])


def _cash(market: str, ts_utc_ns: int) -> tuple[int, int]:
    session = calendar.session_at(market, ts_utc_ns)
    return (session.ts_cash_open_utc_ns, session.ts_cash_close_utc_ns) if session else (0, 0)
