"""One decision, from the book to an approved order: six sizers, ten guards, with the whole trace.

    .venv/bin/python benchmarks/decision.py

Beside it: the same half-Kelly number from a bare Python function, without a view, a trace or a guard.
"""

import gc

from _measure import show, timed

from gamma import plugins
from gamma.bars import Bar
from gamma.book import Setup, fold, open_book
from gamma.calendar import session_at
from gamma.decision import decide
from gamma.events import BarClosed, HealthSeen, QuoteSeen, SessionOpened, SignalMade, Trade, TradeClosed
from gamma.floor import FloorRule, TrailsOn
from gamma.markets import MICRO, market
from gamma.outlook import look
from gamma.rules import Rules, StrategyRules

SIZERS = ("half_kelly", "atr_risk", "vol_target", "floor_room", "liquidity_cap", "contract_cap")
GUARDS = (
    "safety_halt",
    "trailing_drawdown",
    "daily_loss",
    "session_hours",
    "stale_data",
    "order_rate",
    "order_sanity",
    "position_limit",
    "risk_per_trade",
    "duplicate",
)
OPEN_NS = 1_780_317_000_000_000_000  # Mon 2026-06-01 12:30 UTC
BAR_NS = 300_000_000_000


def case():
    """A book with a record of 60 trades, 60 bars and an open session, and a signal."""
    mnq = market("MNQ")
    book = open_book(
        Setup(
            account="bench",
            mode="paper",
            starting_capital_microusd=50_000 * MICRO,
            markets={"MNQ": mnq},
            floor_rule=FloorRule(drawdown_microusd=2_500 * MICRO, trails_on=TrailsOn.INTRADAY),
        )
    )
    for i in range(60):
        trade = Trade(
            trade_id=str(i),
            strategy="mnq",
            market="MNQ",
            side=1,
            lots_max=1,
            ts_open_utc_ns=i,
            ts_close_utc_ns=i + 1,
            entry_points=20_000.0,
            exit_points=20_050.0,
            pnl_microusd=(100 if i % 3 else -60) * MICRO,
            fees_microusd=1_200_000,
            risk_microusd=80 * MICRO,
            exit_reason="target",
        )
        book = fold(book, TradeClosed(trade=trade, ts_event_utc_ns=i + 1))
    for i in range(60):
        ts = OPEN_NS + i * BAR_NS
        price = 20_000 + (i % 7) * 3.0
        bar = Bar(
            market="MNQ",
            ts_open_utc_ns=ts,
            ts_close_utc_ns=ts + BAR_NS,
            open_points=price,
            high_points=price + 12,
            low_points=price - 9,
            close_points=price + 2,
            volume_lots=4_000.0,
            spread_points=0.25,
        )
        book = fold(book, BarClosed(bar=bar, ts_event_utc_ns=ts + BAR_NS))
    now = OPEN_NS + 60 * BAR_NS
    book = fold(book, SessionOpened(session=session_at("MNQ", now), ts_event_utc_ns=now))
    quote = QuoteSeen(
        market="MNQ", bid_points=20_009.75, ask_points=20_010.0, depth_top5_lots=120.0, ts_event_utc_ns=now
    )
    book = fold(book, quote)
    health = HealthSeen(broker_age_s=0.0, data_age_s=0.0, strategy_age_s=0.0, clock_offset_s=0.0, ts_event_utc_ns=now)
    book = fold(book, health).at(now)
    strategy = StrategyRules(
        name="mnq",
        market=mnq,
        sizers=tuple((n, plugins.build(plugins.SIZERS, n, {})) for n in SIZERS),
        guards=tuple(
            (n, plugins.build(plugins.GUARDS, n, plugins.named(plugins.GUARDS, n).load().example)) for n in GUARDS
        ),
    )
    rules = Rules(strategies={"mnq": strategy}, capabilities=None, day_market="MNQ")
    signal = SignalMade(
        strategy="mnq",
        market="MNQ",
        signal_id="s",
        slot_utc_ns=now,
        side=1,
        stop_ticks=80,
        target_ticks=240,
        ts_event_utc_ns=now,
    )
    return book, rules, strategy, signal


def bare_half_kelly(balance, pnls, risk):
    """What a script would do."""
    wins = [p for p in pnls if p > 0]
    losses = [-p for p in pnls if p < 0]
    w = len(wins) / len(pnls)
    average_win = sum(wins) / len(wins)
    k = (w * average_win - (1 - w) * sum(losses) / len(losses)) / average_win
    return max(1, min(3, int(balance * k / 2 / risk)))


def main():
    gc.freeze()  # as the daemon does once it is warm: a full collection would take milliseconds
    book, rules, strategy, signal = case()
    view = look(book, rules, strategy, signal)
    decision = decide(view, strategy.sizers, strategy.guards, signal_id="s")
    print(f"the case: {decision.lots} lots of MNQ, bound by {decision.bound_by}, {len(decision.steps)} steps")
    bare = timed(lambda: bare_half_kelly(50_000, book.tracks["mnq"].pnl_usd_per_lot[-50:], 250), 5_000)
    show("a bare half-Kelly function, no trace", bare)
    show(
        "decide: six sizers, ten guards, whole trace",
        timed(lambda: decide(view, strategy.sizers, strategy.guards, signal_id="s"), 5_000),
        bare,
    )

    def whole():
        return decide(look(book, rules, strategy, signal), strategy.sizers, strategy.guards, signal_id="s")

    show("look and decide: book to approved order", timed(whole, 5_000), bare)


if __name__ == "__main__":
    main()
