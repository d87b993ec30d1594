"""A list of trades of chance, and accounts to trade it in."""

from typing import Any

import numpy as np

from gamma.events import Trade
from gamma.floor import FloorRule, TrailsOn
from gamma.markets import MICRO, market
from gamma.montecarlo.rules import Account
from gamma.montecarlo.stream import Excursions, Stream, stream_of

MNQ = market("MNQ")
DAY_NS = 86_400_000_000_000


def trade(number: int, pnl_usd: float, **changed: Any) -> Trade:
    """A trade of one lot of MNQ, one of three in a day."""
    told: dict[str, Any] = {
        "trade_id": str(number),
        "strategy": "mnq",
        "market": "MNQ",
        "side": 1 if number % 3 else -1,
        "lots_max": 1,
        "ts_open_utc_ns": number // 3 * DAY_NS,
        "ts_close_utc_ns": number // 3 * DAY_NS + 1,
        "entry_points": 20_000.0 + number,
        "exit_points": 20_000.0,
        "pnl_microusd": round(pnl_usd * MICRO),
        "fees_microusd": 0,
        "risk_microusd": 250 * MICRO,
        "exit_reason": "target",
    }
    return Trade(**(told | changed))


def chance_trades(count: int = 60, *, win_prob: float = 0.5, seed: int = 3, risks: bool = True) -> list[Trade]:
    """Wins, losses and a few scratches, in cents, of one to three lots, each with a risk of its own."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        won = rng.random() < win_prob
        usd = round(float(rng.uniform(20, 420) if won else -rng.uniform(20, 380)), 2) if rng.random() > 0.05 else 0.0
        lots = int(rng.integers(1, 4))
        risk = int(rng.integers(100, 700)) if risks else 250
        found.append(trade(i, usd * lots, lots_max=lots, risk_microusd=risk * lots * MICRO))
    return found


def chance_stream(count: int = 60, **how: Any) -> Stream:
    """The stream of such trades."""
    return stream_of(chance_trades(count, **how), MNQ)


def open_stream(count: int = 60) -> Stream:
    """The stream of such trades, whose open P&L went further than they closed."""
    trades = chance_trades(count, win_prob=0.6)
    pnl = np.array([one.pnl_microusd / MICRO for one in trades])
    rng = np.random.default_rng(9)
    went = Excursions(best_usd=pnl + rng.integers(0, 300, count), worst_usd=pnl - rng.integers(0, 300, count))
    return stream_of(trades, MNQ, excursions=went)


def account(trails: str = "none", drawdown_usd: float = 2_500, start_usd: float = 20_000, **rules: Any) -> Account:
    """An account of 20,000 usd; `trails` "" has no floor."""
    floor = FloorRule(
        drawdown_microusd=round(drawdown_usd * MICRO),
        trails_on=TrailsOn(trails or "none"),
        lock_microusd=round((start_usd + 100) * MICRO) if trails == "intraday" else None,
    )
    return Account(start_usd=start_usd, capital_usd=start_usd, floor=floor if trails else None, **rules)
