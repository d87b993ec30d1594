"""`Mark`: what the engine knows of a market's price, folded bar by bar.

Pure; the numbers are those that sizers and guards read: last price, average true range, daily
volatility, volume of ten minutes, spread and its median.
"""

import math
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from gamma.bars import Bar
from gamma.books import EventBook
from gamma.revision import revised

NAN: Final = float("nan")
ATR_BARS: Final = 14
VOL_BARS: Final = 288
SPREADS_KEPT: Final = 51
TEN_MINUTES_NS: Final = 600_000_000_000
# A Globex session trades 23 hours; one daily deviation is that many bars' deviation, by the square root.
SESSION_S: Final = 82_800


@dataclass(frozen=True, kw_only=True)  # no slots: `revised`
class Mark:
    """The state of one market's price after its last bar or quote; `book` is the last bar's, where it has one."""

    price_points: float = NAN
    bid_points: float = NAN
    ask_points: float = NAN
    depth_top5_lots: float = NAN
    atr_points: float = NAN
    bars: int = 0
    variance_points2: float = NAN
    bar_s: float = NAN
    volumes_lots: tuple[float, ...] = ()
    spreads_points: tuple[float, ...] = ()
    ts_bar_utc_ns: int = 0
    ts_quote_utc_ns: int = 0
    book: EventBook | None = None

    @property
    def vol_daily_points(self) -> float:
        """One daily standard deviation of price changes [points], from an exponential average over bars."""
        return math.sqrt(self.variance_points2 * SESSION_S / self.bar_s) if self.bars > ATR_BARS else NAN

    @property
    def volume_10min_lots(self) -> float:
        """Volume of the last ten minutes [lots]; of longer bars, the share of them; NaN without volume.

        Where the last bar came with a book it is what that tells.
        """
        if self.book is not None:
            return self.book.volume_10min_lots
        if self.bar_s >= 600:
            return self.volumes_lots[-1] * 600 / self.bar_s if self.volumes_lots else NAN
        return sum(self.volumes_lots) if len(self.volumes_lots) * self.bar_s >= 600 else NAN

    @property
    def spread_median_points(self) -> float:
        """Median of the spreads at the last bars' closes [points]."""
        return median(self.spreads_points) if self.spreads_points else NAN


def _average(before: float, value: float, span: int) -> float:
    return value if before != before else before + (value - before) / span


def mark_bar(mark: Mark, bar: Bar) -> Mark:
    """Fold one closed bar in; one that is no news, or no bar at all, leaves the mark as it is.

    True range = max(high, last close) - min(low, last close); Wilder's average over 14 bars, a plain
    running mean until there are 14. Source: Wilder, New Concepts in Technical Trading Systems (1978).
    """
    ordered = -math.inf < bar.low_points <= bar.close_points <= bar.high_points < math.inf
    if not ordered or not mark.ts_bar_utc_ns < bar.ts_close_utc_ns > bar.ts_open_utc_ns:
        return mark
    last = mark.price_points
    first = last != last
    true_range = max(bar.high_points, bar.high_points if first else last) - min(
        bar.low_points, bar.low_points if first else last
    )
    bars = mark.bars + 1
    bar_s = (bar.ts_close_utc_ns - bar.ts_open_utc_ns) / 1e9
    change2 = 0.0 if first else (bar.close_points - last) ** 2
    kept = max(1, math.ceil(600 / bar_s))
    spread = bar.spread_points
    half = spread / 2
    known = spread == spread
    return revised(
        mark,
        price_points=bar.close_points,
        bid_points=bar.close_points - half if known else NAN,
        ask_points=bar.close_points + half if known else NAN,
        atr_points=_average(mark.atr_points, true_range, min(bars, ATR_BARS)),
        bars=bars,
        variance_points2=mark.variance_points2 if first else _average(mark.variance_points2, change2, VOL_BARS),
        bar_s=bar_s,
        volumes_lots=(*mark.volumes_lots, bar.volume_lots)[-kept:],
        spreads_points=(*mark.spreads_points, spread)[-SPREADS_KEPT:] if known else mark.spreads_points,
        ts_bar_utc_ns=bar.ts_close_utc_ns,
        ts_quote_utc_ns=bar.ts_close_utc_ns,
        book=bar.book,
    )


def mark_quote(mark: Mark, bid_points: float, ask_points: float, depth_top5_lots: float, ts_utc_ns: int) -> Mark:
    """Fold one quote in: the price becomes the mid.

    With one side missing, or the sides crossed, there is no mid: the price stays, and so does its age.
    """
    if not -math.inf < bid_points <= ask_points < math.inf:
        return replace(mark, bid_points=NAN, ask_points=NAN, depth_top5_lots=NAN)
    mid = (bid_points + ask_points) / 2
    return replace(
        mark,
        price_points=mid,
        bid_points=bid_points,
        ask_points=ask_points,
        depth_top5_lots=depth_top5_lots,
        ts_quote_utc_ns=ts_utc_ns,
    )
