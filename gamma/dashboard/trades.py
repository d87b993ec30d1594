"""Trades: which there were, what they came to together, and a file of them for a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dash import html
from dash.development.base_component import Component

from gamma import calendar
from gamma.calendar import NEW_YORK
from gamma.dashboard import parts
from gamma.dashboard.filters import day_ns, one_of, whole
from gamma.dashboard.sight import Choice, Query, Sight
from gamma.dashboard.wording import at, price
from gamma.errors import InputInvalid
from gamma.ledger import Record
from gamma.ledger.trade_search import OUTCOMES, TradeFilter, TradeSums, choices, found, opened_by, sums
from gamma.markets import MICRO

ROWS: Final = 50
EXPORT_PAGE: Final = 5_000
_SIDES: Final = {"long": 1, "short": -1}
_SPANS: Final = {"1": "today", "7": "7 days", "30": "30 days", "365": "a year"}
COLUMNS: Final = (
    "trade_id", "strategy", "market", "side", "lots", "opened_utc", "closed_utc", "entry_points", "exit_points",
    "pnl_usd", "fees_usd", "risk_usd", "result_r", "exit_reason",
)  # fmt: skip


def filters(sight: Sight, _: Query) -> Sequence[Choice]:
    """What the table can be narrowed by."""
    there = choices(sight.reader)
    return (
        Choice(name="market", title="Market", options=[(one, one) for one in there["market"]]),
        Choice(name="strategy", title="Strategy", options=[(one, one) for one in there["strategy"] if one]),
        Choice(name="side", title="Side", options=[(one, one) for one in _SIDES]),
        Choice(name="outcome", title="Outcome", options=[(one, one) for one in OUTCOMES]),
        Choice(name="span", title="Closed within", options=list(_SPANS.items())),
        Choice(name="since", title="Since, YYYY-MM-DD"),
        Choice(name="until", title="Until, YYYY-MM-DD"),
        Choice(name="lots_min", title="Lots, at least"),
        Choice(name="lots_max", title="Lots, at most"),
    )


def wanted(query: Query, now_utc_ns: int) -> TradeFilter:
    """The filter that an address tells; days are New York's, and a span ends with the day of `now_utc_ns`.

    Raises: InputInvalid naming what is wrong.
    """
    span = one_of(query, "span", _SPANS)
    return TradeFilter(
        market=query.get("market", ""),
        strategy=query.get("strategy", ""),
        side=_SIDES.get(one_of(query, "side", _SIDES), 0),
        outcome=one_of(query, "outcome", OUTCOMES),
        since_utc_ns=max(day_ns(query, "since"), _first_ns(int(span), now_utc_ns) if span else 0),
        until_utc_ns=day_ns(query, "until", days_after=1),
        lots_min=whole(query, "lots_min"),
        lots_max=whole(query, "lots_max"),
    )


def _first_ns(days: int, now_utc_ns: int) -> int:
    """When the first of so many days began, today with them [ns]."""
    today = datetime.fromtimestamp(now_utc_ns / 1e9, UTC).astimezone(NEW_YORK).date()
    return calendar.utc_ns(today - timedelta(days=days - 1), "00:00")


def show(sight: Sight, query: Query) -> Any:
    """The table, newest first, under the sums of all that fits the filter."""
    try:
        asked, skip = wanted(query, sight.now.book.ts_event_utc_ns), whole(query, "skip")
    except InputInvalid as error:
        return parts.notice(str(error), "bad")
    together = sums(sight.reader, asked)
    rows = found(sight.reader, asked, limit=ROWS, skip=skip)
    decided = opened_by(sight.reader, rows)
    narrowed = {name: value for name, value in query.items() if name not in ("account", "skip")}
    return [
        parts.card("Together", summed(together), wide=True, id="together"),
        parts.card(
            "Trades",
            _table(sight, rows, decided),
            _pages(sight, narrowed, together.trades, skip),
            html.P(html.A("All of these as CSV", href=sight.link("/trades.csv", **narrowed), download="trades.csv")),
            wide=True,
            id="trades",
        ),
    ]


def summed(of: TradeSums) -> Component:
    """The sums as figures."""
    won, r = of.win_rate_frac, of.expectancy_r
    known = "" if of.r_trades == of.trades else f" ({of.r_trades:,} with a known risk)"
    return parts.figures(
        [
            ("Trades", f"{of.trades:,}"),
            ("Won", "-" if won is None else f"{of.wins:,} ({won:.1%})"),
            ("P&L, net", parts.signed(of.pnl_microusd / MICRO)),
            ("Fees", parts.usd(of.fees_microusd / MICRO)),
            ("Expectancy", "-" if r is None else f"{r:+.2f} R{known}"),
        ]
    )


def _table(sight: Sight, rows: Sequence[Record], decided: Mapping[str, str]) -> Component:
    titles = ("closed, ET", "?strategy", "market", ">lots", "?>entry", "?>exit", ">P&L", "?>R", "?ended by", "decision")
    return parts.table(titles, [_line(sight, row, decided) for row in rows], empty="No trade fits this filter.")


def _line(sight: Sight, row: Record, decided: Mapping[str, str]) -> list[parts.Cell]:
    decision = decided.get(row["trade_id"])
    return [
        at(row["ts_close_utc_ns"]),
        row["strategy"] or "(by hand)",
        row["market"],
        f"{row['side'] * row['lots_max']:+d}",
        price(sight.config, row["market"], row["entry_points"]),
        price(sight.config, row["market"], row["exit_points"]),
        parts.signed(row["pnl_microusd"] / MICRO),
        _r(row),
        parts.words(row["exit_reason"]),
        parts.link("why", sight.link("/decisions", id=decision)) if decision else "-",
    ]


def _r(row: Record) -> str:
    return f"{row['pnl_microusd'] / row['risk_microusd']:+.2f}" if row["risk_microusd"] > 0 else "-"


def _pages(sight: Sight, narrowed: Mapping[str, str], trades: int, skip: int) -> Component:
    told = f"{min(skip + 1, trades):,} to {min(skip + ROWS, trades):,} of {trades:,}"
    ways: list[Any] = [html.Span(told)]
    if skip:
        ways.append(parts.link("newer", sight.link("/trades", **narrowed, skip=max(0, skip - ROWS) or "")))
    if skip + ROWS < trades:
        ways.append(parts.link("older", sight.link("/trades", **narrowed, skip=skip + ROWS)))
    return html.P(ways, className="pages")


def written(sight: Sight, query: Query) -> Iterator[str]:
    """Every trade that fits the filter as CSV, newest first, a piece at a time.

    Raises: InputInvalid.
    """
    asked = wanted(query, sight.now.book.ts_event_utc_ns)
    yield _csv([COLUMNS])
    for skip in range(0, sums(sight.reader, asked).trades, EXPORT_PAGE):
        yield _csv([_cells(row) for row in found(sight.reader, asked, limit=EXPORT_PAGE, skip=skip)])


def _cells(row: Record) -> tuple[object, ...]:
    pnl, risk = row["pnl_microusd"], row["risk_microusd"]
    return (
        plain_text(row["trade_id"]),
        plain_text(row["strategy"]),
        plain_text(row["market"]),
        "long" if row["side"] > 0 else "short",
        row["lots_max"],
        _utc(row["ts_open_utc_ns"]),
        _utc(row["ts_close_utc_ns"]),
        row["entry_points"],
        row["exit_points"],
        f"{pnl / MICRO:.2f}",
        f"{row['fees_microusd'] / MICRO:.2f}",
        f"{risk / MICRO:.2f}" if risk > 0 else "",
        f"{pnl / risk:.4f}" if risk > 0 else "",
        plain_text(row["exit_reason"]),
    )


def _utc(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula: one that begins like one gets an apostrophe before it."""
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\r", "\n") else text


def _csv(rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
