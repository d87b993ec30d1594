"""Where a simulation's trades and its account come from: a history, what the ledger's decisions saw, the config."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from gamma import plugins
from gamma.assembly import profile_of
from gamma.config import Config, Strategy
from gamma.events import Trade
from gamma.guards.safety_halt import SafetyHalt
from gamma.history import History
from gamma.ledger import EVERY, Reader
from gamma.markets import MICRO, Kind, Market
from gamma.montecarlo.chains import Chain
from gamma.montecarlo.rules import Account
from gamma.montecarlo.stream import Excursions, Seen, Stream, at, stream_of
from gamma.numeric import NAN
from gamma.reasons import Reason
from gamma.sizing import size
from gamma.views import AccountView, TrackView, View

SEEN: Final = (
    "market.atr_points",
    "market.vol_daily_points",
    "market.spread_median_points",
    "signal.risk_usd_per_lot",
    "signal.stop_points",
    "signal.target_points",
    "signal.credit_points",
    "signal.width_points",
    "signal.novelty",
    "liquidity.volume_10min_lots",
    "liquidity.volume_10min_usd",
    "liquidity.depth_top5_lots",
)
"""What of a decision's view is taken over into a simulation: what sizers look at, but the account, record and book."""


def of_history(
    history: History, market: Market, strategy: str = "", seen: Sequence[Seen] = (), risk_usd: float = NAN
) -> Stream:
    """The stream of a history's trades in one market, of one strategy where it is named.

    Open P&L is known where the history is of this strategy alone, which held one trade at a time.

    Raises: InputInvalid as `stream_of` does.
    """
    trades = chosen(history, market, strategy)
    places = np.searchsorted(history.ts_session_close_utc_ns, [trade.ts_close_utc_ns for trade in trades])
    days = [history.sessions[min(int(place), len(history.sessions) - 1)] for place in places]
    alone = len(trades) == len(history.trades) and history.open_pnl_known and not _overlap(trades)
    return stream_of(
        trades,
        market,
        days=days,
        seen=seen,
        risk_usd=risk_usd,
        excursions=_excursions(history) if alone else None,
    )


def chosen(history: History, market: Market, strategy: str = "") -> tuple[Trade, ...]:
    """The trades of a history in one market, of one strategy where it is named."""
    return tuple(t for t in history.trades if t.market == market.symbol and strategy in ("", t.strategy))


def seen_in(reader: Reader, trades: Sequence[Trade]) -> list[Seen]:
    """What was seen when each trade was decided on: by the last decision for its side before it."""
    by_key: dict[tuple[str, str, int], tuple[list[int], list[str]]] = {}
    for row in reader.decisions(EVERY):
        if row["lots"] > 0:
            times, ids = by_key.setdefault((row["strategy"], row["market"], row["side"]), ([], []))
            times.append(row["ts_event_utc_ns"])
            ids.append(row["id"])
    found: list[Seen] = []
    for trade in trades:
        times, ids = by_key.get((trade.strategy, trade.market, trade.side), ([], []))
        place = bisect_right(times, trade.ts_open_utc_ns)
        found.append(_seen(reader.decision(ids[place - 1]).view) if place else {})
    return found


def _seen(view: View) -> Seen:
    # Only an event contract's policy puts a size into its action.
    names = (*SEEN, "signal.action") if view.market.kind == Kind.EVENT else SEEN
    return {path: _number(view, path) for path in names}


def _number(view: View, path: str) -> float:
    part, name = path.split(".")
    return float(getattr(getattr(view, part), name))


def account_of(config: Config, strategy: Strategy, start_usd: float = NAN) -> Account:
    """The account of the configuration: its floor, and the safety halt where the strategy has that guard."""
    capital_usd = config.account.starting_capital_usd
    profile = profile_of(config)
    halts = [guard for _, guard in plugins.guards(config, strategy) if isinstance(guard, SafetyHalt)]
    limits = ("halt_frac", "drawdown_half_frac", "drawdown_halt_frac")
    return Account(
        start_usd=capital_usd if math.isnan(start_usd) else start_usd,
        capital_usd=capital_usd,
        floor=profile.floor_rule if profile else None,
        **{name: getattr(halts[0], name) for name in limits if halts},
    )


def first_view(stream: Stream, account: Account) -> View:
    """What a sizer would have seen of the first trade: an account that has just begun, and no record."""
    room_usd = account.floor.drawdown_microusd / MICRO if account.floor else NAN
    return at(
        stream.scene,
        {path: float(values[0]) for path, values in stream.seen.items()},
        AccountView(
            balance_usd=account.start_usd,
            equity_usd=account.start_usd,
            starting_capital_usd=account.capital_usd,
            peak_equity_usd=account.start_usd,
            floor_usd=account.start_usd - room_usd,
            floor_room_start_usd=room_usd,
            cash_usd=account.start_usd,
        ),
        TrackView(),
    )


def unsizable(stream: Stream, account: Account, chain: Chain) -> str:
    """Why the chain cannot size this stream, by its first trade; empty where it can."""
    found = size(chain, first_view(stream, account))
    last = found.steps[-1]
    if found.invalid or found.fault:
        return f"{last.name}: {found.invalid or found.fault}"
    missing = next((step for step in found.steps if step.reason == Reason.INPUT_MISSING), None)
    return f"{missing.name}: it proposes no size, or needs a number that these trades do not have" if missing else ""


def _overlap(trades: Sequence[Trade]) -> bool:
    ordered = sorted(trades, key=lambda trade: trade.ts_open_utc_ns)
    return any(a.ts_close_utc_ns > b.ts_open_utc_ns for a, b in pairwise(ordered))


def _excursions(history: History) -> Excursions | None:
    """How far open P&L of each trade went: of a file's trades each is a mark; of an account's, marks lie within."""
    pnl = np.array([trade.pnl_microusd / MICRO for trade in history.trades])
    closes = np.array([trade.ts_close_utc_ns for trade in history.trades], dtype=np.int64)
    if np.array_equal(history.ts_mark_utc_ns, closes):
        before = history.close_usd - pnl
        return Excursions(best_usd=history.high_usd - before, worst_usd=history.low_usd - before)
    best, worst, balance = pnl.copy(), pnl.copy(), history.start_usd
    for i, trade in enumerate(history.trades):
        first = int(np.searchsorted(history.ts_mark_utc_ns, trade.ts_open_utc_ns, side="right"))
        last = int(np.searchsorted(history.ts_mark_utc_ns, trade.ts_close_utc_ns, side="right"))
        if first < last:
            best[i] = history.high_usd[first:last].max() - balance
            worst[i] = history.low_usd[first:last].min() - balance
        balance += pnl[i]
    return Excursions(best_usd=best, worst_usd=worst)
