"""Option chains from files: a table with a row an option, in CSV or Parquet, and what Cboe's quote page downloads.

A table has `expiration`, `right` (C, P, call or put), `strike` and `underlying_last` or `spot`, and may have
`underlying`, `root`, `ts`, `snapshot_id`, `vix`, `bid`, `ask`, `iv`, `delta`, `gamma`, `open_interest` and `volume`;
names in any case, other columns are left alone. Times are ISO 8601. Rows of one `underlying` and one `ts`, or one
`snapshot_id`, are one chain.
"""

import csv
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from gamma.errors import InputInvalid
from gamma.feeds.bar_file import PARQUET_ENDINGS
from gamma.feeds.series import NS
from gamma.options import Chain, Option, chain_of
from gamma.structures import Right

ROOTS: Final = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "XSPW": "XSP"}
_NEEDED: Final = ("expiration", "right", "strike", "spot")
_NUMBERS: Final = ("bid", "ask", "iv", "delta", "gamma", "open_interest", "volume")
_FIELDS: Final = {"bid": "bid_points", "ask": "ask_points"}
_ALIASES: Final = {"underlying_last": "spot", "vix_last": "vix", "expires": "expiration", "type": "right", "time": "ts"}
_CALLS: Final = {"C": True, "CALL": True, "P": False, "PUT": False}
_OCC: Final = re.compile(r"([A-Z]+)(\d{6})([CP])(\d{8})")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CBOE_ROW: Final = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainWanted:
    """Which chains of a file, and of when, where the file does not tell it; `snapshot` is a `snapshot_id`."""

    underlying: str = ""
    snapshot: str = ""
    ts_utc_ns: int | None = None


def load_chains(path: Path | str, wanted: ChainWanted | None = None) -> list[Chain]:
    """The chains of a file, oldest first.

    Raises: InputInvalid for a file that cannot be read, lacks a column or does not tell its time, and for its first
        bad row; the message names file, row and field.
    """
    how, source = wanted or ChainWanted(), Path(path)
    try:
        if source.suffix.lower() in PARQUET_ENDINGS:
            return _table(source, pl.read_parquet(source), how)
        text = source.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise InputInvalid(f"{source}: cannot be read ({error}); give a CSV or Parquet of an option chain") from error
    if "Last:" in text[:400] and "Date:" in text[:400]:
        return [_cboe(source, text, how)]
    try:
        table = pl.read_csv(text.encode(), infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise InputInvalid(f"{source}: cannot be read ({error}); give a CSV or Parquet of an option chain") from error
    return _table(source, table, how)


def cboe_time_utc_ns(text: str) -> int:
    """The time that heads a download of Cboe's, in the ways in which its page has written it.

    Raises: InputInvalid when it is none.
    """
    month = next((_MONTHS.index(w[:3]) + 1 for w in re.findall(r"[a-z]+", text.lower()) if w[:3] in _MONTHS), 0)
    clock = re.search(r"(\d{1,2}):(\d{2})\s*([AP]M)?", text)
    zone = re.search(r"E([SD])T|UTC[\u2212-](\d)", text)
    if clock is None or zone is None:
        raise _no_time(text)
    hour = int(clock[1]) % 12 + 12 * (clock[3] == "PM") if clock[3] else int(clock[1])
    behind_h = int(zone[2]) if zone[2] else {"S": 5, "D": 4}[zone[1]]
    try:
        day, year = sorted(int(number) for number in re.findall(r"\d+", text[: clock.start()]))
        at = datetime(year, month, day, hour, int(clock[2]), tzinfo=timezone(-timedelta(hours=behind_h)))
    except ValueError as error:
        raise _no_time(text) from error
    return round(at.timestamp()) * NS


def _no_time(text: str) -> InputInvalid:
    return InputInvalid(f"date {text!r}: is no time of Cboe's; write it as May 26, 2023 at 5:01 PM EDT")


def _cboe(source: Path, text: str, how: ChainWanted) -> Chain:
    """The table of Cboe's page: calls on the left of the strike, puts on its right."""
    lines = [line for line in text.splitlines() if line.strip()]
    spot = _number(source, 1, "Last", lines[0].partition("Last:")[2].partition(",")[0])
    when = lines[1].partition("Date:")[2].partition("Bid:")[0].strip().rstrip('",')
    options: list[Option] = []
    for number, cells in enumerate(csv.reader(lines[3:]), start=4):
        if len(cells) != _CBOE_ROW:
            raise InputInvalid(f"{source}: row {number} has {len(cells)} columns, and a row of Cboe's has {_CBOE_ROW}")
        strike = _number(source, number, "Strike", cells[11])
        options += [_cboe_option(source, number, strike, side) for side in (cells[1:11], cells[12:22])]
    if not options:
        raise InputInvalid(f"{source}: holds no options; download the chain anew")
    root = options[0].root
    ts = how.ts_utc_ns if how.ts_utc_ns is not None else cboe_time_utc_ns(when)
    return chain_of(how.underlying or ROOTS.get(root, root), spot, ts, options)


def _cboe_option(source: Path, number: int, strike: float, cells: list[str]) -> Option:
    found = _OCC.fullmatch(cells[0].strip())
    if found is None:
        raise InputInvalid(f"{source}: row {number}: {cells[0]!r} is no option's symbol, as SPXW230526C04200000 is")
    bid, ask, volume, iv, delta, gamma, interest = (
        _number(source, number, name, cell)
        for name, cell in zip(("Bid", "Ask", "Volume", "IV", "Delta", "Gamma", "Open Interest"), cells[3:], strict=True)
    )
    return Option(
        root=found[1],
        expires=datetime.strptime(found[2], "%y%m%d").replace(tzinfo=UTC).date(),
        right=Right.CALL if found[3] == "C" else Right.PUT,
        strike_points=strike,
        bid_points=bid,
        ask_points=ask,
        iv=iv,
        delta=delta,
        gamma=gamma,
        open_interest=interest,
        volume=volume,
    )


def _number(source: Path, row: int, field: str, text: str) -> float:
    try:
        return float(text.replace(",", "")) if text.strip() else math.nan
    except ValueError:
        raise InputInvalid(f"{source}: row {row}: {field} = {text!r} is no number") from None


def _table(source: Path, table: pl.DataFrame, how: ChainWanted) -> list[Chain]:
    names = {name: name.strip().lower() for name in table.columns}
    table = table.rename({name: _ALIASES.get(low, low) for name, low in names.items()})
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise InputInvalid(f"{source}: has no column {', '.join(missing)}; it has {', '.join(table.columns)}")
    table = _picked(source, _picked(source, table, "snapshot_id", how.snapshot), "underlying", how.underlying)
    when = next((name for name in ("ts", "snapshot_id") if name in table.columns), None)
    by = [name for name in ("underlying", when) if name in table.columns]
    parts = table.partition_by(by, maintain_order=True) if by else [table]
    chains = [_chain(source, part, how) for part in parts]
    return sorted(chains, key=lambda chain: chain.ts_utc_ns)


def _picked(source: Path, table: pl.DataFrame, name: str, wanted: str) -> pl.DataFrame:
    if not wanted or name not in table.columns:
        return table
    said = table[name].cast(pl.String)
    found = table.filter(said == wanted)
    if not len(found):
        known = said.unique().sort().to_list()
        raise InputInvalid(f"{source}: has no {name} {wanted!r}; it has {', '.join(map(str, known[:40]))}")
    return found


def _chain(source: Path, table: pl.DataFrame, how: ChainWanted) -> Chain:
    where = f"{source}: " + (f"snapshot {table['snapshot_id'][0]}: " if "snapshot_id" in table.columns else "")
    rows = len(table)
    if not rows:
        raise InputInvalid(f"{where}holds no options")
    right = table["right"].cast(pl.String).str.strip_chars().str.to_uppercase().to_list()
    expires = table["expiration"].cast(pl.String).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    strikes, spots = _column(table, "strike"), _column(table, "spot")
    for bad, field, must in (
        (np.array([one not in _CALLS for one in right]), "right", "C or P"),
        (expires.is_null().to_numpy(), "expiration", "a date, as 2023-05-26"),
        (~((strikes > 0) & (strikes < math.inf)), "strike", "a price above 0"),
        (~((spots > 0) & (spots == spots[0])), "spot", "a price above 0, the same for all options of a chain"),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            raise InputInvalid(f"{where}row {row + 1}: {field} = {table[field][row]!r}: should be {must}")
    underlying = how.underlying or (str(table["underlying"][0]) if "underlying" in table.columns else "")
    root = table["root"].cast(pl.String).to_list() if "root" in table.columns else [underlying] * rows
    numbers: dict[str, Any] = {
        _FIELDS.get(name, name): _column(table, name) if name in table.columns else np.full(rows, np.nan)
        for name in _NUMBERS
    }
    return Chain(
        underlying=underlying or ROOTS.get(root[0], root[0]),
        spot_points=float(spots[0]),
        ts_utc_ns=_ts_utc_ns(where, table, how),
        root=np.array(root, dtype=np.str_),
        expires=expires.to_numpy().astype("datetime64[D]"),
        call=np.array([_CALLS[one] for one in right], dtype=np.bool_),
        strike_points=strikes,
        vix_points=float(_column(table, "vix")[0]) if "vix" in table.columns else math.nan,
        **numbers,
    )


def _column(table: pl.DataFrame, name: str) -> Any:
    return table[name].cast(pl.Float64, strict=False).fill_null(math.nan).to_numpy()


def _ts_utc_ns(where: str, table: pl.DataFrame, how: ChainWanted) -> int:
    """When the chain was quoted: as it was given, or as its rows tell."""
    if how.ts_utc_ns is not None:
        return how.ts_utc_ns
    if "ts" not in table.columns:
        raise InputInvalid(f"{where}does not tell when it was quoted; give the time, as --at 2023-05-26T15:00-04:00")
    told = table["ts"]
    if told.dtype.is_temporal():
        whole = told.dt.cast_time_unit("ns").dt.replace_time_zone("UTC") if told.dtype == pl.Datetime else None
        if whole is not None:
            return int(whole.dt.epoch("ns")[0])
    return time_utc_ns(str(told[0]), where)


def time_utc_ns(text: str, where: str = "") -> int:
    """A time in ISO 8601 [UTC ns]; UTC where it names no offset.

    Raises: InputInvalid when it is none.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InputInvalid(f"{where}time {text!r}: should be ISO 8601, as 2023-05-26T15:00-04:00") from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return round(at.timestamp()) * NS
