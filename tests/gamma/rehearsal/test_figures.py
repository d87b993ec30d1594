"""Figures of made-up records, worked by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gamma.events import Trade
from gamma.feeds.series import NS
from gamma.history import History
from gamma.history.figures import Figure, session_returns, trades_sha256
from gamma.markets import market
from gamma.rehearsal.baselines import buy_and_hold, flat, random_entries
from gamma.rehearsal.choice import choose
from gamma.rehearsal.figures import Outcome, figures, outcome
from gamma.rehearsal.play import Rehearsal
from gamma.stats import Moments
from tests.gamma.feeds.series_case import made

MINUTE_NS = 60_000_000_000


def traded(pnl_usd: float, side: int = 1, lots: int = 2) -> Trade:
    return Trade(
        trade_id="x#1",
        strategy="x",
        market="MNQ",
        side=side,
        lots_max=lots,
        ts_open_utc_ns=0,
        ts_close_utc_ns=10 * MINUTE_NS,
        entry_points=20_000.0,
        exit_points=20_010.0,
        pnl_microusd=round(pnl_usd * 1e6),
        fees_microusd=2_400_000,
        risk_microusd=100_000_000,
        exit_reason="stop",
    )


def played(
    *closes_usd: float, trades: tuple[Trade, ...] = (), bars_usd: tuple[tuple[float, float, float], ...] = ()
) -> Rehearsal:
    marks = np.array(bars_usd, dtype=np.float64).reshape(-1, 3)
    history = History(
        start_usd=50_000.0,
        trades=trades,
        ts_mark_utc_ns=np.arange(len(marks)),
        high_usd=marks[:, 0],
        low_usd=marks[:, 1],
        close_usd=marks[:, 2],
        sessions=tuple(str(n) for n in range(len(closes_usd))),
        ts_session_close_utc_ns=np.arange(len(closes_usd)),
        session_close_usd=np.array(closes_usd),
    )
    return Rehearsal(
        market="MNQ",
        bar_s=300,
        bars=100,
        ts_first_utc_ns=1,
        ts_last_utc_ns=2,
        history=history,
        acts={},
        acts_flat={"HOLD": 30, "BUY": 60, "SELL": 10},
        acts_held={"HOLD": 5, "TRAIL_ON": 15},
        halts=(),
    )


def named(found: list[Figure]) -> dict[str, Figure]:
    return {one.name: one for one in found}


RECORD = played(
    50_100.0,
    50_050.0,
    50_250.0,
    trades=(traded(150.0), traded(-50.0, side=-1, lots=4), traded(150.0)),
    bars_usd=((50_200.0, 49_900.0, 50_100.0), (50_300.0, 50_000.0, 50_250.0)),
)


def test_a_record_is_told_in_figures() -> None:
    found = named(figures([RECORD]))
    assert found["trades"].value == 3
    assert found["net_pnl_usd"].value == pytest.approx(250.0)
    assert found["win_rate_frac"].value == pytest.approx(2 / 3)
    assert found["profit_factor"].value == 6.0
    assert found["drawdown_max_usd"].value == 300.0
    assert found["worst_7_sessions_usd"].value == 250.0
    assert found["drawdown_max_frac"].value == pytest.approx(300 / 50_200)
    # Falls: 50,200 to 49,900 and back at 50,300 one bar later; 50,300 to 50,000, still there at 50,250.
    assert (found["drawdowns"].value, found["drawdown_mean_usd"].value) == (2, 300.0)
    assert found["drawdown_longest_days"].value == pytest.approx(1 / 86_400e9)
    assert found["calmar"].value == pytest.approx(250 / 3 * 252 / 300)
    assert found["payoff_ratio"].value == 3.0
    assert found["session_value_at_risk_95_usd"].value == pytest.approx(35.0)
    assert found["session_cvar_95_usd"].value == pytest.approx(50.0)
    assert (found["long_trades"].value, found["long_pnl_usd"].value) == (2, 300.0)
    assert (found["short_trades"].value, found["short_pnl_usd"].value) == (1, -50.0)
    assert found["lots_mean"].value == pytest.approx(8 / 3)
    assert found["lots_max"].value == 4
    assert found["held_mean_min"].value == 10.0
    assert [found[f"flat_{name}_frac"].value for name in ("hold", "buy", "sell")] == [0.3, 0.6, 0.1]
    assert [found[f"held_{name}_frac"].value for name in ("hold", "trail_on")] == [0.25, 0.75]
    assert "long_profit_factor" not in found, "without a loss it is infinite, and a card has finite figures"
    daily = np.array([100.0, -50.0, 200.0])
    assert found["sharpe_annual"].value == pytest.approx(daily.mean() / daily.std(ddof=1) * math.sqrt(252))
    assert found["sharpe_annual"].has_interval


def test_a_record_without_a_trade_has_what_can_be_said_of_it() -> None:
    found = named(figures([played(50_000.0, 50_000.0)]))
    assert (found["trades"].value, found["net_pnl_usd"].value, found["drawdown_max_usd"].value) == (0, 0, 0)
    assert "sharpe_annual" not in found
    assert "win_rate_frac" not in found


def test_the_worst_week_is_looked_for_at_any_day() -> None:
    days = np.cumsum([100.0] * 5 + [-50.0] * 7 + [100.0] * 5)
    found = named(figures([played(*(50_000.0 + days))]))
    assert found["worst_7_sessions_usd"].value == -350.0


def test_spans_are_pooled_each_from_its_own_start() -> None:
    both = outcome([RECORD, played(49_000.0, bars_usd=((50_000.0, 48_000.0, 49_000.0),))])
    assert (both.trades, both.net_pnl_usd, both.drawdown_usd, both.seen.observations) == (3, -750.0, 2_000.0, 4)
    assert session_returns([RECORD.history]).tolist() == pytest.approx([0.002, -0.001, 0.004])


def test_the_hash_of_trades_is_of_what_was_traded_and_not_of_whose_they_are() -> None:
    own = trades_sha256([traded(1.0)])
    assert own == trades_sha256([replace(traded(1.0), strategy="y", trade_id="y#9")])
    assert own != trades_sha256([traded(2.0)])
    assert own != trades_sha256([])


def skilled(sharpe: float, *, trades: int = 400, drawdown_usd: float = 900.0, sessions: int = 250) -> Outcome:
    seen = Moments(observations=sessions, sharpe=sharpe, skewness=0.0, kurtosis=3.0)
    return Outcome(seen=seen, trades=trades, net_pnl_usd=0.0, drawdown_usd=drawdown_usd)


def test_the_best_that_holds_its_limits_and_is_no_luck_is_chosen() -> None:
    found = choose(
        {
            "a": skilled(0.15),
            "b": skilled(0.3),
            "c": skilled(0.35, drawdown_usd=2_500.0),
            "d": skilled(0.33, trades=100),
        },
        drawdown_max_usd=2_500.0,
        trials=4,
    )
    assert found.chosen is not None
    assert (found.chosen.name, found.trials) == ("b", 4)
    assert [one.name for one in found.ranked] == ["b", "a", "c", "d"]
    assert [one.against.partition(" ")[0] for one in found.ranked] == ["", "deflated", "drawdown", "100"]


def test_what_61_without_skill_show_proves_nothing() -> None:
    luck = skilled(4.82 / math.sqrt(252), sessions=60)
    found = choose({str(n): luck for n in range(61)}, drawdown_max_usd=2_500.0, trials=61)
    assert found.luck_sharpe_annual == pytest.approx(4.82, abs=0.005)
    assert found.chosen is None
    assert found.best.dsr == pytest.approx(0.5, abs=0.005)


def test_the_registry_knows_of_more_trials_than_are_here() -> None:
    alone = choose({"a": skilled(0.15)}, drawdown_max_usd=2_500.0, trials=0)
    assert (alone.trials, alone.chosen is not None) == (1, True)
    among = choose({"a": skilled(0.15)}, drawdown_max_usd=2_500.0, trials=500)
    assert (among.trials, among.chosen) == (500, None)


def test_a_candidate_that_never_traded_comes_last() -> None:
    found = choose({"a": skilled(math.nan, trades=0), "b": skilled(-0.1)}, drawdown_max_usd=2_500.0, trials=2)
    assert [one.name for one in found.ranked] == ["b", "a"]
    assert found.chosen is None


def test_buy_and_hold_pays_its_costs_once() -> None:
    days = made("MNQ", "2024-12-09", "2024-12-13", 300)
    found = named(buy_and_hold(days, market("MNQ"), 2.0, 50_000.0))
    points = days.close_points[-1] - days.open_points[0]
    # Two micros: 2 usd a point each, 0.60 a side and a tick of 0.50 slippage a side.
    assert found["buy_and_hold_net_pnl_usd"].value == pytest.approx(4.0 * points - 2 * (1.2 + 1.0))
    assert found["buy_and_hold_drawdown_max_usd"].value == pytest.approx(
        4.0 * np.max(np.maximum.accumulate(days.high_points) - days.low_points)
    )


def test_random_entries_lose_their_costs_where_prices_go_nowhere() -> None:
    days = made("MNQ", "2024-12-09", "2024-12-13", 300)
    still = replace(
        days,
        **{f"{name}_points": np.full(len(days), 20_000.0) for name in ("open", "high", "low", "close")},  # type: ignore[arg-type]
    )
    found = named(random_entries(still, [traded(1.0), traded(-2.0)], market("MNQ")))
    assert found["random_entries_net_pnl_usd"].value == pytest.approx(-2 * 2 * (1.2 + 1.0))
    assert found["beats_random_entries_frac"].value == 1.0
    assert random_entries(still, [], market("MNQ")) == []


def test_random_entries_keep_to_the_night_or_to_the_day() -> None:
    days = made("MNQ", "2024-12-09", "2024-12-13", 300)
    minute = (days.ts_open_utc_ns // (60 * NS)) % 1_440
    cash = (minute >= 14 * 60 + 30) & (minute < 21 * 60)  # from 9:30 to 16:00 in New York, in winter
    price = 20_000.0 + np.cumsum(np.where(cash, 1.0, 0.0))  # it rises by day, and stands still by night
    columns = {f"{name}_points": price for name in ("open", "high", "low", "close")}
    by_day = replace(days, **columns)  # type: ignore[arg-type]
    held = {"lots_max": 1, "pnl_microusd": 0, "side": 1}
    for rows, gained in ((np.flatnonzero(cash), True), (np.flatnonzero(minute < 13 * 60), False)):
        opened = int(days.ts_open_utc_ns[rows[5]])
        trade = replace(traded(0.0), ts_open_utc_ns=opened, ts_close_utc_ns=opened + 300 * NS, **held)  # type: ignore[arg-type]
        found = named(random_entries(by_day, [trade], market("MNQ")))["random_entries_net_pnl_usd"]
        assert found.value == pytest.approx((2.0 if gained else 0.0) - (1.2 + 1.0), abs=0.03)


def test_random_entries_are_the_same_again() -> None:
    days = made("MNQ", "2024-12-09", "2024-12-13", 300)
    first = random_entries(days, [traded(1.0)], market("MNQ"))
    assert first == random_entries(days, [traded(1.0)], market("MNQ"))
    assert first[0].has_interval


def test_who_does_nothing_gains_nothing() -> None:
    assert [(one.name, one.value) for one in flat()] == [("always_flat_net_pnl_usd", 0.0)]
