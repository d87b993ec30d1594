"""Bars at Tradier: its time and sales by the minute, merged to the length that is asked for."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from brokers import numerals
from brokers.tradier import reading
from brokers.tradier.requests import Requests
from gamma.bars import Bar
from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.wire import understood

INTERVALS: Final = {900: "15min", 300: "5min", 60: "1min"}
_NEW_YORK: Final = ZoneInfo("America/New_York")


async def bars_of(requests: Requests, market: str, bar_s: int, since_utc_ns: int, now_utc_ns: int) -> list[Bar]:
    """Bars of the cash session that closed after one time and by another, oldest first.

    Tradier keeps minutes for 20 days, and longer bars for 40. Raises: InputInvalid for a length that is no whole
    number of minutes; Transient.
    """
    steps = [step for step in INTERVALS if bar_s % step == 0]
    if not steps:
        raise InputInvalid(f"[feed] bar_s = {bar_s}: Tradier tells bars of whole minutes; write 60, 300 or 900")
    params = {
        "symbol": market,
        "interval": INTERVALS[steps[0]],
        "start": _minute(since_utc_ns // (bar_s * NS) * bar_s * NS),
        "end": _minute(now_utc_ns),
        "session_filter": "open",
    }
    told = await requests.read("/markets/timesales", params)
    with understood("timesales"):
        rows = [_bar(market, steps[0], row) for row in reading.rows(told, "series", "data")]
    rows.sort(key=lambda bar: bar.ts_open_utc_ns)
    width_ns = bar_s * NS
    merged = [_merged(list(each), width_ns) for _, each in groupby(rows, key=lambda b: b.ts_open_utc_ns // width_ns)]
    return [bar for bar in merged if since_utc_ns < bar.ts_close_utc_ns <= now_utc_ns]


def _bar(market: str, step_s: int, row: Mapping[str, Any]) -> Bar:
    opened = numerals.positive(row["timestamp"]) * NS
    prices: dict[str, Any] = {
        f"{name}_points": float(numerals.number(row[name])) for name in ("open", "high", "low", "close")
    }
    # An index trades no lots itself.
    volume = float(numerals.number(row.get("volume") or 0)) or math.nan
    return Bar(market=market, ts_open_utc_ns=opened, ts_close_utc_ns=opened + step_s * NS, volume_lots=volume, **prices)


def _merged(parts: Sequence[Bar], width_ns: int) -> Bar:
    """Bars of one stretch as one, which closes with the stretch."""
    opened = parts[0].ts_open_utc_ns // width_ns * width_ns
    return Bar(
        market=parts[0].market,
        ts_open_utc_ns=opened,
        ts_close_utc_ns=opened + width_ns,
        open_points=parts[0].open_points,
        high_points=max(bar.high_points for bar in parts),
        low_points=min(bar.low_points for bar in parts),
        close_points=parts[-1].close_points,
        volume_lots=sum(bar.volume_lots for bar in parts),
    )


def _minute(ts_utc_ns: int) -> str:
    """A minute as Tradier writes it, in New York time."""
    return f"{datetime.fromtimestamp(max(0, ts_utc_ns) // NS, UTC).astimezone(_NEW_YORK):%Y-%m-%d %H:%M}"
