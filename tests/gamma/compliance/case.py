"""Conduct by hand: days of March 2026 from 50,000 usd, marks in usd, sessions of MNQ."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from gamma import calendar
from gamma.compliance import Case, Conduct, Finding, Stand, check
from gamma.events import Trade
from gamma.history import History
from gamma.profiles import Profile, load_profile

START_USD = 50_000.0
ON = date(2026, 11, 21)
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06", "2026-03-09", "2026-03-10", "2026-03-11")
MINUTE_NS = 60_000_000_000

Mark = tuple[float, float, float]
"""Highest, lowest and last equity of one bar [usd]."""


def at(day: str, time: str) -> int:
    """A New York time on a day [ns]."""
    return calendar.utc_ns(date.fromisoformat(day), time)


def trade(day: str, pnl_usd: float, market: str = "MNQ", fees_usd: float = 1.2, **more: Any) -> Trade:
    """A round trip of one lot from 10:00 to 10:30 New York."""
    told: dict[str, Any] = {
        "trade_id": f"{market}#{day}",
        "strategy": "alpha",
        "market": market,
        "side": 1,
        "lots_max": 1,
        "ts_open_utc_ns": at(day, "10:00"),
        "ts_close_utc_ns": at(day, "10:30"),
        "entry_points": 20_000.0,
        "exit_points": 20_000.0,
        "pnl_microusd": round(pnl_usd * 1e6),
        "fees_microusd": round(fees_usd * 1e6),
        "risk_microusd": 0,
        "exit_reason": "target",
    }
    return Trade(**{**told, **more})


def history(
    days: Mapping[str, Sequence[Mark]] | None = None, trades: Sequence[Trade] = (), *, known: bool = True
) -> History:
    """Marks a minute apart from 10:00 of each day; a session ends with its last."""
    ts, marks, closes = [], [], []
    last = START_USD
    for day, seen in (days or {}).items():
        for minute, mark in enumerate(seen):
            ts.append(at(day, "10:00") + minute * MINUTE_NS)
            marks.append(mark)
            last = mark[2]
        closes.append(last)
    sessions = tuple(days or {})
    columns = np.array(marks, dtype=np.float64).reshape(-1, 3)
    return History(
        start_usd=START_USD,
        trades=tuple(trades),
        ts_mark_utc_ns=np.array(ts, dtype=np.int64),
        high_usd=columns[:, 0],
        low_usd=columns[:, 1],
        close_usd=columns[:, 2],
        sessions=sessions,
        ts_session_close_utc_ns=np.array([at(day, "17:00") for day in sessions], dtype=np.int64),
        session_close_usd=np.array(closes, dtype=np.float64),
        open_pnl_known=known,
    )


def conduct(of: History | None = None, stands: Sequence[Stand] = (), **more: Any) -> Conduct:
    """What an account of gamma's own did on paper."""
    told: dict[str, Any] = {
        "history": of or history(),
        "stands": tuple(stands),
        "mark_rows": (),
        "orders_known": True,
        "fees_told": True,
        "traded_by": "paper",
        "ts_end_utc_ns": at("2026-03-31", "17:00"),
    }
    return Conduct(**{**told, **more})


def stand(day: str, time: str, held: Mapping[str, int] | None = None, **more: Any) -> Stand:
    """What holds from a New York time on."""
    told: dict[str, Any] = {"ts_utc_ns": at(day, time), "row": f"event at {time}", "balance_usd": START_USD}
    return Stand(held=held or {}, **{**told, **more})


def finding(rule: str, of: Conduct, profile: Profile | str = "own_50k", **overrides: Any) -> Finding:
    """What one rule of a profile found."""
    rules = load_profile(profile, overrides) if isinstance(profile, str) else profile
    report = check(Case(profile=rules, conduct=of, on_date=ON))
    [found] = [one for one in report.findings if one.rule == rule]
    return found
