"""Trades whose answer is known: driftless Brownian paths behind candles that tell their volatility."""

from typing import Any

import numpy as np

from models.size_picker.candles import candles
from models.size_picker.form import OZ_PER_LOT, SIZES, Trades

HOUR_NS = 3_600 * 10**9
STEPS = 16


def volatility(number: int, seed: int) -> Any:
    """That of a bar of each of `brownian`'s trades. Shapes: [N]."""
    return 0.001 * np.exp(np.random.default_rng(seed).uniform(np.log(0.5), np.log(4.0), number))


def brownian(number: int, seed: int = 1, *, bars: int = 100, drift: float = 0.0, **differs: Any) -> Trades:
    """Trades of so many bars, of a volatility a bar between 0.05 % and 0.4 %; adverse excursions are continuous.

    `drift` is that of the whole trade in standard deviations. Without costs; profile A at 20 times leverage.
    """
    rng = np.random.default_rng(seed)
    vol = volatility(number, seed)
    rng.uniform(size=number)  # what the volatility was drawn with
    spread = vol[:, None, None] / STEPS**0.5
    path = np.cumsum((rng.normal(size=(number, 33, STEPS)) * spread).reshape(number, -1), axis=1)
    path = 2_000 * np.exp(path).reshape(number, 33, STEPS)
    opened = np.concatenate([path[:, :1, 0], path[:, :-1, -1]], axis=1)
    ohlc = (opened, np.maximum(path.max(axis=2), opened), np.minimum(path.min(axis=2), opened), path[:, :, -1])
    whole = vol * bars**0.5
    move = whole * (rng.normal(size=number) + drift)
    # The minimum of a Brownian bridge from 0 to `move` (Lévy); that of a path is where its ends lie whatever its drift.
    adverse = (np.sqrt(np.square(move) - 2 * whole**2 * np.log(rng.uniform(size=number))) - move) / 2
    equity = np.exp(rng.uniform(np.log(300), np.log(3_000), number))
    price = np.full(number, 2_000.0)
    leverage = np.arange(SIZES) * OZ_PER_LOT * (price / equity)[:, None]
    with np.errstate(divide="ignore"):
        ruin = 0.7 / leverage
    returns = np.where(adverse[:, None] >= ruin, -0.7, leverage * move[:, None])
    times = np.arange(number, dtype=np.int64) * HOUR_NS
    told = {
        "side": rng.choice([-1, 1], number),
        "price_usd": price,
        "equity_usd": equity,
        "equity_ratio": equity / 1_000,
        "spread_frac": np.full(number, 1e-4),
        "candles": candles(np.stack(ohlc, axis=-1)),
        "adverse_frac": adverse,
        "move_frac": move,
        "ruin_frac": ruin,
        "returns": np.where(leverage <= 20.0, returns, np.nan),
        "bars_held": np.full(number, bars),
        "ts_entry_utc_ns": times,
        "ts_exit_utc_ns": times + bars * HOUR_NS,
        "weights": np.ones(number),
        "ounces_per_lot": np.full(number, OZ_PER_LOT),
        "floor_usd": np.zeros(number),
    }
    return Trades(**(told | differs))
