"""Trades made by hand."""

from dataclasses import replace
from typing import Any

from gamma.events import Trade

MINUTE_NS = 60_000_000_000
TRADE = Trade(
    trade_id="x#1",
    strategy="x",
    market="MNQ",
    side=1,
    lots_max=2,
    ts_open_utc_ns=0,
    ts_close_utc_ns=10 * MINUTE_NS,
    entry_points=20_000.0,
    exit_points=20_010.0,
    pnl_microusd=0,
    fees_microusd=2_400_000,
    risk_microusd=100_000_000,
    exit_reason="stop",
)


def traded(pnl_usd: float, **more: Any) -> Trade:
    """A trade that made this much, net of fees."""
    return replace(TRADE, pnl_microusd=round(pnl_usd * 1e6), **more)
