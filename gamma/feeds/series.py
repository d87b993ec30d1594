"""Bars of one market as columns: cut, merged by time, and made coarser."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gamma import calendar
from gamma.bars import Bar
from gamma.errors import InputInvalid

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

NS: Final = 1_000_000_000
PRICES: Final = ("open_points", "high_points", "low_points", "close_points")
COLUMNS: Final = ("ts_open_utc_ns", "ts_close_utc_ns", *PRICES, "volume_lots", "spread_points")
# Columns become Bars this many at a time, so that a year of minutes is never held as objects.
SLICE_ROWS: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Closed bars of one market, oldest first; opening times strictly rise.

    Shapes: every column [N].
    """

    market: str
    bar_s: int
    ts_open_utc_ns: Times
    ts_close_utc_ns: Times
    open_points: Floats
    high_points: Floats
    low_points: Floats
    close_points: Floats
    volume_lots: Floats
    spread_points: Floats

    def __len__(self) -> int:
        return len(self.ts_open_utc_ns)

    @property
    def provides(self) -> frozenset[str]:
        """What the bars carry."""
        carried = {"volume": self.volume_lots, "spread": self.spread_points}
        return frozenset({"bar", *(name for name, column in carried.items() if not np.isnan(column).all())})

    def bars(self, first: int = 0, last: int | None = None) -> Iterator[Bar]:
        """Rows `first` up to `last`, as bars."""
        end = len(self) if last is None else last
        for start in range(first, end, SLICE_ROWS):
            yield from self._slice(start, min(start + SLICE_ROWS, end))

    def rows(self, which: slice) -> "Series":
        """These rows alone."""
        columns: dict[str, Any] = {name: getattr(self, name)[which] for name in COLUMNS}
        return replace(self, **columns)

    def closed_by(self, ts_utc_ns: int) -> int:
        """How many bars close at or before `ts_utc_ns`."""
        return int(np.searchsorted(self.ts_close_utc_ns, ts_utc_ns, side="right"))

    def _slice(self, first: int, last: int) -> Iterator[Bar]:
        columns = [getattr(self, name) for name in COLUMNS]
        for ts_open, ts_close, opened, high, low, closed, volume, spread in zip(
            *(column[first:last].tolist() for column in columns), strict=True
        ):
            yield Bar(
                market=self.market,
                ts_open_utc_ns=ts_open,
                ts_close_utc_ns=ts_close,
                open_points=opened,
                high_points=high,
                low_points=low,
                close_points=closed,
                volume_lots=volume,
                spread_points=spread,
            )


def concatenated(parts: Sequence[Series]) -> Series:
    """Series of one market and length, as one; the caller sees to it that they follow one another."""
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    return replace(parts[0], **columns)


def merged(streams: Iterable[Iterator[Bar]]) -> Iterator[Bar]:
    """Bars of several markets in one stream, by (close, market)."""
    return heapq.merge(*streams, key=lambda bar: (bar.ts_close_utc_ns, bar.market))


def coarser(series: Series, bar_s: int) -> Series:
    """The same market in longer bars, counted from each session's open; the session's last may be shorter.

    Rows outside any session are left out, as is a last bar that the source does not complete.

    Raises: InputInvalid when `bar_s` is no multiple of the bars that there are.
    """
    if bar_s == series.bar_s:
        return series
    if bar_s < series.bar_s or bar_s % series.bar_s:
        raise InputInvalid(
            f"{series.market}: bars of {bar_s} s cannot be made of bars of {series.bar_s} s; ask for a multiple"
        )
    opens, closes = calendar.bounds(series.market)
    at = np.searchsorted(opens, series.ts_open_utc_ns, side="right") - 1
    inside = np.flatnonzero((at >= 0) & (series.ts_open_utc_ns < closes[at]))
    at, ts = at[inside], series.ts_open_utc_ns[inside]
    width_ns = bar_s * NS
    starts = opens[at] + (ts - opens[at]) // width_ns * width_ns
    ends = np.minimum(starts + width_ns, closes[at])
    first = np.flatnonzero(np.diff(starts, prepend=-1))
    last = np.append(first[1:], len(starts))[: len(first)] - 1
    if len(last) and series.ts_close_utc_ns[inside[last[-1]]] < ends[last[-1]]:
        first, last = first[:-1], last[:-1]
    if not len(first):
        raise InputInvalid(f"{series.market}: not one whole bar of {bar_s} s; give more bars, or shorter ones")
    stop = last[-1] + 1
    volume = np.add.reduceat(np.nan_to_num(series.volume_lots[inside][:stop]), first)
    known = np.logical_or.reduceat(~np.isnan(series.volume_lots[inside][:stop]), first)
    return Series(
        market=series.market,
        bar_s=bar_s,
        ts_open_utc_ns=starts[first],
        ts_close_utc_ns=ends[first],
        open_points=series.open_points[inside][first],
        high_points=np.maximum.reduceat(series.high_points[inside][:stop], first),
        low_points=np.minimum.reduceat(series.low_points[inside][:stop], first),
        close_points=series.close_points[inside][last],
        volume_lots=np.where(known, volume, np.nan),
        spread_points=series.spread_points[inside][last],
    )
