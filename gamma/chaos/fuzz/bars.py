"""Files of bars that are wrong in every way: each is refused in a clear sentence, or gives well-formed bars alone.

One seed is one file, CSV or Parquet, of a few mutated rows, read as a feed reads it. Bars that come through are
looked at by themselves: prices finite, positive and in order, times rising, no bar twice or over another.
"""

import io
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import polars as pl

from gamma.bars import Bar
from gamma.chaos import Trial
from gamma.chaos.places import kept_folder
from gamma.errors import InputInvalid
from gamma.feeds.file import FileFeed

_NS: Final = 1_000_000_000
# Saturday to Monday around a change of clocks, the maintenance of event contracts, and an early close.
_STARTS_S: Final = (1_772_463_600, 1_772_930_700, 1_762_063_200, 1_795_791_600, 347_155_200, 4_102_440_000)
_MARKETS: Final = ("MNQ", "XAU_USD", "SPX", "KXBTC-1")
_ZONES: Final = ("UTC", "America/New_York", "Australia/Sydney", "Europe/London", "Mars/Base")
_CELLS: Final = (
    *("", " ", "0", "-0", "-1", "1", "nan", "NaN", "inf", "-inf", "1e308", "1e400", "1e-320", "1,5", "1_000", "0x10"),
    *(
        "--",
        "null",
        "None",
        "true",
        "20001.25",
        "20000.1234567890123456789",
        "9" * 30,
        "9" * 5_000,
        "\u0661\u0662",
        "\uff11\uff12",
    ),
    *("2026-03-02", "2026-03-02T15:00:00Z", "2026-03-08 02:30:00", "2026-11-01T01:30:00", "2026-03-02T15:00:00+99:00"),
    *("1772463600", "1772463600000", "1772463600000000000", "99999999999999999999", "-1", "0001-01-01", "9999-12-31"),
    *("20260302", "2026-W10-1", "15:00", "March 2", '"', '""', "'", "\0", "\ufeff", "\u202e", "=1+1", "a;b", "a\tb"),
)
_HEADS: Final = ("ts", "Time", "DATE", "open", "HIGH", "low", "close", "volume", "spread", "symbol", "", " ", "x", "ts")
_COLUMNS: Final = ("ts", "open", "high", "low", "close", "volume", "spread", "symbol")
_PLACE: Final = re.compile(r"bars\.(csv|parquet)|time zone|^MNQ: |^XAU_USD: |^SPX: |^KXBTC-1: ")
_PYTHON: Final = re.compile(r"Traceback|<class|object at 0x|NoneType|\('\w+',|\{'\w+':")
_LINE_MAX: Final = 1_000

Row = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One file, and how it is to be read."""

    name: str
    content: bytes
    market: str
    how: Mapping[str, Any]


def trial(seed: int) -> Trial:
    """One mutated file of bars, judged."""
    given = drawn(random.Random(seed))
    return Trial(seed=seed, violations=tuple(judged(given)))


def drawn(rng: random.Random) -> Given:
    """A file of a few bars, mutated."""
    rows = _rows(rng)
    how: dict[str, Any] = {"skip_bad": rng.random() < 0.5}
    if rng.random() < 0.2:
        how["bar_s"] = rng.choice((60, 300, 600, 3_600, 7, 86_400, 10**9))
    if rng.random() < 0.3:
        how["timezone"] = rng.choice(_ZONES)
    if rng.random() < 0.8:
        name, content = "bars.csv", _csv(rng, rows)
    else:
        name, content = "bars.parquet", _parquet(rng, rows)
    return Given(name=name, content=_battered(rng, content), market=rng.choice(_MARKETS), how=how)


def _rows(rng: random.Random) -> list[Row]:
    """Good bars of the simplest kind: they wander by ticks."""
    ts, price, bar_s = rng.choice(_STARTS_S), 20_000.0, rng.choice((60, 300, 300, 3_600))
    rows: list[Row] = []
    for _ in range(rng.choice((0, 1, 2, 5, 12, 12, 30))):
        closed = price + rng.randint(-20, 20) / 4
        high, low = max(price, closed) + rng.randint(0, 8) / 4, min(price, closed) - rng.randint(0, 8) / 4
        rows.append([ts, price, high, low, closed, rng.randint(0, 9_000), 0.25, "MNQ"])
        ts, price = ts + bar_s * rng.choice((1, 1, 1, 1, 2)), closed
    return rows


def _shuffled(rng: random.Random, rows: list[Row]) -> list[Row]:
    """A row twice, moved, or gone."""
    if not rows or rng.random() < 0.7:
        return rows
    at, to = rng.randrange(len(rows)), rng.randrange(len(rows) + 1)
    moved = [rows[at]] if rng.random() < 0.5 else []
    left = rows[:at] + rows[at + 1 :] if rng.random() < 0.6 else rows
    return left[:to] + moved + left[to:]


def _csv(rng: random.Random, rows: list[Row]) -> bytes:
    form = rng.choice(
        (
            str,
            lambda ts: str(ts * 1_000),
            lambda ts: str(ts * _NS),
            lambda ts: datetime.fromtimestamp(ts, UTC).isoformat(),
            lambda ts: datetime.fromtimestamp(ts, UTC).replace(tzinfo=None).isoformat(" "),
            lambda ts: datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
    )
    width = rng.choice((5, 6, 7, 8))
    cells = [[form(row[0]), *map(str, row[1:width])] for row in _shuffled(rng, rows)]
    table = [list(_COLUMNS[:width]), *cells]
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        _other_cell(rng, table)
    delimiter, end = rng.choice((",", ",", ",", ";", "\t")), rng.choice(("\n", "\n", "\n", "\r\n", "\r"))
    lines = [delimiter.join(cell for cell in row) for row in table]
    if rng.random() < 0.1:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(("", " ", ",,,,", "# a note", '"a', 'a"b"c,1', "\0")))
    text = end.join(lines) + rng.choice((end, "", end * 3))
    return text.encode(rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16")))


def _other_cell(rng: random.Random, table: list[list[str]]) -> None:
    row = table[rng.randrange(len(table))]
    at = rng.randrange(len(row)) if row else 0
    drawn = rng.random()
    if row is table[0] and drawn < 0.5 and row:
        row[at] = rng.choice(_HEADS)
    elif drawn < 0.7 and row:
        row[at] = rng.choice(_CELLS)
    elif drawn < 0.8 and row:
        row[at] = str(rng.choice((1, -1)) * rng.random() * 10.0 ** rng.randint(-300, 300))
    elif drawn < 0.9 and row:
        del row[at]
    else:
        row.insert(at, rng.choice(_CELLS))


def _parquet(rng: random.Random, rows: list[Row]) -> bytes:
    """Columns of drawn types, some of values that no price has."""
    width = rng.choice((5, 6, 7, 8))
    columns = list(zip(*_shuffled(rng, rows), strict=True)) or [()] * len(_COLUMNS)
    frame: dict[str, pl.Series] = {}
    for name, values in zip(_COLUMNS[:width], columns, strict=False):
        held = _typed(rng, name, values)
        if rng.random() > 0.03:
            frame[name if rng.random() > 0.02 else rng.choice(_HEADS)] = held
    file = io.BytesIO()
    pl.DataFrame(frame).write_parquet(file, compression=rng.choice(("uncompressed", "zstd", "snappy")))
    return file.getvalue()


def _typed(rng: random.Random, name: str, values: Sequence[Any]) -> pl.Series:
    if name == "ts":
        return _time_typed(rng, pl.Series(values, dtype=pl.Int64))
    held = pl.Series(values, dtype=pl.String if name == "symbol" else pl.Float64)
    if len(held) and rng.random() < 0.3:
        held[rng.randrange(len(held))] = None if name == "symbol" else rng.choice(_NUMBERS)
    drawn = rng.random()
    if drawn < 0.75:
        return held
    other = (pl.Float32, pl.String, pl.Int32, pl.Int8, pl.UInt64, pl.Boolean, pl.Decimal(20, 4), pl.Null, pl.Binary)
    try:
        return held.cast(rng.choice(other), strict=False)
    except pl.exceptions.PolarsError:
        return held.map_elements(lambda value: [value], return_dtype=pl.List(held.dtype))


_NUMBERS: Final = (None, math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 1e-300, 1e300, 20_000.1)


def _time_typed(rng: random.Random, seconds: pl.Series) -> pl.Series:
    if len(seconds) and rng.random() < 0.2:
        seconds[rng.randrange(len(seconds))] = rng.choice((None, 0, -1, 2**40, seconds[0]))
    moments = pl.from_epoch(seconds, time_unit="s")
    drawn = rng.random()
    if drawn < 0.3:
        return seconds
    if drawn < 0.7:
        unit: Any = rng.choice(("ms", "us", "ns"))
        try:
            return moments.dt.cast_time_unit(unit).dt.replace_time_zone(rng.choice((None, "UTC", "America/New_York")))
        except pl.exceptions.PolarsError:
            return moments
    other = (pl.Float64, pl.String, pl.Date, pl.Time, pl.Int32, pl.UInt64, pl.Duration("ns"), pl.Boolean, pl.Null)
    try:
        return (moments if rng.random() < 0.5 else seconds).cast(rng.choice(other), strict=False)
    except pl.exceptions.PolarsError:
        return seconds


def _battered(rng: random.Random, content: bytes) -> bytes:
    """Most files stay as they are; of some a few bytes are flipped, or an end is cut off."""
    drawn, changed = rng.random(), bytearray(content)
    if drawn > 0.15 or not changed:
        return content
    if drawn < 0.04:
        return bytes(changed[: rng.randrange(len(changed))])
    for _ in range(rng.choice((1, 1, 3))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


# --- what came of it --------------------------------------------------------------------------------


def judged(given: Given) -> Iterator[str]:
    """What is wrong with how this file is taken."""
    try:
        bars = read(given)
    except InputInvalid as refused:
        yield from told_badly(str(refused))
    except BaseException as fault:
        if isinstance(fault, KeyboardInterrupt | SystemExit):
            raise
        yield f"{type(fault).__name__} instead of a refusal: {str(fault)[:300]}"
    else:
        yield from ill_formed(bars)


def read(given: Given) -> list[Bar]:
    """All bars of the file, as the daemon would get them.

    Raises: InputInvalid.
    """
    path = _folder() / given.name
    path.write_bytes(given.content)
    feed = FileFeed.model_validate({"files": {given.market: path}, **given.how})
    bars = list(feed.bars(0))
    if bars:
        half = bars[len(bars) // 2].ts_close_utc_ns
        again = feed.history(given.market, half, len(bars)) + list(feed.bars(half))
        if again != bars and repr(again) != repr(bars):
            raise AssertionError("history and what follows it are not all bars")
    return bars


@cache
def _folder() -> Path:
    return kept_folder()


def told_badly(message: str) -> Iterator[str]:
    """What is wrong with a refusal: it must name the file, fit, and print."""
    if not _PLACE.search(message):
        yield f"no place in a message: {message[:300]}"
    if len(message) > _LINE_MAX or not message.isprintable():
        yield f"a message that is too long or does not print: {message[:300]!r}"
    if found := _PYTHON.search(message):
        yield f"Python in a message ({found[0]}): {message[:300]}"


def ill_formed(bars: Sequence[Bar]) -> Iterator[str]:
    """What is wrong with bars that were let through."""
    for bar in bars:
        prices = (bar.open_points, bar.high_points, bar.low_points, bar.close_points)
        if not all(0 < price <= 1e9 for price in prices):
            yield f"a price that is none: {bar}"
        if not max(prices) == bar.high_points >= bar.low_points == min(prices):
            yield f"prices out of order: {bar}"
        if any(extra < 0 or math.isinf(extra) for extra in (bar.volume_lots, bar.spread_points)):
            yield f"a volume or spread that is none: {bar}"
        if not 315_532_800 * _NS <= bar.ts_open_utc_ns < bar.ts_close_utc_ns:
            yield f"a time that is none: {bar}"
    for bar, following in pairwise(bars):
        if not bar.ts_close_utc_ns <= following.ts_open_utc_ns:
            yield f"two bars over one another: {bar}, {following}"
