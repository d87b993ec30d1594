"""`gamma feed import`: any accepted file into one canonical Parquet, its bad rows beside it with their reasons."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from gamma.errors import InputInvalid
from gamma.feeds.bar_file import Wanted, load_bars
from gamma.feeds.checks import BadRow, Quality
from gamma.feeds.series import NS, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import made of a file; `quarantine` is where its bad rows lie, None without any."""

    market: str
    source: Path
    bars: Path
    quarantine: Path | None
    rows: int
    bar_s: int
    first: str
    last: str
    off_tick_frac: float
    quality: Quality
    notes: tuple[str, ...]


def import_bars(source: Path | str, market: str, out: Path | str, wanted: Wanted | None = None) -> Imported:
    """Write `<out>/<market>_<seconds>s.parquet`, with `.bad.csv` beside it when rows were set aside.

    Files of an earlier import of the same market and length are replaced, each in one step.

    Raises: InputInvalid as `load_bars` does, or when `out` cannot be written.
    """
    loaded = load_bars(source, market, wanted)
    series, folder = loaded.series, Path(out)
    bars = folder / f"{market}_{series.bar_s}s.parquet"
    bad_rows = bars.with_suffix(".bad.csv")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bars(series, bars)
        if loaded.bad:
            _write_bad(loaded.bad, bad_rows)
        else:
            bad_rows.unlink(missing_ok=True)
    except OSError as refused:
        raise InputInvalid(f"{folder}: cannot be written ({refused.strerror}); name another folder") from refused
    return Imported(
        market=market,
        source=Path(source),
        bars=bars,
        quarantine=bad_rows if loaded.bad else None,
        rows=len(series),
        bar_s=series.bar_s,
        first=_iso(int(series.ts_open_utc_ns[0])),
        last=_iso(int(series.ts_close_utc_ns[-1])),
        off_tick_frac=loaded.quality.rows_off_tick / loaded.quality.rows,
        quality=loaded.quality,
        notes=loaded.notes,
    )


def write_bars(series: Series, path: Path) -> None:
    """Write bars as one Parquet that the file feed reads; the file is replaced in one step."""
    table = pl.DataFrame(
        {
            "ts": pl.Series(series.ts_open_utc_ns).cast(pl.Datetime("ns", "UTC")),
            "open": series.open_points,
            "high": series.high_points,
            "low": series.low_points,
            "close": series.close_points,
            "volume": series.volume_lots,
            "spread": series.spread_points,
            "symbol": [series.market] * len(series),
        }
    )
    partial = path.with_suffix(".partial")
    table.write_parquet(partial)
    partial.replace(path)


def _write_bad(bad: tuple[BadRow, ...], path: Path) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["path", "place", "number", "field", "value", "reason"])
        rows.writerows([row.path, row.place, row.line, row.field, row.value, row.reason] for row in bad)
    partial.replace(path)


def _iso(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC).isoformat()
