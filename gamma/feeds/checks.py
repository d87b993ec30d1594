"""What makes a row of bars bad, and how good the rows that stay are."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gamma import calendar
from gamma.feeds.series import NS, PRICES, Floats, Series, Times

UNKNOWN_NS: Final = int(np.iinfo(np.int64).min)
EARLIEST_NS: Final = 315_532_800 * NS  # 1980-01-01
LATEST_NS: Final = 4_102_444_800 * NS  # 2100-01-01
OFF_TICK: Final = 1e-4
# Beyond these a price is no whole number of ticks any more that arithmetic is exact in.
PRICE_MIN_POINTS: Final = 1e-6
PRICE_MAX_POINTS: Final = 1e9
PRICE_FIELDS: Final = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """One row that cannot be traded on: `place` is "line" (counted with the header) or "row"."""

    path: str
    place: str
    line: int
    field: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}, {self.place} {self.line}, field {self.field}: {self.value!r} {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Counts over the rows that stayed.

    A gap is a stretch of missing bars inside a session; `sessions_missing` have no bar at all between
    the first and the last. Neither is an error: a quiet market has gaps.
    """

    rows: int
    rows_bad: int
    rows_off_tick: int
    rows_outside_session: int
    gaps: int
    bars_missing: int
    sessions_missing: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """A file's rows, parsed: what could not be parsed is UNKNOWN_NS or NaN, and `raw` still has its text.

    Shapes: all [N]; `unreadable` has the fields whose text is there but is no number.
    """

    path: str
    place: str
    raw: pl.DataFrame
    line: NDArray[np.int64]
    ts_utc_ns: Times
    prices: dict[str, Floats]
    optional: dict[str, Floats]
    unreadable: dict[str, NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.line)

    def take(self, rows: NDArray[np.int64]) -> "Columns":
        """Only the given rows, in their order."""
        if len(rows) == len(self):
            return self
        return Columns(
            path=self.path,
            place=self.place,
            raw=self.raw[rows],
            line=self.line[rows],
            ts_utc_ns=self.ts_utc_ns[rows],
            prices={name: column[rows] for name, column in self.prices.items()},
            optional={name: column[rows] for name, column in self.optional.items()},
            unreadable={name: column[rows] for name, column in self.unreadable.items()},
        )

    def bad(self, row: int, name: str, reason: str) -> BadRow:
        """The complaint about one field of one row."""
        value = _held(self.raw[name], row) if name in self.raw.columns else None
        return BadRow(
            path=self.path,
            place=self.place,
            line=int(self.line[row]),
            field=name,
            value="" if value is None else str(value),
            reason=reason,
        )


def _held(column: pl.Series, row: int) -> object:
    """The value as it is written; of a moment that no calendar reaches, its number."""
    number = column.to_physical()[row]
    if column.dtype.is_temporal() and number is not None:
        a_day = 1 if column.dtype == pl.Date else {"ms": 1, "us": 10**3, "ns": 10**6}[_unit(column.dtype)] * 86_400_000
        if not 0 <= number <= LATEST_NS // NS // 86_400 * a_day:
            return number
    return column[row]


def _unit(dtype: pl.DataType) -> str:
    return dtype.time_unit if isinstance(dtype, pl.Datetime) else "ns"


def check(columns: Columns) -> tuple[NDArray[np.int64], list[BadRow]]:
    """The rows that can stay, and a complaint about each other row: its first fault, in the order below."""
    found: dict[int, tuple[str, str]] = {}
    for name, reason, wrong in _faults(columns):
        for row in np.flatnonzero(wrong).tolist():
            found.setdefault(row, (name, reason))
    good = np.setdiff1d(np.arange(len(columns)), np.fromiter(found, dtype=np.int64, count=len(found)))
    kept = good[_rising(columns.ts_utc_ns[good])]
    earlier = dict(zip(columns.ts_utc_ns[kept].tolist(), columns.line[kept].tolist(), strict=True))
    for row in np.setdiff1d(good, kept).tolist():
        same = earlier.get(int(columns.ts_utc_ns[row]))
        found[row] = ("ts", f"repeats the time of {columns.place} {same}" if same else "is out of order")
    return kept, [columns.bad(row, name, reason) for row, (name, reason) in found.items()]


def _faults(columns: Columns) -> list[tuple[str, str, NDArray[np.bool_]]]:
    ts, prices = columns.ts_utc_ns, columns.prices
    faults = [
        ("ts", "is no time; write ISO 8601 or an epoch in s, ms, us or ns", ts == UNKNOWN_NS),
        ("ts", "is not between 1980 and 2100", (ts < EARLIEST_NS) | (ts >= LATEST_NS)),
    ]
    for name in PRICE_FIELDS:
        faults.append((name, "is no finite price", ~np.isfinite(prices[name])))
        faults.append((name, "is not above 0", ~(prices[name] > 0)))
        faults.append((name, "is too small to be a price", prices[name] < PRICE_MIN_POINTS))
        faults.append((name, "is too large to be a price", prices[name] > PRICE_MAX_POINTS))
    for name, column in columns.optional.items():
        faults.append((name, "is no number", columns.unreadable[name] | np.isinf(column)))
        faults.append((name, "is negative", column < 0))
    faults.append(("high", "is below open, close or low", prices["high"] < _highest(prices)))
    faults.append(("low", "is above open or close", prices["low"] > np.minimum(prices["open"], prices["close"])))
    return faults


def _highest(prices: dict[str, Floats]) -> Floats:
    return np.maximum(np.maximum(prices["open"], prices["close"]), prices["low"])


def _rising(ts: Times) -> NDArray[np.int64]:
    """The longest strictly rising run of rows: one wild time costs one row, not all that come after it."""
    if not len(ts) or bool(np.all(np.diff(ts) > 0)):
        return np.arange(len(ts))
    tails: list[int] = []
    rows: list[int] = []
    before = np.full(len(ts), -1, dtype=np.int64)
    for row, moment in enumerate(ts.tolist()):
        at = bisect_left(tails, moment)
        if at < len(tails) and tails[at] == moment:
            continue  # of two rows with one time the first stays
        before[row] = rows[at - 1] if at else -1
        tails[at : at + 1], rows[at : at + 1] = [moment], [row]
    kept = [rows[-1]]
    while before[kept[-1]] >= 0:
        kept.append(int(before[kept[-1]]))
    return np.array(kept[::-1])


def overlapping(columns: Columns, bar_s: int) -> list[tuple[int, BadRow]]:
    """Rows that begin before the bar before them has ended, by their place among `columns`."""
    if not bool(np.any(np.diff(columns.ts_utc_ns) < bar_s * NS)):
        return []
    found, ends = [], 0
    for row, opens in enumerate(columns.ts_utc_ns.tolist()):
        if opens < ends:
            found.append((row, columns.bad(row, "ts", f"begins before the bar of {bar_s} s before it ends")))
        else:
            ends = opens + bar_s * NS
    return found


def quality(series: Series, rows_bad: int, ticks_per_point: int) -> Quality:
    """Count what is unusual in a series, against its market's tick and sessions."""
    off_tick = np.zeros(len(series), dtype=np.bool_)
    for name in PRICES:
        ticks = getattr(series, name) * ticks_per_point
        off_tick |= np.abs(ticks - np.rint(ticks)) > OFF_TICK
    opens, closes = calendar.bounds(series.market)
    at = np.searchsorted(opens, series.ts_open_utc_ns, side="right") - 1
    inside = (at >= 0) & (series.ts_open_utc_ns < closes[at])
    held = np.unique(at[inside])
    follows = inside[1:] & inside[:-1] & (at[1:] == at[:-1])
    missing = (np.diff(series.ts_open_utc_ns) // (series.bar_s * NS) - 1)[follows]
    return Quality(
        rows=len(series),
        rows_bad=rows_bad,
        rows_off_tick=int(off_tick.sum()),
        rows_outside_session=int((~inside).sum()),
        gaps=int((missing > 0).sum()),
        bars_missing=int(missing.sum()),
        sessions_missing=int(held[-1] - held[0] + 1 - len(held)) if len(held) else 0,
    )
