"""What each month brought."""

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from gamma.history import History
from gamma.report.form import Section, Table
from gamma.report.subject import Subject
from gamma.report.wording import percent, signed_usd


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
    of_year: dict[str, list[Month]] = {}
    for month in months(subject.history):
        of_year.setdefault(month.name[:4], []).append(month)
    rows = []
    for year in years(subject.history):
        rows += [_row(month) for month in of_year[year.name]]
        if len(of_year[year.name]) > 1:
            rows.append(_row(replace(year, name=f"{year.name} in all")))
    columns = ("month", "sessions", "trades", "P&L [usd]", "return [%]")
    words = [
        "A return is the month's P&L, net of fees, with what is open at its end, over the equity at its beginning."
    ]
    table = Table(caption="Months", columns=columns, rows=rows, numbers=(1, 2, 3, 4))
    return Section(name="months", title="Months", words=words, tables=[table])


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
