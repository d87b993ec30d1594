"""What holds of V2 and V3 whatever their weights: P(ruin) never falls with size or leverage, nor rises with equity."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.size_picker import cards
from models.size_picker.form import Picker, Shown, shown
from models.size_picker.v2 import untilted
from tests.models.size_picker.checkpoint_case import card, tensors
from tests.models.size_picker.trades_case import brownian

TRADES = brownian(12, seed=5)
SEEDS = st.integers(0, 2**31)


def drawn(model: str, seed: int, width: float) -> Picker:
    """A model with wild weights: of chance, and so many times as wide."""
    of = card(model)
    found = {
        name: tensor if name.startswith("scale") or name in {"edges", "tail", "gap", "moves"} else tensor * width
        for name, tensor in tensors(of, seed).items()
    }
    picker: Picker = cards.MODELS[model].of(found)
    return picker


def at_equity(times: float) -> Shown:
    """The same trades with so many times the equity, all sizes allowed."""
    of = shown(TRADES)
    return replace(
        of,
        leverage=of.leverage / times,
        ruin_frac=of.ruin_frac * times,
        equity_ratio=of.equity_ratio * times,
        allowed=np.ones_like(of.allowed),
    )


@pytest.mark.parametrize("model", ["v1", "v2", "v3"])
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, width=st.floats(0.1, 8.0))
def test_a_larger_size_is_never_safer(model: str, seed: int, width: float) -> None:
    prob = drawn(model, seed, width).curve(at_equity(1.0)).ruin_prob
    assert (np.diff(prob, axis=1) >= 0).all()
    assert (prob[:, 0] == 0).all()
    assert ((prob >= 0) & (prob <= 1 + 1e-12)).all()


@pytest.mark.parametrize("model", ["v2", "v3"])
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, width=st.floats(0.1, 8.0), times=st.floats(1.0, 20.0))
def test_more_equity_is_never_riskier(model: str, seed: int, width: float, times: float) -> None:
    picker = drawn(model, seed, width)
    assert (picker.curve(at_equity(times)).ruin_prob <= picker.curve(at_equity(1.0)).ruin_prob).all()


@pytest.mark.parametrize("model", ["v2", "v3"])
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, nearer=st.floats(0.05, 1.0))
def test_a_nearer_ruin_at_more_leverage_is_never_safer(model: str, seed: int, nearer: float) -> None:
    of, picker = at_equity(1.0), drawn(model, seed, 2.0)
    levered = replace(of, leverage=of.leverage / nearer, ruin_frac=of.ruin_frac * nearer)
    assert (picker.curve(levered).ruin_prob >= picker.curve(of).ruin_prob).all()


@given(prob=st.floats(1e-6, 1 - 1e-6), penalty=st.floats(1.0, 100.0))
def test_a_tilted_probability_is_set_right_again(prob: float, penalty: float) -> None:
    """Where the penalised loss - penalty p log q - (1 - p) log(1 - q) is least, its derivative is 0."""
    tilted = penalty * prob / (penalty * prob + 1 - prob)
    assert penalty * prob / tilted == pytest.approx((1 - prob) / (1 - tilted), rel=1e-6)
    assert untilted(tilted, penalty) == pytest.approx(prob, rel=1e-9)


def test_a_tenth_of_a_fivefold_tilt_is_a_fiftieth() -> None:
    assert untilted(0.10) == pytest.approx(0.1 / 4.6)
    assert round(untilted(0.10), 4) == 0.0217
