"""The what-if curve: what each size from 0 to the cap would risk, judged by the strategy's own record.

Trades are drawn from the record with replacement, the same draws for every size, so that a larger size
never looks safer by luck. The record is taken as it is: that it is short, or that trades follow one
another, widens the truth beyond the interval shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gamma.errors import InputInvalid
from gamma.stats import wilson

Floats = NDArray[np.float64]

HORIZON_TRADES: Final = 100
PATHS: Final = 2_000
SEED: Final = 20_260_101


@dataclass(frozen=True, slots=True, kw_only=True)
class Stakes:
    """What is at stake: equity, the level that must not be touched, and P&L of completed trades per lot.

    `floor_usd` is the account's floor, or 0 where only the whole equity can be lost. `risk_usd_per_lot`
    is the most that one lot can lose, NaN where it is unknown.
    """

    equity_usd: float
    floor_usd: float
    risk_usd_per_lot: float
    pnl_usd_per_lot: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One size: its worst loss, P(touching the floor) with its 95 % interval, and growth a trade.

    `touch_prob` and `log_growth` are None without a record; `log_growth` is minus infinity where one
    trade of the record would lose everything.
    """

    lots: int
    worst_loss_usd: float
    touch_prob: float | None = None
    touch_prob_low: float | None = None
    touch_prob_high: float | None = None
    log_growth: float | None = None


def curve(stakes: Stakes, lots_max: int, *, paths: int = PATHS, horizon_trades: int = HORIZON_TRADES) -> list[Point]:
    """A point for each size from 0 to `lots_max`.

        P(touch) = share of paths with  min over t <= horizon of equity + lots * sum(pnl[1..t])  <=  floor
        growth   = mean log(1 + lots * pnl / equity)  [1/trade]

    Raises: InputInvalid when equity is not above 0.
    """
    if not 0 < stakes.equity_usd < math.inf:
        raise InputInvalid(f"equity is {stakes.equity_usd}; the what-if curve needs an equity above 0")
    record = np.asarray(stakes.pnl_usd_per_lot, dtype=np.float64)
    if not len(record):
        return [_known(stakes, lots) for lots in range(lots_max + 1)]
    lows = _lowest_sums(record, paths, horizon_trades)
    return [_judged(stakes, lots, record, lows) for lots in range(lots_max + 1)]


def _known(stakes: Stakes, lots: int) -> Point:
    return Point(lots=lots, worst_loss_usd=lots * stakes.risk_usd_per_lot if lots else 0.0)


def _lowest_sums(record: Floats, paths: int, horizon_trades: int) -> Floats:
    """The lowest running sum of each path of drawn trades [usd/lot]; 0 where it never goes below its start."""
    draws = np.random.default_rng(SEED).integers(len(record), size=(paths, horizon_trades))
    sums: Floats = np.cumsum(record[draws], axis=1)
    lows: Floats = np.minimum(sums.min(axis=1), 0.0)
    return lows


def _judged(stakes: Stakes, lots: int, record: Floats, lows: Floats) -> Point:
    touched = int(np.count_nonzero(stakes.equity_usd + lots * lows <= stakes.floor_usd))
    low, high = wilson(touched, len(lows))
    return Point(
        lots=lots,
        worst_loss_usd=lots * stakes.risk_usd_per_lot if lots else 0.0,
        touch_prob=touched / len(lows),
        touch_prob_low=low,
        touch_prob_high=high,
        log_growth=log_growth(record.tolist(), lots / stakes.equity_usd),
    )


def log_growth(pnl_usd_per_lot: Sequence[float], lots_per_usd: float) -> float:
    """Mean log growth of equity a trade; minus infinity where one trade loses it all."""
    wealth = [1 + lots_per_usd * pnl for pnl in pnl_usd_per_lot]
    if min(wealth) <= 0:
        return -math.inf
    return math.fsum(math.log(w) for w in wealth) / len(wealth)
