"""Round trips that fit a filter: newest first, a page at a time, with what they come to together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, case, exists, func, select

from gamma.events import OrderKind
from gamma.ledger import tables
from gamma.ledger.reader import Reader, Record

OUTCOMES: Final = ("won", "lost", "even")


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFilter:
    """Which trades; an empty word, and 0, is any. Lots are of the trade's largest size; `until_utc_ns` is past the end.

    `side` is 1 or -1, `outcome` one of `OUTCOMES`, by P&L net of fees.
    """

    market: str = ""
    strategy: str = ""
    side: int = 0
    outcome: str = ""
    since_utc_ns: int = 0
    until_utc_ns: int = 0
    lots_min: int = 0
    lots_max: int = 0

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        t = tables.trades.c
        outcomes = {"won": t.pnl_microusd > 0, "lost": t.pnl_microusd < 0, "even": t.pnl_microusd == 0}
        asked: list[tuple[object, ColumnElement[bool]]] = [
            (self.market, t.market == self.market),
            (self.strategy, t.strategy == self.strategy),
            (self.side, t.side == self.side),
            (self.since_utc_ns, t.ts_close_utc_ns >= self.since_utc_ns),
            (self.until_utc_ns, t.ts_close_utc_ns < self.until_utc_ns),
            (self.lots_min, t.lots_max >= self.lots_min),
            (self.lots_max, t.lots_max <= self.lots_max),
        ]
        return [one for given, one in asked if given] + ([outcomes[self.outcome]] if self.outcome else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSums:
    """What some trades come to: how many, how many won, P&L net of fees, fees, and the sum of results in R.

    R is P&L over the initial risk; `r_trades` is how many have a known one.
    """

    trades: int = 0
    wins: int = 0
    pnl_microusd: int = 0
    fees_microusd: int = 0
    r_sum: float = 0.0
    r_trades: int = 0

    @property
    def win_rate_frac(self) -> float | None:
        """Share of trades that won; None of none."""
        return self.wins / self.trades if self.trades else None

    @property
    def expectancy_r(self) -> float | None:
        """Mean result over the initial risk; None where no risk is known."""
        return self.r_sum / self.r_trades if self.r_trades else None


def found(reader: Reader, wanted: TradeFilter, *, limit: int, skip: int = 0) -> list[Record]:
    """Trades, the newest first; `skip` passes over so many."""
    query = select(tables.trades).where(*wanted.conditions).order_by(tables.trades.c.seq.desc())
    return reader.ask(query.limit(limit).offset(skip))


def sums(reader: Reader, wanted: TradeFilter) -> TradeSums:
    """All trades that fit, together."""
    t = tables.trades.c
    risked = t.risk_microusd > 0
    parts: list[Any] = [
        func.count().label("trades"),
        func.sum(case((t.pnl_microusd > 0, 1), else_=0)).label("wins"),
        func.sum(t.pnl_microusd).label("pnl_microusd"),
        func.sum(t.fees_microusd).label("fees_microusd"),
        func.sum(case((risked, t.pnl_microusd * 1.0 / func.nullif(t.risk_microusd, 0)), else_=0.0)).label("r_sum"),
        func.sum(case((risked, 1), else_=0)).label("r_trades"),
    ]
    [row] = reader.ask(select(*parts).select_from(tables.trades).where(*wanted.conditions))
    r_sum = float(row.pop("r_sum") or 0)
    return TradeSums(r_sum=r_sum, **{name: int(value or 0) for name, value in row.items()})


def choices(reader: Reader) -> dict[str, list[str]]:
    """The markets and strategies of which there are trades."""
    t = tables.trades.c
    return {
        name: sorted(row[name] for row in reader.ask(select(t[name]).distinct())) for name in ("market", "strategy")
    }


def opened_by(reader: Reader, trades: Sequence[Record]) -> dict[str, str]:
    """The decision behind each trade, by the trade's id; of one that was opened by hand there is none."""
    told = ((trade["trade_id"], _decision(reader, trade)) for trade in trades)
    return {trade_id: decision_id for trade_id, decision_id in told if decision_id}


def _decision(reader: Reader, trade: Record) -> str:
    """The newest entry that was filled by the time at which the trade was opened: a look at a few rows by their key."""
    i, f = tables.intents.c, tables.fills.c
    filled = exists().where(
        f.client_order_id == i.client_order_id, f.seq <= trade["seq"], f.ts_event_utc_ns <= trade["ts_open_utc_ns"]
    )
    query = select(i.decision_id).where(
        i.seq <= trade["seq"],
        i.kind == OrderKind.ENTRY.value,
        i.strategy == trade["strategy"],
        i.market == trade["market"],
        i.side == trade["side"],
        filled,
    )
    rows = reader.ask(query.order_by(i.seq.desc()).limit(1))
    return str(rows[0]["decision_id"]) if rows else ""
