"""The forms that every part of the size picker shares: trades with all their outcomes, and what a model is shown.

Prices are shares of the entry price, so that one model fits any price. Nothing here needs JAX.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gamma.curves import SizeCurve

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.signedinteger[Any]]
Flags = NDArray[np.bool_]

SIZES: Final = 31  # 0 and 30 sizes of gold, as whole lots
OZ_PER_LOT: Final = 0.15
WINDOW_BARS: Final = 32
BARS_MAX: Final = 500
FEATURES: Final = ("log_return", "range", "body", "upper_wick", "lower_wick")
SCALE_MIN: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trades:
    """N trades, the candles before each, and what became of each at every size.

    `candles` are of the last `W` bars up to and with the bar at whose close the trade was decided on; it is entered at
    the next bar's open. `log_return` is close to close, the others are shares of the close. `equity_ratio` is equity
    over the account's first. `adverse_frac` is the largest adverse excursion up to the exit, of one ounce and with
    all costs, as a share of the entry price; `move_frac` is what the trade came to, so reckoned. `returns` are on
    equity, at each size: liquidated where the size was, with gaps; NaN at sizes that leverage does not allow.
    `weights` restore the natural mix, 1 where it is natural. `ounces_per_lot` is, for a future, the usd a lot gains by
    one point; `floor_usd` the equity that ruins, 0 where something else does.

    Shapes: [N] each, but `candles` [N, W, 5], `returns` [N, 31] and `ruin_frac` [N, 31], the adverse excursion at
    which each size is liquidated; infinite at 0 lots.
    """

    side: Ints
    price_usd: Floats
    equity_usd: Floats
    equity_ratio: Floats
    spread_frac: Floats
    candles: Floats
    adverse_frac: Floats
    move_frac: Floats
    ruin_frac: Floats
    returns: Floats
    bars_held: Ints
    ts_entry_utc_ns: Ints
    ts_exit_utc_ns: Ints
    weights: Floats
    ounces_per_lot: Floats
    floor_usd: Floats

    def __len__(self) -> int:
        return len(self.side)

    @property
    def ruined(self) -> Flags:
        """Whether each size is liquidated. Shapes: [N, 31]."""
        found: Flags = self.adverse_frac[:, None] >= self.ruin_frac
        return found

    @property
    def allowed(self) -> Flags:
        """Whether leverage allows each size; 0 lots it always does. Shapes: [N, 31]."""
        found: Flags = np.isfinite(self.returns)
        return found

    def of(self, rows: Any) -> "Trades":
        """These rows alone: a slice, indices or flags."""
        return replace(self, **{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Every array by its name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """What a model is shown of N trades before they are made, at K sizes.

    `candles` are turned so that every trade is a long one: of a short one the returns have the other sign, and the
    wicks change places. `leverage` is a size's notional over equity; `ruin_frac` the adverse excursion that ruins it,
    as a share of price, infinite at 0 lots.

    Shapes: `candles` [N, W, 5], `leverage`, `ruin_frac` and `allowed` [N, K], the others [N].
    """

    candles: Floats
    leverage: Floats
    ruin_frac: Floats
    allowed: Flags
    equity_ratio: Floats
    spread_frac: Floats


class Picker(Protocol):
    """A model of what every size of a trade comes to. `curve` has shapes [N, K]; NaN where a size is not allowed."""

    @property
    def name(self) -> str: ...
    def curve(self, shown: Shown) -> SizeCurve: ...


def shown(trades: Trades) -> Shown:
    """What a model is shown of these trades."""
    ounces = np.arange(trades.returns.shape[1]) * trades.ounces_per_lot[:, None]
    return Shown(
        candles=turned(trades.candles, trades.side),
        leverage=ounces * (trades.price_usd / trades.equity_usd)[:, None],
        ruin_frac=trades.ruin_frac,
        allowed=trades.allowed,
        equity_ratio=trades.equity_ratio,
        spread_frac=trades.spread_frac,
    )


def turned(candles: Floats, side: Ints) -> Floats:
    """The candles as a long trade sees them. Shapes: [N, W, 5], [N]."""
    short = np.array(candles[..., [0, 1, 2, 4, 3]])
    short[..., 0] *= -1
    found: Floats = np.where((side < 0)[:, None, None], short, candles)
    return found


def scale(candles: Floats) -> Floats:
    """How far the market moves in one bar, from the ranges of the window (Parkinson 1980), as a share of price.

    Shapes: [N, W, 5] to [N]. It is the unit in which excursions are reckoned, whatever a bar's length; above 0.
    """
    squares = np.mean(np.square(candles[..., 1], dtype=np.float64), axis=-1)
    found: Floats = np.sqrt(np.maximum(squares, SCALE_MIN**2) / (4 * np.log(2)))
    return found
