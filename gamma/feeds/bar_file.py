"""Bars from CSV and Parquet: read, checked row by row, and either refused or set aside with a reason.

A file has a column of opening times (`ts`, `time`, `datetime`, `timestamp` or `date`, or `date` and
`time` together), `open`, `high`, `low`, `close`, and may have `volume`, `spread` and `symbol`; names in
any case, other columns are left alone. Times are ISO 8601 or an epoch in s, ms, us or ns, told apart by
their size, and are UTC unless they carry an offset or another zone is named.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gamma import calendar, markets
from gamma.errors import InputInvalid
from gamma.feeds.checks import (
    LATEST_NS,
    PRICE_FIELDS,
    UNKNOWN_NS,
    BadRow,
    Columns,
    Quality,
    check,
    overlapping,
    quality,
)
from gamma.feeds.series import NS, Floats, Series, Times, coarser

TIME_NAMES: Final = ("ts", "time", "datetime", "timestamp", "date")
OPTIONAL_FIELDS: Final = ("volume", "spread")
PARQUET_ENDINGS: Final = (".parquet", ".pq")
CHUNK_ROWS: Final = 50_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# An epoch below the limit is in a unit of so many ns: each stays in its range until the year 2100 and more.
UNITS: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
DAY_NS: Final = 86_400 * NS
MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a file is to be read; `bar_s` merges finer bars up, `symbol` picks rows of a mixed file."""

    skip_bad: bool = False
    bar_s: int | None = None
    timezone: str = "UTC"
    symbol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The good bars of a file, and what was wrong with the rest."""

    series: Series
    quality: Quality
    bad: tuple[BadRow, ...]
    notes: tuple[str, ...]


def load_bars(path: Path | str, market: str, wanted: Wanted | None = None) -> Loaded:
    """Read the bars of a file as bars of `market`; prices off tick are kept as they are, and counted.

    Raises: InputInvalid for a file that cannot be read or lacks a column, and for its first bad row
        unless `skip_bad` sets bad rows aside; the message names file, line (row in Parquet) and field.
    """
    how, source = wanted or Wanted(), Path(path)
    columns, bad = _read(source, how)
    return _judged(market, columns, bad, how)


def load_symbols(path: Path | str, market: str, wanted: Wanted | None = None) -> dict[str, Loaded]:
    """Read the bars of a file apart by the symbol that its rows say; "" where it has no such column.

    Raises: InputInvalid as `load_bars` does.
    """
    how, source = wanted or Wanted(), Path(path)
    columns, bad = _read(source, how)
    if "symbol" not in columns.raw.columns or not len(columns):
        return {"": _judged(market, columns, bad, how)}
    said = columns.raw["symbol"].cast(pl.String).fill_null("").str.strip_chars()
    first = said[0]
    return {
        symbol: _judged(
            market, columns.take((said == symbol).arg_true().to_numpy()), bad if symbol == first else [], how
        )
        for symbol in said.unique(maintain_order=True).to_list()
    }


def _judged(market: str, columns: Columns, bad: list[BadRow], how: Wanted) -> Loaded:
    source = Path(columns.path)
    ticks_per_point = markets.market(market).ticks_per_point
    kept, refused = check(columns)
    good = columns.take(kept)
    bar_s = _bar_s(source, good.ts_utc_ns, how.bar_s) if len(good) else 1
    overlaps = overlapping(good, bar_s)
    good = good.take(np.delete(np.arange(len(good)), [row for row, _ in overlaps]))
    bad = sorted([*bad, *refused, *(row for _, row in overlaps)], key=lambda row: row.line)
    if bad and not (how.skip_bad and len(good)):
        others = f" ({len(bad) - 1} more bad rows)" if len(bad) > 1 else ""
        mend = "and none is good" if how.skip_bad else "mend the file, or set bad rows aside with --skip-bad"
        raise InputInvalid(f"{bad[0]}{others}; {mend}")
    if not len(good):
        raise InputInvalid(f"{source}: holds no bars; give a file with at least two rows")
    series = _series(market, good, bar_s)
    measured = quality(series, len(bad), ticks_per_point)
    if how.bar_s is not None:
        series = coarser(series, how.bar_s)
    return Loaded(series=series, quality=measured, bad=tuple(bad), notes=_notes(series, columns))


def _read(source: Path, how: Wanted) -> tuple[Columns, list[BadRow]]:
    try:
        zone = ZoneInfo(how.timezone)
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise InputInvalid(f"{how.timezone!r} is no time zone; write one like America/New_York") from unknown
    if not source.is_file():
        raise InputInvalid(f"{source}: no such file")
    in_rows = source.suffix.lower() in PARQUET_ENDINGS
    raw, bad = (_parquet(source), []) if in_rows else _csv(source)
    if how.symbol is not None:
        if "symbol" not in raw.columns:
            raise InputInvalid(f"{source}: no column symbol to pick {how.symbol!r} from")
        raw = raw.filter(pl.col("symbol") == how.symbol)
    _refuse_types(source, raw)
    numbers = {name: _numbers(raw[name]) for name in (*PRICE_FIELDS, *OPTIONAL_FIELDS) if name in raw.columns}
    columns = Columns(
        path=str(source),
        place="row" if in_rows else "line",
        raw=raw,
        line=raw["line"].to_numpy(),
        ts_utc_ns=_times(raw["ts"], zone),
        prices={name: numbers[name][0] for name in PRICE_FIELDS},
        optional={name: numbers[name][0] for name in OPTIONAL_FIELDS if name in numbers},
        unreadable={name: numbers[name][1] for name in OPTIONAL_FIELDS if name in numbers},
    )
    return columns, bad


def _names(source: Path, header: list[str]) -> dict[str, list[int]]:
    """Where each field stands among the columns; the time may stand in two, as date and time of day."""
    places: dict[str, int] = {}
    for at, name in enumerate(header):
        plain = name.strip().lower()
        if plain in places:
            raise InputInvalid(f"{source}: has two columns {plain!r}; rename one")
        places[plain] = at
    time_of_day = [places[name] for name in ("date", "time") if name in places]
    times = time_of_day if len(time_of_day) == 2 else [places[name] for name in TIME_NAMES if name in places][:1]
    found = {"ts": times} if times else {}
    found |= {name: [places[name]] for name in (*PRICE_FIELDS, *OPTIONAL_FIELDS, "symbol") if name in places}
    missing = [name for name in ("ts", *PRICE_FIELDS) if name not in found]
    if missing:
        raise InputInvalid(
            f"{source}: no column {missing[0]}; it has {', '.join(map(repr, header)) or 'none'}, and needs a time "
            f"({', '.join(TIME_NAMES)}) and {', '.join(PRICE_FIELDS)}"
        )
    return found


def _parquet(source: Path) -> pl.DataFrame:
    try:
        header = list(pl.read_parquet_schema(source))
        names = _names(source, header)
        if len(names["ts"]) == 2:
            raise InputInvalid(f"{source}: has columns date and time; Parquet needs one column of time, such as ts")
        table = pl.read_parquet(source, columns=[header[places[0]] for places in names.values()])
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as broken:
        # A torn file can make the reader panic, which is no Exception.
        told = str(broken).partition("\n")[0]
        raise InputInvalid(f"{source}: cannot be read as Parquet ({told}); write it again") from broken
    chosen = table.select(pl.col(header[places[0]]).alias(name) for name, places in names.items())
    return chosen.with_row_index("line", offset=1).with_columns(pl.col("line").cast(pl.Int64))


def _csv(source: Path) -> tuple[pl.DataFrame, list[BadRow]]:
    frames: list[pl.DataFrame] = []
    bad: list[BadRow] = []
    with source.open(newline="", encoding="utf-8-sig") as text:
        try:
            first = text.readline()
            delimiter = max(",;\t", key=first.count)
            header = next(csv.reader([first], delimiter=delimiter), [])
            names = _names(source, header)
            for before, rows in _chunks(text, delimiter):
                frames.append(_frame(rows, before, names, len(header)))
                bad += [
                    _ragged(source, before + at, row, header)
                    for at, row in enumerate(rows, start=1)
                    if row and len(row) != len(header)
                ]
        except UnicodeDecodeError as broken:
            raise InputInvalid(f"{source}: is not UTF-8 text ({broken.reason}); save it as CSV in UTF-8") from broken
        except csv.Error as broken:
            raise InputInvalid(f"{source}: cannot be read as CSV ({broken}); mend its quotes") from broken
    return pl.concat(frames) if frames else _frame([], 1, names, len(header)), bad


def _chunks(text: TextIO, delimiter: str) -> Iterator[tuple[int, list[list[str]]]]:
    """Rows after the header, with how many lines of the file stand before them; a blank line is an empty row."""
    lines, before = csv.reader(text, delimiter=delimiter, strict=True), 1
    while rows := list(islice(lines, CHUNK_ROWS)):
        if lines.line_num != before - 1 + len(rows):
            raise csv.Error(f"a field spans several lines before line {lines.line_num + 1}")
        yield before, rows
        before += len(rows)


def _frame(rows: list[list[str]], before: int, names: dict[str, list[int]], width: int) -> pl.DataFrame:
    """The rows that are `width` wide, as columns of text; `before` lines of the file stand above them."""
    line = np.flatnonzero(np.fromiter(map(len, rows), dtype=np.int64, count=len(rows)) == width)
    whole = rows if len(line) == len(rows) else [rows[at] for at in line.tolist()]
    columns = list(zip(*whole, strict=True)) or [()] * width
    texts = {
        name: pl.Series(columns[at] if not rest else map(" ".join, zip(columns[at], columns[rest[0]], strict=True)))
        for name, (at, *rest) in names.items()
    }
    stripped = {name: column.cast(pl.String).str.strip_chars() for name, column in texts.items()}
    return pl.DataFrame({"line": line + before + 1, **stripped})


def _ragged(source: Path, line: int, row: list[str], header: list[str]) -> BadRow:
    reason = f"has {len(row)} fields where the header has {len(header)}"
    return BadRow(path=str(source), place="line", line=line, field="row", value=",".join(row), reason=reason)


def _refuse_types(source: Path, raw: pl.DataFrame) -> None:
    """A column of Parquet may hold anything at all; one of text, or of nothing, is looked at row by row."""
    for name, dtype in raw.schema.items():
        known = dtype in (pl.String, pl.Null) or dtype.is_numeric()
        if name == "symbol":
            known, wanted = dtype in (pl.String, pl.Null, pl.Categorical), "text"
        elif name == "ts":
            known, wanted = known or dtype == pl.Date or isinstance(dtype, pl.Datetime), "times"
        else:
            wanted = "numbers"
        if not known:
            raise InputInvalid(f"{source}: column {name} is of type {dtype}; write it again with {wanted} in it")


def _numbers(column: pl.Series) -> tuple[Floats, NDArray[np.bool_]]:
    """Values, NaN where there is none, and which of them had something else in their place."""
    values = column.cast(pl.Float64, strict=False)
    there = column.is_not_null()
    if column.dtype == pl.String:
        there &= column.str.len_chars() > 0
    return values.fill_null(np.nan).to_numpy(), (values.is_null() & there).to_numpy()


def _times(column: pl.Series, zone: ZoneInfo) -> Times:
    dtype = column.dtype
    if dtype.is_numeric():
        epochs: Times = column.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
        return _ns(epochs, np.select([epochs < limit for limit, _ in UNITS], [factor for _, factor in UNITS], 1))
    if isinstance(dtype, pl.Datetime):
        factor = {"ms": 10**6, "us": 10**3, "ns": 1}[dtype.time_unit]
        if not dtype.time_zone:
            # Only what is sane has a place in a time zone: the library panics over the rest.
            sane = pl.col("ts").to_physical().is_between(0, LATEST_NS // factor)
            column = column.to_frame("ts").select(pl.when(sane).then("ts"))["ts"]
            column = column.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null")
        epochs = column.to_physical().fill_null(0).to_numpy()
        return _ns(epochs, np.full(len(epochs), factor))
    if dtype == pl.Date:
        days = pl.col("ts").to_physical()
        column = column.to_frame("ts").select(pl.when(days.is_between(0, LATEST_NS // DAY_NS)).then("ts"))["ts"]
    texts = column.cast(pl.String).fill_null("").to_list()
    return np.fromiter((_moment_ns(text, zone) for text in texts), dtype=np.int64, count=len(texts))


def _ns(epochs: Times, factors: Times) -> Times:
    """Epochs in units of `factors` ns, as ns; 0, which no row may have, outside 1970 to 2100."""
    sane = (epochs >= 0) & (epochs <= LATEST_NS // factors)
    return np.where(sane, epochs * factors, 0)


def _moment_ns(text: str, zone: ZoneInfo) -> int:
    if len(text) > 8 and text.isascii() and text.isdigit():
        epoch = int(text[:20])
        return min(epoch * next((factor for limit, factor in UNITS if epoch < limit), 1), LATEST_NS)
    try:
        moment = datetime.fromisoformat(text)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        since = (zoned - EPOCH) // MICROSECOND * 1_000
        if not moment.tzinfo and zone.key != "UTC" and _leapt_over(moment, zone):
            return UNKNOWN_NS
    except (ValueError, OverflowError):
        return UNKNOWN_NS
    return min(max(since, 0), LATEST_NS)


def _leapt_over(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of the zone never show this time, since they are put forward over it."""
    return moment.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment


def _bar_s(source: Path, ts: Times, wanted: int | None) -> int:
    """The length of the file's bars: the commonest distance between two."""
    if len(ts) < 2:
        if wanted is None:
            raise InputInvalid(f"{source}: one bar does not tell how long it is; give the length of bars")
        return wanted
    distances, counts = np.unique(np.diff(ts), return_counts=True)
    commonest = int(distances[np.argmax(counts)])
    if commonest % NS:
        raise InputInvalid(f"{source}: bars are {commonest} ns apart; they must be whole seconds long")
    return commonest // NS


def _series(market: str, good: Columns, bar_s: int) -> Series:
    ts = good.ts_utc_ns
    opens, closes = calendar.bounds(market)
    at = np.searchsorted(opens, ts, side="right") - 1
    inside = (at >= 0) & (ts < closes[at])
    unknown = np.full(len(good), np.nan)
    return Series(
        market=market,
        bar_s=bar_s,
        ts_open_utc_ns=ts,
        ts_close_utc_ns=np.where(inside, np.minimum(ts + bar_s * NS, closes[at]), ts + bar_s * NS),
        open_points=good.prices["open"],
        high_points=good.prices["high"],
        low_points=good.prices["low"],
        close_points=good.prices["close"],
        volume_lots=good.optional.get("volume", unknown),
        spread_points=good.optional.get("spread", unknown),
    )


def _notes(series: Series, columns: Columns) -> tuple[str, ...]:
    notes = [f"no {name}" for name in OPTIONAL_FIELDS if name not in series.provides]
    symbols = columns.raw["symbol"].n_unique() if "symbol" in columns.raw.columns else 1
    if symbols > 1:
        notes.append(f"{symbols} symbols taken as one series")
    return tuple(notes)
