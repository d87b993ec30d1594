"""Bars and trades to try the broker with."""

import numpy as np

from gamma.feeds.series import Series
from models.size_picker.broker import Bars, Terms, nights
from models.size_picker.outcomes import Entries

COSTS = ("spread_frac", "slippage_frac", "swap_long_frac", "swap_short_frac")


def free(**told: object) -> Terms:
    """The terms of a broker who charges nothing but what is told."""
    return Terms.model_validate({**dict.fromkeys(COSTS, 0.0), **told})


def bars_of(*rows: tuple[float, float, float], charged: tuple[int, ...] = ()) -> Bars:
    """Bars of (open, high, low)."""
    opened, high, low = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return Bars(open_usd=opened, high_usd=high, low_usd=low, nights=np.array(charged or [0] * len(rows)))


def seen_by_broker(series: Series) -> Bars:
    return Bars(
        open_usd=series.open_points,
        high_usd=series.high_points,
        low_usd=series.low_points,
        nights=nights(series.ts_open_utc_ns),
    )


def wild_bars(rng: np.random.Generator, count: int, vol_frac: float = 0.01) -> Bars:
    """A market of fat tails: some bars open far from where the last one closed, now and then on a round price."""
    moves = rng.standard_t(3, count) * vol_frac
    gaps = rng.standard_t(2, count) * vol_frac * (rng.random(count) < 0.3)
    level = np.cumsum(gaps + np.concatenate(([0.0], moves[:-1])))
    opened = np.round(2_000 * np.exp(np.clip(level - level.mean(), -2, 2)), 2)
    closed = np.round(opened * np.exp(np.clip(moves, -0.5, 0.5)), 2)
    above, below = (np.exp(np.abs(rng.normal(0, vol_frac / 2, count))) for _ in range(2))
    night = np.where(np.arange(count) % 23 == 22, np.where(np.arange(count) // 23 % 5 == 2, 3, 1), 0)
    return Bars(
        open_usd=opened,
        high_usd=np.round(np.maximum(opened, closed) * above, 2),
        low_usd=np.round(np.minimum(opened, closed) / below, 2),
        nights=np.cumsum(night),
    )


def wild_entries(rng: np.random.Generator, bars: Bars, count: int, held_max: int, terms: Terms) -> Entries:
    """Trades of either side and any length, with little equity and with much."""
    held = rng.integers(1, held_max + 1, count)
    entry = rng.integers(0, len(bars) - held)
    equity = np.round(np.exp(rng.uniform(np.log(30), np.log(6_000), count)), 2)
    return Entries(
        side=rng.choice([-1, 1], count),
        entry_bar=entry,
        exit_bar=entry + held,
        equity_usd=equity,
        spread_frac=terms.spread_frac * rng.uniform(0, 2, count),
        floor_usd=equity * rng.uniform(0.5, 0.95, count),
    )
