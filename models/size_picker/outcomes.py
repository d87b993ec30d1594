"""What each of many trades comes to at every size, by the closed form: one pass over its bars.

Without a stop one number decides liquidation at every size: the largest adverse excursion of one ounce, costs included,
as a share of the entry price. A size is closed at its own level, unless a bar opened beyond it.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gamma.errors import InputInvalid
from models.size_picker.broker import Bars, Placed, Terms, fill_usd, lots_allowed, ruin_frac
from models.size_picker.form import Flags, Floats, Ints

# Rows reckoned at once: so few that what a thread works on stays in its cache.
CHUNK: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entries:
    """N trades in one series of bars, which may overlap: side 1 or -1, entered and closed at the open of a bar.

    `exit_bar` lies after `entry_bar`. `spread_frac` is the spread at each entry as a share of the price. `floor_usd` is
    the equity at which a trade is ruined; it is read where the terms are those of a floor. Shapes: each [N].
    """

    side: Ints
    entry_bar: Ints
    exit_bar: Ints
    equity_usd: Floats
    spread_frac: Floats
    floor_usd: Floats

    def __len__(self) -> int:
        return len(self.side)

    def one(self, row: int) -> Placed:
        """One of the trades alone."""
        return Placed(
            side=int(self.side[row]),
            entry_bar=int(self.entry_bar[row]),
            exit_bar=int(self.exit_bar[row]),
            equity_usd=float(self.equity_usd[row]),
            spread_frac=float(self.spread_frac[row]),
            floor_usd=float(self.floor_usd[row]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """What became of N trades at each of K sizes; the names of `Trades`, which take them as they are.

    `price_usd` is the fill at entry, spread and slippage in it. Shapes: [N], but `ruin_frac` and `returns` [N, K].
    """

    price_usd: Floats
    adverse_frac: Floats
    move_frac: Floats
    ruin_frac: Floats
    returns: Floats

    @property
    def ruined(self) -> Flags:
        """Whether each size is liquidated. Shapes: [N, K]."""
        found: Flags = self.adverse_frac[:, None] >= self.ruin_frac
        return found


def entries(side: Any, entry_bar: Any, exit_bar: Any, equity_usd: Any, terms: Terms) -> Entries:
    """Trades at the spread of the terms, above a floor of 0. Shapes: [N] or []."""
    each = np.broadcast_arrays(side, entry_bar, exit_bar, equity_usd, terms.spread_frac, 0.0)
    whole, real = [column.astype(np.int64) for column in each[:3]], [column.astype(np.float64) for column in each[3:]]
    return Entries(
        side=whole[0],
        entry_bar=whole[1],
        exit_bar=whole[2],
        equity_usd=real[0],
        spread_frac=real[1],
        floor_usd=real[2],
    )


def outcomes(bars: Bars, placed: Entries, terms: Terms) -> Outcomes:
    """What each trade comes to at every size, the same as `broker.simulated` says bar by bar.

        returns = leverage [1] * move                             where the size lives
                  -leverage [1] * (max(level, the open beyond it) + slippage)   where it is liquidated

    NaN at sizes that leverage does not allow; 0 at 0 lots.

    Shapes: [N] trades to [N, K].
    Raises: InputInvalid where a trade does not lie within the bars, or a number in it is none.
    """
    _check(bars, placed)
    count, sizes = len(placed), terms.lots_max + 1
    price_usd = fill_usd(bars.open_usd[placed.entry_bar], placed.side, placed.spread_frac, terms)
    found = Outcomes(
        price_usd=price_usd,
        adverse_frac=np.empty(count),
        move_frac=np.empty(count),
        ruin_frac=ruin_frac(placed.equity_usd, price_usd, terms, placed.floor_usd),
        returns=np.empty((count, sizes)),
    )
    held = placed.exit_bar - placed.entry_bar
    rows = np.argsort(held, kind="stable")  # trades of like length share a chunk, and waste little of it
    paths = _Paths.of(bars, int(held.max(initial=0)) + 1)
    chunks = [rows[first : first + CHUNK] for first in range(0, count, CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for _ in threads.map(lambda some: _reckon(paths, placed, some, terms, found), chunks):
            pass
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Paths:
    """The bars twice, as a long trade is hurt by them and as a short one: what rises is a loss [usd/oz].

    `stride` is where the short ones begin. Both end in filling, so that a window from any bar is whole.
    """

    opened: Floats
    worst: Floats
    nights: Floats
    stride: int

    @classmethod
    def of(cls, bars: Bars, width: int) -> "_Paths":
        def both(long: Any, short: Any) -> Floats:
            filling = np.zeros(width)
            return np.concatenate((long, filling, short, filling)).astype(np.float64, copy=False)

        nights = bars.nights - bars.nights[:1]
        return cls(
            opened=both(-bars.open_usd, bars.open_usd),
            worst=both(-bars.low_usd, bars.high_usd),
            nights=both(nights, nights),
            stride=len(bars) + width,
        )


def _reckon(paths: _Paths, placed: Entries, rows: Ints, terms: Terms, found: Outcomes) -> None:
    """Fill the outcomes of these rows, which are sorted by length."""
    side, price_usd = placed.side[rows], found.price_usd[rows]
    start = placed.entry_bar[rows] + np.where(side > 0, 0, paths.stride)
    path = _Path(
        paths=paths,
        start=start,
        held=placed.exit_bar[rows] - placed.entry_bar[rows],
        night_usd=terms.swap_frac(side) * price_usd,
    )
    mid_usd = np.abs(paths.opened[start])
    slippage_usd = terms.slippage_frac * mid_usd
    # The loss of one ounce [usd] is what its path says and this.
    shift_usd = side * price_usd + placed.spread_frac[rows] / 2 * mid_usd
    worst = path.worst()
    adverse_frac = (worst.max(axis=1) + shift_usd) / price_usd
    move_frac = -(path.at_exit() + shift_usd + slippage_usd) / price_usd
    allowed = np.arange(terms.lots_max + 1) <= lots_allowed(placed.equity_usd[rows], price_usd, terms)[:, None]
    level_frac = np.where(allowed, found.ruin_frac[rows], np.inf)
    ruined = adverse_frac[:, None] >= level_frac
    gone_usd = level_frac * price_usd[:, None] - shift_usd[:, None]
    hurt = np.flatnonzero(ruined.any(axis=1))
    gone_usd[hurt] = _gapped(path.opened(hurt), worst[hurt], gone_usd[hurt])
    gone_frac = (gone_usd + (shift_usd + slippage_usd)[:, None]) / price_usd[:, None]
    leverage = terms.ounces * (price_usd / placed.equity_usd[rows])[:, None]
    kept = np.where(ruined, -gone_frac, move_frac[:, None])
    found.adverse_frac[rows] = adverse_frac
    found.move_frac[rows] = move_frac
    found.returns[rows] = np.where(allowed, leverage * np.where(allowed, kept, 0.0), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Path:
    """What the bars of R trades open at and come to at worst, swap in it [usd/oz]; at the exit the open alone counts.

    Shapes: `start`, `held` and `night_usd` [R]; `held` rises.
    """

    paths: _Paths
    start: Ints
    held: Ints
    night_usd: Floats

    def worst(self) -> Floats:
        """Shapes: [R, W]; minus infinity after the exit."""
        rows = np.arange(len(self.start))
        found = self._with_swap(self.paths.worst, rows)
        found[rows, self.held] = self.at_exit()
        return found

    def opened(self, rows: Ints) -> Floats:
        """Shapes: [R'] rows to [R', W]; minus infinity after the exit."""
        return self._with_swap(self.paths.opened, rows)

    def at_exit(self) -> Floats:
        """Shapes: [R]."""
        last = self.start + self.held
        nights = self.paths.nights[last] - self.paths.nights[self.start]
        found: Floats = self.paths.opened[last] + nights * self.night_usd
        return found

    def _with_swap(self, prices: Floats, rows: Ints) -> Floats:
        width, start = int(self.held[-1]) + 1, self.start[rows]
        found: Floats = sliding_window_view(self.paths.nights, width)[start]
        found -= self.paths.nights[start][:, None]
        found *= self.night_usd[rows][:, None]
        found += sliding_window_view(prices, width)[start]
        first = int(self.held[0]) + 1
        found[:, first:][np.arange(first, width) > self.held[rows][:, None]] = -np.inf
        return found


def _gapped(opened: Floats, worst: Floats, level_usd: Floats) -> Floats:
    """Where each size is closed: at its level, or at the open that jumped over it.

    The jumps are the opens beyond all that was before them, and of those only what reaches the nearest level. A level
    lies in at most one jump, for no two overlap. Shapes: [R, W], [R, W], [R, K] to [R, K].
    """
    before = np.full_like(worst, -np.inf)
    np.maximum.accumulate(worst[:, :-1], axis=1, out=before[:, 1:])
    row, bar = np.nonzero((opened >= level_usd.min(axis=1)[:, None]) & (opened > before))
    low, high = before[row, bar][:, None], opened[row, bar]
    jump, size = np.nonzero((low < level_usd[row]) & (level_usd[row] <= high[:, None]))
    found = level_usd.copy()
    found[row[jump], size] = high[jump]
    return found


def _check(bars: Bars, placed: Entries) -> None:
    """Raises: InputInvalid, which names the first trade that cannot be reckoned."""
    finite = np.isfinite(placed.equity_usd) & np.isfinite(placed.spread_frac) & np.isfinite(placed.floor_usd)
    within = (placed.entry_bar >= 0) & (placed.entry_bar < placed.exit_bar) & (placed.exit_bar < len(bars))
    sound = finite & within & (placed.equity_usd > 0) & (np.abs(placed.side) == 1)
    if not sound.all():
        row = int(np.argmin(sound))
        raise InputInvalid(
            f"trade {row} of {len(placed)} cannot be reckoned: {placed.one(row)} in {len(bars)} bars; a trade needs a"
            " side of 1 or -1, equity above 0, and an exit after its entry, both within the bars"
        )
    for name in ("open_usd", "high_usd", "low_usd"):
        prices = getattr(bars, name)
        if not (prices > 0).all() or not np.isfinite(prices).all():
            raise InputInvalid(f"{name} has a price that is not above 0 or no number; leave such bars out")
