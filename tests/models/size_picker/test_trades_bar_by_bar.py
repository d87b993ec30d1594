"""The whole path, from bars to what a model learns from: each trade again by a broker who looks at every bar.

Bars are found by the times that a trade carries, and nothing else of what made it is used.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from gamma.feeds.bar_file import load_bars
from gamma.feeds.series import Series
from gamma.ports import TradeSetsOrder
from models.size_picker import cutting, store
from models.size_picker.broker import Placed, Terms, lots_allowed, simulated
from models.size_picker.form import FEATURES, SIZES, WINDOW_BARS, Trades
from models.size_picker.market import shape_of
from models.size_picker.sets import GoldSets
from models.size_picker.simulator import simulate
from tests.models.size_picker.broker_case import seen_by_broker
from tests.models.size_picker.market_case import hours

# Trades of each kind: GAMMA_PROOF_CUT_TRADES=3000 pytest tests/models/size_picker/test_trades_bar_by_bar.py
TRADES = int(os.environ.get("GAMMA_PROOF_CUT_TRADES", "60"))
REAL = Path(__file__).parents[3] / "../shared/data/gold/XAUUSD_1h_2006_2019.parquet"


def same_bar_by_bar(trades: Trades, series: Series, terms: Terms) -> None:
    """Fails where any size of any trade came to anything else."""
    bars, place = seen_by_broker(series), {ts: row for row, ts in enumerate(series.ts_open_utc_ns.tolist())}
    for row in range(len(trades)):
        one = Placed(
            side=int(trades.side[row]),
            entry_bar=place[int(trades.ts_entry_utc_ns[row])],
            exit_bar=place[int(trades.ts_exit_utc_ns[row])],
            equity_usd=float(trades.equity_usd[row]),
            spread_frac=float(trades.spread_frac[row]),
        )
        most = int(lots_allowed(one.equity_usd, float(trades.price_usd[row]), terms))
        ends = [simulated(bars, one, lots, terms) for lots in range(most + 1)]
        assert [end.liquidated for end in ends] == trades.ruined[row, : most + 1].tolist(), one
        assert trades.returns[row, : most + 1] == pytest.approx([end.return_frac for end in ends], rel=1e-6, abs=1e-7)
        assert np.isnan(trades.returns[row, most + 1 :]).all()
        assert trades.bars_held[row] == one.exit_bar - one.entry_bar
        np.testing.assert_allclose(trades.candles[row], candles_before(series, one.entry_bar), rtol=2e-6, atol=1e-9)


def candles_before(series: Series, entry_bar: int) -> list[list[float]]:
    """The last 32 candles before a bar, by the words of their definition."""
    found = []
    for bar in range(entry_bar - WINDOW_BARS, entry_bar):
        opened, close = float(series.open_points[bar]), float(series.close_points[bar])
        high, low = float(series.high_points[bar]), float(series.low_points[bar])
        numbers = {
            "log_return": np.log(close / float(series.close_points[bar - 1])),
            "range": (high - low) / close,
            "body": abs(close - opened) / close,
            "upper_wick": (high - max(opened, close)) / close,
            "lower_wick": (min(opened, close) - low) / close,
        }
        found.append([float(numbers[name]) for name in FEATURES])
    return found


def some(trades: Trades) -> Trades:
    """Some of the trades from all over, those that ruined a size first among them."""
    ruined = np.flatnonzero((trades.ruined & trades.allowed).any(axis=1))
    rng = np.random.default_rng(7)
    rows = np.concatenate((rng.permutation(ruined)[: TRADES // 2], rng.permutation(len(trades))[:TRADES]))
    return trades.of(np.unique(rows)[:TRADES])


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("reading", ["A", "B"])
def test_trades_cut_from_bars_are_what_a_broker_makes_of_them(tmp_path: Path, reading: str) -> None:
    terms = Terms.model_validate({"reading": reading})
    series = hours(weeks=60, seed=3)[0]
    order = TradeSetsOrder(
        out=tmp_path / "cut", seed=1, small=0, mid=0, big=0, balanced=0, remainder=0, natural=0,
        bars=(series,), sources=("hours.csv",), terms={"reading": reading},
    )  # fmt: skip
    list(GoldSets().make(order))
    found = some(store.load(tmp_path / "cut"))
    assert (found.ruined & found.allowed).any()
    same_bar_by_bar(found, series, terms)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_simulated_trades_are_what_a_broker_makes_of_their_own_path() -> None:
    terms = Terms()
    paths = simulate(shape_of(), np.random.default_rng(5), 30, np.array([1_500.0, 4_000.0]))
    found = cutting.found(paths, np.random.default_rng(6), terms, draws=2)
    assert found.outcome.returns.shape == (len(found.cuts), SIZES)
    for number, path in enumerate(paths):
        own = (found.cuts.entry_bar >= number * len(path)) & (found.cuts.exit_bar < (number + 1) * len(path))
        same_bar_by_bar(some(found.trades(np.flatnonzero(own))), path, terms)
    assert (found.cuts.entry_bar // len(path) == found.cuts.exit_bar // len(path)).all()


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.skipif(not REAL.exists(), reason="real bars lie beside the repository, not in it")
def test_trades_of_real_gold_are_what_a_broker_makes_of_them() -> None:
    terms, series = Terms(), load_bars(REAL, "XAU_USD").series
    runs, _ = cutting.unbroken(series)
    found = cutting.found(runs, np.random.default_rng(9), terms)
    same_bar_by_bar(some(found.trades(np.arange(len(found.cuts)))), series, terms)
