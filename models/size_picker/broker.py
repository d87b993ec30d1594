"""The broker that the size picker reckons with: its terms, the closed forms, and one trade bar by bar.

A position is marked at the price at which it would close: a long one at the bid. Spread, slippage and swap are fixed at
the entry, in usd an ounce, so that the price of one ounce with all costs is one path for every size.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, Field

from gamma.errors import InputInvalid
from gamma.numeric import TOLERANCE_64
from models.size_picker.form import OZ_PER_LOT, SIZES, Floats, Ints

Reading = Literal["A", "B", "floor"]

NEW_YORK: Final = ZoneInfo("America/New_York")
ROLL_HOUR: Final = 17
HOUR_NS: Final = 3_600 * 10**9
DAY_NS: Final = 24 * HOUR_NS
# Nights that each day's roll charges, Monday first: settlement is two days on, so that Wednesday's spans the weekend.
NIGHTS: Final = (1, 1, 3, 1, 1, 0, 0)
# A price that touches the level ruins, whichever way the last bit of a float falls.
TOUCH: Final = TOLERANCE_64


class Terms(BaseModel, frozen=True, extra="forbid"):
    """What a broker asks and does; shares of the price at entry, swap for each night.

    `reading` says when a position is liquidated: A where equity is at most `left_frac` of equity at entry, B where it
    is at most `left_frac` of the used margin, "floor" where it is at an equity that is given with each trade.
    A swap below 0 is paid to the trader. `ounces_per_lot` is, for another market, the usd a lot gains by one point.

    Defaults, as of mid-2025: 0.30 usd of spread at 2,000 and 0.10 of slippage at each fill. Swap after what brokers of
    gold publish: the dollar's overnight rate and 2.5 % a year more, over 360, here (4.3 % + 2.5 %) / 360 for a long
    position; a short one would be paid 1.8 % a year, at some brokers nothing, and that credit is not counted on.
    Charged at 17:00 New York, on Wednesdays for three nights.
    """

    lots_max: Annotated[int, Field(ge=1, le=1_000)] = SIZES - 1
    ounces_per_lot: Annotated[float, Field(gt=0, allow_inf_nan=False)] = OZ_PER_LOT
    leverage: Annotated[float, Field(gt=0)] = 20.0
    reading: Reading = "A"
    left_frac: Annotated[float, Field(ge=0, lt=1)] = 0.30
    spread_frac: Annotated[float, Field(ge=0, lt=0.1)] = 0.00015
    slippage_frac: Annotated[float, Field(ge=0, lt=0.1)] = 0.00005
    swap_long_frac: Annotated[float, Field(gt=-0.01, lt=0.01)] = 0.00019
    swap_short_frac: Annotated[float, Field(gt=-0.01, lt=0.01)] = 0.0

    @property
    def ounces(self) -> Floats:
        """Ounces of each size, from 0 lots up. Shapes: [K]."""
        return np.arange(self.lots_max + 1) * self.ounces_per_lot

    def swap_frac(self, side: ArrayLike) -> Floats:
        """What a night costs on this side. Shapes: as `side`."""
        return np.where(np.asarray(side) > 0, self.swap_long_frac, self.swap_short_frac)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """Bars of one market, oldest first: midway between bid and ask, and `nights` charged up to each bar's opening.

    `nights` may count from anywhere: only how many lie between two bars matters. Shapes: each [B].
    """

    open_usd: Floats
    high_usd: Floats
    low_usd: Floats
    nights: Ints

    def __len__(self) -> int:
        return len(self.open_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One trade: entered at the open of bar `entry_bar`, and closed by its signal at that of bar `exit_bar`."""

    side: int
    entry_bar: int
    exit_bar: int
    equity_usd: float
    spread_frac: float
    floor_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What one trade came to at one size: in which bar it ended, and the return on equity."""

    liquidated: bool
    bar: int
    return_frac: float


def nights(ts_utc_ns: ArrayLike) -> Ints:
    """Nights charged up to each moment, a roll at that very moment included; only differences mean anything.

    Shapes: [B] to [B].
    """
    ts = np.asarray(ts_utc_ns, dtype=np.int64)
    hours, place = np.unique(ts // HOUR_NS, return_inverse=True)
    offset_s = [_new_york(int(hour) * 3_600) for hour in hours]
    local_ns = ts + np.array(offset_s, dtype=np.int64)[place.reshape(ts.shape)] * 10**9
    # A day ends at its roll, and so has this many whole days behind it; the first of January 1970 was a Thursday.
    days = (local_ns + (24 - ROLL_HOUR) * HOUR_NS) // DAY_NS + 3
    before = np.concatenate(([0], np.cumsum(NIGHTS)))
    found: Ints = days // 7 * sum(NIGHTS) + before[days % 7]
    return found


def _new_york(ts_s: int) -> int:
    """What New York's clock is ahead of UTC [s]."""
    ahead = datetime.fromtimestamp(ts_s, UTC).astimezone(NEW_YORK).utcoffset()
    assert ahead is not None  # noqa: S101 - the zone is known
    return int(ahead.total_seconds())


def fill_usd(mid_usd: Any, side: Any, spread_frac: Any, terms: Terms) -> Any:
    """The price at which a trade is entered: half the spread and the slippage beyond the middle."""
    return mid_usd * (1 + side * (spread_frac / 2 + terms.slippage_frac))


def lots_allowed(equity_usd: ArrayLike, price_usd: ArrayLike, terms: Terms) -> Ints:
    """The most whole lots that leverage and the broker allow; 0 where equity or price is not above 0.

        floor(leverage [1] * equity [usd] / (price [usd/oz] * ounces_per_lot [oz]))

    Shapes: [...].
    """
    equity, price = np.asarray(equity_usd, dtype=np.float64), np.asarray(price_usd, dtype=np.float64)
    sound = (equity > 0) & (price > 0)
    most = terms.leverage * np.where(sound, equity, 0.0) / (np.where(sound, price, 1.0) * terms.ounces_per_lot)
    found: Ints = np.floor(np.minimum(most * (1 + TOUCH), terms.lots_max)).astype(np.int64)
    return found


def ruin_usd(equity_usd: ArrayLike, price_usd: ArrayLike, terms: Terms, floor_usd: ArrayLike = 0.0) -> Floats:
    """The loss at which each size is liquidated.

        A      (1 - left) * equity
        B      equity - left * ounces * price / leverage
        floor  equity - floor

    Shapes: [...] to [..., K].
    """
    equity = np.asarray(equity_usd, dtype=np.float64)[..., None]
    if terms.reading == "B":
        margin = terms.ounces * np.asarray(price_usd, dtype=np.float64)[..., None] / terms.leverage
        return equity - terms.left_frac * margin
    left = terms.left_frac * equity if terms.reading == "A" else np.asarray(floor_usd, dtype=np.float64)[..., None]
    return equity - left + 0.0 * terms.ounces


def ruin_frac(equity_usd: ArrayLike, price_usd: ArrayLike, terms: Terms, floor_usd: ArrayLike = 0.0) -> Floats:
    """The adverse excursion, as a share of the entry price, that liquidates each size; infinite at 0 lots.

    A billionth less than `ruin_usd` / (ounces * price), so that touching liquidates. With L = ounces * price / equity
    that is, of equity, (1 - left) / L under A, and 1 / L - left / leverage under B.

    Shapes: [...] to [..., K].
    """
    worth = terms.ounces * np.asarray(price_usd, dtype=np.float64)[..., None]
    found = np.full(worth.shape, np.inf)
    loss = ruin_usd(equity_usd, price_usd, terms, floor_usd)
    np.divide(loss * (1 - TOUCH), worth, out=found, where=worth > 0)
    return found


def liquidation_usd(side: int, equity_usd: float, price_usd: float, lots: int, terms: Terms) -> float:
    """The price at which a trade of so many lots is liquidated, without swap: [usd]; NaN at 0 lots."""
    ounces = lots * terms.ounces_per_lot
    loss = float(ruin_usd(equity_usd, price_usd, terms)[lots])
    return price_usd - side * loss / ounces if lots else nan


def largest_safe(adverse_frac: ArrayLike, equity_usd: ArrayLike, price_usd: ArrayLike, terms: Terms) -> Ints:
    """The most lots that leverage allows and that live through this adverse excursion. Shapes: [...]."""
    lives = np.asarray(adverse_frac, dtype=np.float64)[..., None] < ruin_frac(equity_usd, price_usd, terms)
    lots = np.arange(terms.lots_max + 1)
    allowed = lots <= lots_allowed(equity_usd, price_usd, terms)[..., None]
    found: Ints = np.max(np.where(lives & allowed, lots, 0), axis=-1)
    return found


def simulated(bars: Bars, placed: Placed, lots: int, terms: Terms) -> Ending:
    """One trade at one size, bar by bar: the reference that all else is proved against.

    At each bar's open, then at its adverse extreme, the broker looks at equity, open P&L and swap included. Where a bar
    opens at or beyond the level the position is closed at the open; where the bar reaches it, at the level itself.
    Either pays slippage once more.

    Raises: InputInvalid where leverage does not allow the size.
    """
    side, equity_usd = placed.side, placed.equity_usd
    mid_usd = float(bars.open_usd[placed.entry_bar])
    slippage_usd, half_usd = terms.slippage_frac * mid_usd, placed.spread_frac / 2 * mid_usd
    paid_usd = float(fill_usd(mid_usd, side, placed.spread_frac, terms))
    most = int(lots_allowed(equity_usd, paid_usd, terms))
    if lots > most:
        raise InputInvalid(f"{lots} lots: leverage allows {most} at {paid_usd:,.2f}; ask for {most} or fewer")
    ounces = lots * terms.ounces_per_lot
    night_usd = ounces * paid_usd * (terms.swap_long_frac if side > 0 else terms.swap_short_frac)
    level_usd = equity_usd - _loss_max_usd(placed, ounces * paid_usd, terms) * (1 - TOUCH)

    def left_usd(price_usd: Any, bar: int) -> float:
        """Equity, were the position closed now and nothing lost to slippage."""
        open_usd = side * (float(price_usd) - side * half_usd - paid_usd) * ounces
        return equity_usd + open_usd - night_usd * int(bars.nights[bar] - bars.nights[placed.entry_bar])

    def ended(bar: int, left: float, *, liquidated: bool) -> Ending:
        left -= slippage_usd * ounces
        return Ending(liquidated=liquidated, bar=bar, return_frac=left / equity_usd - 1)

    for bar in range(placed.entry_bar, placed.exit_bar):
        at_open_usd = left_usd(bars.open_usd[bar], bar)
        at_worst_usd = left_usd(bars.low_usd[bar] if side > 0 else bars.high_usd[bar], bar)
        if lots and at_open_usd <= level_usd:
            return ended(bar, at_open_usd, liquidated=True)
        if lots and at_worst_usd <= level_usd:
            return ended(bar, level_usd, liquidated=True)
    at_exit_usd = left_usd(bars.open_usd[placed.exit_bar], placed.exit_bar)
    return ended(placed.exit_bar, at_exit_usd, liquidated=lots > 0 and at_exit_usd <= level_usd)


def _loss_max_usd(placed: Placed, worth_usd: float, terms: Terms) -> float:
    """The loss at which a position worth so much at entry is liquidated, by the broker's own words."""
    if terms.reading == "A":
        return placed.equity_usd - terms.left_frac * placed.equity_usd
    if terms.reading == "B":
        return placed.equity_usd - terms.left_frac * worth_usd / terms.leverage
    return placed.equity_usd - placed.floor_usd
