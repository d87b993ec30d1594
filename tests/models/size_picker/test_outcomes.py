"""The closed form against the broker bar by bar, and the laws of both."""

import os
from dataclasses import replace

import numpy as np
import pytest

from gamma.errors import InputInvalid
from models.size_picker.broker import Terms, lots_allowed, simulated
from models.size_picker.outcomes import entries, outcomes
from tests.models.size_picker.broker_case import bars_of, free, wild_bars, wild_entries

# Trades to prove it on: GAMMA_PROOF_TRADES=100000 pytest tests/models/size_picker/test_outcomes.py -k closed_form
TRADES = int(os.environ.get("GAMMA_PROOF_TRADES", "6000"))
COSTS = {"spread_frac": 0.0004, "slippage_frac": 0.0002, "swap_long_frac": 0.0003, "swap_short_frac": -0.0001}
KINDS = [free(reading=reading, **costs) for reading in ("A", "B", "floor") for costs in ({}, COSTS)]


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("terms", KINDS, ids=[f"{t.reading}-{'costs' if t.spread_frac else 'free'}" for t in KINDS])
def test_the_closed_form_is_the_broker_bar_by_bar(terms: Terms) -> None:
    rng = np.random.default_rng(20_260_301)
    count = -(-TRADES // len(KINDS))
    bars = wild_bars(rng, 20_000)
    made = wild_entries(rng, bars, count, 60, terms)
    found = outcomes(bars, made, terms)
    for row in range(count):
        one, most = made.one(row), int(lots_allowed(made.equity_usd[row], found.price_usd[row], terms))
        ends = [simulated(bars, one, lots, terms) for lots in range(most + 1)]
        assert [end.liquidated for end in ends] == found.ruined[row, : most + 1].tolist(), one
        assert found.returns[row, : most + 1] == pytest.approx([end.return_frac for end in ends], rel=1e-9, abs=1e-9)
        assert np.isnan(found.returns[row, most + 1 :]).all()
    worse = (found.returns < -0.705) & found.ruined
    assert worse.sum() > count / 100  # gaps were among them
    assert 0.05 < found.ruined[np.isfinite(found.returns)].mean() < 0.95


def test_trades_may_overlap_and_come_in_any_order() -> None:
    rng = np.random.default_rng(1)
    bars, terms = wild_bars(rng, 2_000), Terms()
    made = wild_entries(rng, bars, 1_500, 500, terms)
    together = outcomes(bars, made, terms)
    for row in range(0, 1_500, 97):
        one = made.one(row)
        spread = replace(
            entries(one.side, [one.entry_bar], [one.exit_bar], one.equity_usd, terms),
            spread_frac=np.array([one.spread_frac]),
        )
        alone = outcomes(bars, spread, terms)
        np.testing.assert_array_equal(alone.returns[0], together.returns[row])
        assert alone.adverse_frac[0] == together.adverse_frac[row]


def test_no_trades_come_to_nothing() -> None:
    terms = Terms()
    found = outcomes(bars_of((2_000, 2_000, 2_000)), entries([], [], [], [], terms), terms)
    assert found.returns.shape == (0, 31)


@pytest.mark.parametrize(
    ("name", "value"),
    [("side", 0), ("entry_bar", -1), ("exit_bar", 0), ("exit_bar", 3), ("equity_usd", 0.0), ("equity_usd", np.nan)],
)
def test_a_trade_that_cannot_be_is_named(name: str, value: float) -> None:
    terms = Terms()
    good = {"side": 1, "entry_bar": 0, "exit_bar": 2, "equity_usd": 1_000.0}
    flat = bars_of(*[(2_000, 2_000, 2_000)] * 3)
    with pytest.raises(InputInvalid, match="trade 0 of 1 cannot be reckoned"):
        outcomes(flat, entries(**{each: [it] for each, it in {**good, name: value}.items()}, terms=terms), terms)


def test_a_price_that_is_no_number_is_named() -> None:
    terms = Terms()
    with pytest.raises(InputInvalid, match="low_usd"):
        outcomes(bars_of((2_000, 2_000, np.nan), (2_000, 2_000, 2_000)), entries([1], [0], [1], [1_000], terms), terms)
