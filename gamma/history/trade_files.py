"""A history from a file of trades: CSV with a header, one round trip a row."""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, final

import numpy as np
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from gamma import calendar, markets
from gamma.complaints import shown
from gamma.errors import InputInvalid
from gamma.events import Trade
from gamma.history.form import History
from gamma.markets import MICRO
from gamma.stats import Floats, Ints

SIDES: Final = {"long": 1, "buy": 1, "1": 1, "+1": 1, "short": -1, "sell": -1, "-1": -1}
_BAD_SHOWN: Final = 5


def _side(text: object) -> object:
    return SIDES.get(str(text).strip().lower(), text)


def _moment(text: object) -> object:
    return str(text).strip().replace("Z", "+00:00")


def _far(value: object) -> object:
    return str(value).strip().removeprefix("-")


Usd = Annotated[float, Field(ge=-1e9, le=1e9)]
Known = Annotated[float, Field(ge=0, le=1e9)]
Far = Annotated[float, BeforeValidator(_far), Field(ge=0, le=1e9)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


@final
class Row(BaseModel, frozen=True, extra="ignore", allow_inf_nan=False):
    """One round trip. Times without an offset are UTC; P&L is net of fees, in all, not per lot.

    `mae_usd` and `mfe_usd` are how far the trade went against and for its holder, from its entry, in all; some write
    the first with a minus, which is left aside.
    """

    ts_open: Moment
    ts_close: Moment
    market: str
    side: Annotated[Literal[1, -1], BeforeValidator(_side)]
    lots: Annotated[int, Field(ge=1, le=1_000_000)]
    pnl_usd: Usd
    fees_usd: Known = 0.0
    risk_usd: Known = 0.0
    entry_points: float | None = None
    exit_points: float | None = None
    mae_usd: Far | None = None
    mfe_usd: Far | None = None
    strategy: str = ""
    exit_reason: str = ""


NEEDED: Final = tuple(name for name, field in Row.model_fields.items() if field.is_required())
KNOWN: Final = tuple(Row.model_fields)


def of_trade_file(path: Path, start_usd: float) -> History:
    """What an account that began with `start_usd` did by a CSV of round trips; its days are those of their markets.

    Columns: `ts_open`, `ts_close`, `market`, `side`, `lots`, `pnl_usd`, and where they are known the others of `Row`;
    any else are left alone.

    Raises: InputInvalid when it cannot be read, lacks a column, has no row, or holds rows that are no trades.
    """
    if not start_usd > 0:
        raise InputInvalid(f"the starting balance is {start_usd}; it must be above 0 usd")
    rows = sorted(_rows(path), key=lambda row: (row.ts_close, row.ts_open))
    trades = tuple(_trade(row, number) for number, row in enumerate(rows, start=1))
    pnl = np.array([row.pnl_usd for row in rows])
    after = start_usd + np.cumsum(pnl)
    high, low, known = _extremes(rows, after - pnl, after)
    ts = np.array([trade.ts_close_utc_ns for trade in trades], dtype=np.int64)
    days = _days(trades)
    ends = np.array(list(days.values()), dtype=np.int64)
    balances = np.concatenate(([start_usd], after))
    return History(
        start_usd=start_usd,
        trades=trades,
        ts_mark_utc_ns=ts,
        high_usd=high,
        low_usd=low,
        close_usd=after,
        sessions=tuple(days),
        ts_session_close_utc_ns=ends,
        session_close_usd=balances[np.searchsorted(ts, ends, side="right")],
        open_pnl_known=known,
    )


def _rows(path: Path) -> list[Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            if absent := [name for name in NEEDED if name not in header]:
                raise InputInvalid(
                    f"{path}: no column {', '.join(absent)}; needed are {', '.join(NEEDED)}, "
                    f"and known too: {', '.join(name for name in KNOWN if name not in NEEDED)}"
                )
            return _checked(path, list(reader))
    except (OSError, UnicodeDecodeError, csv.Error) as failed:
        raise InputInvalid(f"{path}: cannot be read as CSV ({failed})") from failed


def _checked(path: Path, found: Sequence[dict[str, str]]) -> list[Row]:
    rows: list[Row] = []
    bad: list[str] = []
    for line, each in enumerate(found, start=2):
        try:
            rows.append(Row.model_validate({name: value for name, value in each.items() if value and value.strip()}))
        except ValidationError as refused:
            bad += [f"line {line}: {why}" for why in _why(refused)]
        else:
            bad += [f"line {line}: {why}" for why in _wrong(rows[-1])]
    if bad:
        more = f"\n  and {len(bad) - _BAD_SHOWN:,} more" if len(bad) > _BAD_SHOWN else ""
        raise InputInvalid(f"{path}: {len(bad):,} values are no trade's:\n  " + "\n  ".join(bad[:_BAD_SHOWN]) + more)
    if not rows:
        raise InputInvalid(f"{path}: no trade in it; a row a round trip is needed")
    return rows


def _why(refused: ValidationError) -> Iterator[str]:
    for error in refused.errors():
        name = ".".join(str(part) for part in error["loc"][:1])
        said = "it is empty" if error["type"] == "missing" else f"{shown(error['input'])}: {error['msg']}"
        yield f"{name}: {said}"


def _wrong(row: Row) -> Iterator[str]:
    if _utc_ns(row.ts_close) < _utc_ns(row.ts_open):
        yield f"ts_close: {row.ts_close} lies before ts_open, {row.ts_open}"
    try:
        markets.market(row.market)
    except InputInvalid as unknown:
        yield f"market: {unknown}"


def _trade(row: Row, number: int) -> Trade:
    return Trade(
        trade_id=f"file-{number}",
        strategy=row.strategy,
        market=row.market,
        side=row.side,
        lots_max=row.lots,
        ts_open_utc_ns=_utc_ns(row.ts_open),
        ts_close_utc_ns=_utc_ns(row.ts_close),
        entry_points=float("nan") if row.entry_points is None else row.entry_points,
        exit_points=float("nan") if row.exit_points is None else row.exit_points,
        pnl_microusd=round(row.pnl_usd * MICRO),
        fees_microusd=round(row.fees_usd * MICRO),
        risk_microusd=round(row.risk_usd * MICRO),
        exit_reason=row.exit_reason,
    )


def _utc_ns(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000


def _extremes(rows: Sequence[Row], before: Floats, after: Floats) -> tuple[Floats, Floats, bool]:
    """Highest and lowest equity up to each trade's end; of trades that overlap, all are at their worst at once."""
    if any(row.mae_usd is None or row.mfe_usd is None for row in rows):
        return after, after, False
    opens = np.array([_utc_ns(row.ts_open) for row in rows], dtype=np.int64)
    closes = np.array([_utc_ns(row.ts_close) for row in rows], dtype=np.int64)
    high, low = after.copy(), after.copy()
    for i in range(len(rows)):
        beside: Ints = np.flatnonzero((opens < closes[i]) & (closes >= closes[i]))
        together = np.unique(np.append(beside, i))
        low[i] = min(after[i], before[i] - sum(rows[j].mae_usd or 0.0 for j in together))
        high[i] = max(after[i], before[i] + sum(rows[j].mfe_usd or 0.0 for j in together))
    return high, low, True


def _days(trades: Sequence[Trade]) -> dict[str, int]:
    """Every trading day of the first trade's market from the first trade to the last, with its close."""
    market = trades[0].market
    first = calendar.last_session(market, min(trade.ts_open_utc_ns for trade in trades) + 1)
    end_utc_ns = max(trade.ts_close_utc_ns for trade in trades)
    last = calendar.last_session(market, end_utc_ns)
    days = {day.date: day.ts_close_utc_ns for day in calendar.sessions(market, first.date, last.date)}
    days[last.date] = max(days[last.date], end_utc_ns)  # what ends after the close belongs to the day that it followed
    return days
