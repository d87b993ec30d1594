"""Trades and falls of equity by regime, worked by hand."""

import numpy as np

from gamma.history import History
from gamma.history.by_regime import Stretch, by_regime
from gamma.history.regimes import Regimes
from tests.gamma.history.case import traded

SEEN = Regimes(
    ts_close_utc_ns=np.arange(10, 60, 10),
    trend=np.array(["unknown", "trending", "trending", "ranging", "ranging"]),
    volatility=np.array(["volatile"] * 5),
    direction=np.array(["bull", "bull", "bear", "bear", "bear"]),
    hours=np.array(["night", "morning", "morning", "afternoon", "night"]),
)
TOLD = History(
    start_usd=1_000.0,
    trades=(
        traded(30.0, ts_open_utc_ns=21, ts_close_utc_ns=30),
        traded(-50.0, ts_open_utc_ns=31, ts_close_utc_ns=40),
        traded(10.0, ts_open_utc_ns=41, ts_close_utc_ns=50),
        traded(99.0, ts_open_utc_ns=41, ts_close_utc_ns=50, market="MES"),
    ),
    ts_mark_utc_ns=np.array([30, 40, 50]),
    high_usd=np.array([1_030.0, 1_030.0, 1_089.0]),
    low_usd=np.array([1_000.0, 980.0, 980.0]),
    close_usd=np.array([1_030.0, 980.0, 1_089.0]),
    sessions=("2026-03-02",),
    ts_session_close_utc_ns=np.array([60]),
    session_close_usd=np.array([1_089.0]),
)


def rows() -> dict[str, Stretch]:
    return {one.label: one for one in by_regime(TOLD, SEEN, "MNQ") if one.dimension == "trend"}


def test_a_trade_counts_where_the_market_stood_when_it_was_opened() -> None:
    found = rows()
    assert {name: (one.trades, one.net_pnl_usd) for name, one in found.items()} == {
        "trending": (2, -20.0),
        "ranging": (1, 10.0),
        "unknown": (0, 0.0),
    }
    assert (found["trending"].win_rate_frac, found["trending"].profit_factor) == (0.5, 0.6)
    assert found["ranging"].bars_frac == 0.4


def test_the_trades_of_each_dimension_are_all_of_the_market() -> None:
    found = by_regime(TOLD, SEEN, "MNQ")
    for dimension in {one.dimension for one in found}:
        own = [one for one in found if one.dimension == dimension]
        assert sum(one.trades for one in own) == 3
        assert sum(one.bars_frac for one in own) == 1.0
    assert not any(one.label == "calm" for one in found), "it was never calm"


def test_equity_falls_in_the_regime_that_was_known_when_the_bar_began() -> None:
    # Changes of +30 and -50 began while it trended, the gain of 109 while it ranged.
    found = rows()
    assert (found["trending"].drawdown_usd, found["ranging"].drawdown_usd) == (50.0, 0.0)


def test_only_the_bars_of_a_span_count() -> None:
    part = SEEN.between(20, 40)
    assert part.ts_close_utc_ns.tolist() == [20, 30, 40]
    assert part.trend.tolist() == ["trending", "trending", "ranging"]
