"""Trades drawn by hand from a known distribution, and models of them that are known to be right, or wrong."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from gamma.curves import SizeCurve
from models.size_picker.form import OZ_PER_LOT, SIZES, WINDOW_BARS, Floats, Shown, Trades, scale

BARS = 100
HOUR_NS = 3_600 * 10**9


def trades(count: int, seed: int, drift: float = 0.0, vol_scale: float = 1.0) -> Trades:
    """Brownian trades of 100 bars without costs, liquidated at 30 % of equity: minimum and end from their joint law.

    The volatility of a bar is drawn, and is exactly the scale of the candles; `drift` is in standard deviations.
    """
    rng = np.random.default_rng(seed)
    sigma = vol_scale * 0.004 * np.exp(rng.normal(0.0, 0.6, count))
    candles = np.zeros((count, WINDOW_BARS, 5))
    candles[..., 1] = (sigma * math.sqrt(4.0 * math.log(2.0)))[:, None]
    far = sigma * math.sqrt(BARS)
    move = far * (drift + rng.standard_normal(count))
    adverse = (np.sqrt(move**2 - 2.0 * far**2 * np.log(rng.random(count))) - move) / 2.0
    price = rng.uniform(1_000.0, 3_000.0, count)
    equity = rng.uniform(50.0, 1_000.0, count)
    leverage = np.arange(SIZES) * OZ_PER_LOT * (price / equity)[:, None]
    with np.errstate(divide="ignore"):
        ruin = 0.7 / leverage
    made = np.where(adverse[:, None] >= ruin, -0.7, leverage * move[:, None])
    entry = np.arange(count, dtype=np.int64) * HOUR_NS
    return Trades(
        side=np.ones(count, dtype=np.int64),
        price_usd=price,
        equity_usd=equity,
        equity_ratio=np.ones(count),
        spread_frac=np.full(count, 1e-4),
        candles=candles,
        adverse_frac=adverse,
        move_frac=move,
        ruin_frac=ruin,
        returns=np.where(leverage <= 20.0, made, np.nan),
        bars_held=np.full(count, BARS),
        ts_entry_utc_ns=entry,
        ts_exit_utc_ns=entry + BARS * HOUR_NS,
        weights=np.ones(count),
        ounces_per_lot=np.full(count, OZ_PER_LOT),
        floor_usd=np.zeros(count),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The true law of driftless trades: P(liquidation) = 2 Phi(-distance / (volatility * sqrt(bars)))."""

    name: str = "known"
    lean: float = 1.0

    def curve(self, shown: Shown) -> SizeCurve:
        far = (scale(shown.candles) * math.sqrt(BARS))[:, None]
        return _curve(shown, (2.0 * norm.cdf(-shown.ruin_frac / far)) ** self.lean)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckless:
    """As bad as a model can be: nothing is ever a risk, most is best, and its scale is the wrong way round."""

    name: str = "reckless"

    def scale(self, shown: Shown) -> Floats:
        return 1e-6 / scale(shown.candles)

    def curve(self, shown: Shown) -> SizeCurve:
        return _curve(shown, np.zeros(shown.leverage.shape))


def _curve(shown: Shown, prob: Floats) -> SizeCurve:
    worth = np.where(shown.allowed, shown.leverage, np.nan)
    prob = np.where(shown.allowed, prob, np.nan)
    return SizeCurve(lots=np.arange(SIZES), ruin_prob=prob, return_mean=worth, growth_mean=worth)
