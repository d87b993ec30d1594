"""What each month brought."""

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from gamma.history import History
from gamma.report.form import Section, Table
from gamma.report.subject import Subject
from gamma.report.wording import percent, signed_usd

LISTED: Final = 24
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month, or a year: `return_frac` is its P&L over the equity that it began with."""

    name: str
    sessions: int
    trades: int
    pnl_usd: float
    return_frac: float


def section(subject: Subject) -> Section:
    """A table of months, with the years between them."""
    found = months(subject.history)
    words = ["A return is P&L, net of fees and with what is open at the end, over the equity at the beginning."]
    tables = [_listed(subject.history)] if len(found) <= LISTED else _grids(subject.history)
    return Section(name="months", title="Months", words=words, tables=tables)


def _listed(told: History) -> Table:
    """A row a month, and a row a year under them."""
    of_year = _by_year(told)
    rows = []
    for year in years(told):
        rows += [_row(month) for month in of_year[year.name]]
        if len(of_year[year.name]) > 1:
            rows.append(_row(replace(year, name=f"{year.name} in all")))
    columns = ("month", "sessions", "trades", "P&L [usd]", "return [%]")
    return Table(caption="Months", columns=columns, rows=rows, numbers=(1, 2, 3, 4))


def _grids(told: History) -> list[Table]:
    """A row a year and a column a month, for those that are many."""
    of_year = _by_year(told)
    returns, pnl = [], []
    for year in years(told):
        own = {month.name[5:]: month for month in of_year[year.name]}
        cells = [own.get(f"{number:02d}") for number in range(1, 13)]
        returns.append((year.name, *(_return(one) for one in (*cells, year))))
        pnl.append((year.name, *(_pnl(one) for one in (*cells, year))))
    columns = ("year", *MONTHS, "all")
    numbers = tuple(range(1, len(columns)))
    return [
        Table(caption="Returns [%]", columns=columns, rows=returns, numbers=numbers),
        Table(caption="P&L [usd]", columns=columns, rows=pnl, numbers=numbers),
    ]


def _by_year(told: History) -> dict[str, list[Month]]:
    of_year: dict[str, list[Month]] = {}
    for month in months(told):
        of_year.setdefault(month.name[:4], []).append(month)
    return of_year


def _return(one: Month | None) -> str:
    return percent(one.return_frac).removesuffix(" %") if one else ""


def _pnl(one: Month | None) -> str:
    return f"{one.pnl_usd:,.0f}" if one else ""


def months(told: History) -> list[Month]:
    """Every month with a session, oldest first."""
    return _spans(told, 7)


def years(told: History) -> list[Month]:
    """Every year with a session, oldest first."""
    return _spans(told, 4)


def _spans(told: History, letters: int) -> list[Month]:
    names = np.array([day[:letters] for day in told.sessions])
    equity = np.concatenate(([told.start_usd], told.session_close_usd))
    closed = np.array([trade.ts_close_utc_ns for trade in told.trades], dtype=np.int64)
    session_of = np.searchsorted(told.ts_session_close_utc_ns, closed, side="left")
    found = []
    for name in dict.fromkeys(names.tolist()):
        rows = np.flatnonzero(names == name)
        first, last = int(rows[0]), int(rows[-1])
        pnl = float(equity[last + 1] - equity[first])
        found.append(
            Month(
                name=name,
                sessions=len(rows),
                trades=int(np.count_nonzero((session_of >= first) & (session_of <= last))),
                pnl_usd=pnl,
                return_frac=pnl / float(equity[first]),
            )
        )
    return found


def _row(month: Month) -> tuple[str, ...]:
    counts = (f"{month.sessions:,}", f"{month.trades:,}")
    return (month.name, *counts, signed_usd(month.pnl_usd), percent(month.return_frac, 2).removesuffix(" %"))
