"""The choice among the sizes of a curve."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.curves import SizeCurve, chosen

NAN = float("nan")


def curve(ruin: list[float], growth: list[float], bound: list[float] | float = NAN) -> SizeCurve:
    return SizeCurve(
        lots=np.arange(len(ruin)),
        ruin_prob=np.array(ruin),
        return_mean=np.array(growth)[::-1].copy(),
        growth_mean=np.array(growth),
        ruin_bound=np.asarray(bound),
    )


@pytest.mark.parametrize(
    ("ruin", "growth", "lots"),
    [
        ([0, 0.05, 0.10, 0.20], [0, 0.01, 0.02, 0.03], 2),  # the threshold itself is allowed
        ([0, 0.05, 0.06, 0.07], [0, 0.02, 0.02, 0.01], 1),  # of equals the smaller
        ([0, 0.05, 0.06, 0.07], [0, -0.01, -0.02, -0.03], 0),
        ([0, 0.5, 0.6, 0.7], [0, 0.1, 0.2, 0.3], 0),
        ([0, NAN, NAN, NAN], [0, 0.1, 0.2, 0.3], 0),
        ([0, 0.05, NAN, 0.05], [0, 0.01, 0.9, NAN], 1),
        ([NAN, NAN, NAN, NAN], [NAN, NAN, NAN, NAN], 0),
        ([0, 0.05, 0.05, 0.05], [0.5, 0.01, 0.02, 0.03], 3),  # 0 lots earn nothing, whatever is said of them
        ([0, 0.05, 0.05, 0.05], [0, 0.01, -np.inf, 0.005], 1),
    ],
)
def test_it_is_the_best_of_the_safe(ruin: list[float], growth: list[float], lots: int) -> None:
    assert chosen(curve(ruin, growth)) == lots


def test_the_conformal_bound_holds_beside_the_probability() -> None:
    assert chosen(curve([0, 0.01, 0.02], [0, 0.1, 0.2], bound=[0, 0.05, 0.11])) == 1


def test_it_goes_by_return_where_asked() -> None:
    assert chosen(curve([0, 0.01, 0.02], [-1, 0.1, 0.2]), by="return") == 1


def test_it_goes_by_size_where_asked_whatever_that_earns() -> None:
    assert chosen(curve([0, 0.01, 0.02, 0.2], [0, -0.1, -0.2, -0.3]), by="size") == 2
    assert chosen(curve([0, 0.3, 0.3], [0, 0.1, 0.2]), by="size") == 0


@given(
    ruin=st.lists(st.floats(0, 1), min_size=5, max_size=5),
    growth=st.lists(st.floats(-1, 1), min_size=5, max_size=5),
    low=st.floats(0, 1),
    high=st.floats(0, 1),
)
def test_no_size_is_chosen_that_is_not_safe_and_a_looser_limit_never_earns_less(
    ruin: list[float], growth: list[float], low: float, high: float
) -> None:
    low, high = sorted((low, high))
    found = [int(chosen(curve(ruin, growth), limit)) for limit in (low, high)]
    for lots, limit in zip(found, (low, high), strict=True):
        assert lots == 0 or (ruin[lots] <= limit and growth[lots] > 0)
    earned = [growth[lots] if lots else 0.0 for lots in found]
    assert earned[0] <= earned[1]


def test_many_trades_are_chosen_for_at_once_and_traced_as_well() -> None:
    ruin, growth = np.array([[0, 0.01, 0.2], [0, 0.01, 0.02]]), np.array([[0, 0.1, 0.2], [0, 0.1, 0.2]])
    for xp in (np, jnp):
        many = SizeCurve(
            lots=xp.arange(3),
            ruin_prob=xp.asarray(ruin),
            return_mean=xp.asarray(growth),
            growth_mean=xp.asarray(growth),
        )
        assert chosen(many).tolist() == [1, 2]


def test_each_trade_may_have_sizes_of_its_own() -> None:
    many = SizeCurve(
        lots=np.array([[0, 1, 2], [0, 5, 10]]),
        ruin_prob=np.array([[0, 0.01, 0.2], [0, 0.01, 0.02]]),
        return_mean=NAN,
        growth_mean=np.array([[0, 0.1, 0.2], [0, 0.1, 0.2]]),
    )
    assert chosen(many).tolist() == [1, 10]
