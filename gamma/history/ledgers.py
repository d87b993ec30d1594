"""The history that a ledger tells."""

from dataclasses import fields, replace
from typing import Final

import numpy as np

from gamma import calendar
from gamma.errors import InputMissing
from gamma.events import DayStarted, Trade
from gamma.history.form import History
from gamma.ledger import EVERY, Reader
from gamma.markets import MICRO

_FIELDS: Final = tuple(field.name for field in fields(Trade) if field.name != "trade_id")


def of_ledger(reader: Reader, day_market: str) -> History:
    """What a ledger's account did; its days are sessions of `day_market`, the market of the first strategy.

    A day counts when the daemon ran in it. The last one may still be open: then it ends where equity stands.

    Raises: InputMissing when no day has begun in it; InputInvalid when the calendar knows no such market.
    """
    with reader.at_once():
        days = [day for _, day in reader.every(DayStarted.__name__)]
        marks = [mark for _, mark in reader.every_mark()]
        trades = trades_of(reader)
    if not days:
        raise InputMissing("the ledger: no trading day has begun in it; let `gamma run` or `gamma backtest` fill one")
    ts_marks = np.array([mark.ts_event_utc_ns for mark in marks], dtype=np.int64)
    closes = np.array([mark.close_microusd for mark in marks], dtype=np.float64) / MICRO
    ts_closes = [calendar.sessions(day_market, day.date, day.date)[0].ts_close_utc_ns for day in days]
    ends = np.searchsorted(ts_marks, np.array(ts_closes, dtype=np.int64), side="right") - 1
    begun = [day.equity_microusd / MICRO for day in days]
    return History(
        start_usd=begun[0],
        trades=trades,
        ts_mark_utc_ns=ts_marks,
        high_usd=np.array([mark.high_microusd for mark in marks], dtype=np.float64) / MICRO,
        low_usd=np.array([mark.low_microusd for mark in marks], dtype=np.float64) / MICRO,
        close_usd=closes,
        sessions=tuple(day.date for day in days),
        ts_session_close_utc_ns=np.array(ts_closes, dtype=np.int64),
        session_close_usd=np.array([closes[i] if i >= 0 else begun[0] for i in ends], dtype=np.float64),
    )


def trades_of(reader: Reader, strategy: str = "") -> tuple[Trade, ...]:
    """Every round trip of a ledger, or of one strategy, oldest first."""
    rows = reader.trades(replace(EVERY, strategy=strategy))
    return tuple(Trade(trade_id=row["id"], **{name: row[name] for name in _FIELDS}) for row in rows)
