"""Chances of as bad a record. Binomials by hand and from tables; the CUSUM's sums by hand."""

import math

import numpy as np
import pytest

from gamma.drift import r_multiples_p, slippage_p, win_rate_p, worst_p


def test_no_win_of_ten_at_one_half_is_one_in_1024() -> None:
    assert win_rate_p(0, 10, 0.5) == pytest.approx(1 / 1024)
    assert win_rate_p(1, 10, 0.5) == pytest.approx(11 / 1024)
    assert win_rate_p(10, 10, 0.5) == pytest.approx(1.0)


def test_a_tail_from_a_table() -> None:
    # Binomial(20, 0.3): P(X <= 1) = .0076 and P(X <= 2) = .0355, as tables have it.
    assert win_rate_p(1, 20, 0.3) == pytest.approx(0.0076, abs=5e-5)
    assert win_rate_p(2, 20, 0.3) == pytest.approx(0.0355, abs=5e-5)


@pytest.mark.parametrize(("trades", "frac"), [(0, 0.5), (10, -0.1), (10, 1.1), (10, math.nan)])
def test_what_cannot_be_told_of_wins_is_nan(trades: int, frac: float) -> None:
    assert math.isnan(win_rate_p(0, trades, frac))


def test_one_that_always_won_may_not_lose_and_one_that_never_did_cannot_do_worse() -> None:
    assert (win_rate_p(9, 10, 1.0), win_rate_p(10, 10, 1.0), win_rate_p(0, 10, 0.0)) == (0.0, 1.0, 1.0)


def test_the_cusum_adds_what_speaks_for_a_fall_and_forgets_what_does_not() -> None:
    # z = -2 each: S grows by 1 - 1/8 a trade. After a z of +2 it would fall by 9/8, and never below 0.
    assert r_multiples_p([-2.0], 0.0, 1.0) == pytest.approx(math.exp(-0.875))
    assert r_multiples_p([-2.0, -2.0], 0.0, 1.0) == pytest.approx(math.exp(-1.75))
    assert r_multiples_p([2.0, 2.0, -2.0], 0.0, 1.0) == pytest.approx(math.exp(-0.875))
    assert r_multiples_p([-2.0, 2.0], 0.0, 1.0) == 1.0
    assert r_multiples_p([0.0, math.nan, -4.0], 0.0, 2.0) == pytest.approx(math.exp(-0.875))


def test_without_its_mean_its_deviation_or_any_r_the_cusum_says_nothing() -> None:
    assert all(math.isnan(r_multiples_p([1.0], *of)) for of in ((math.nan, 1.0), (0.0, 0.0), (0.0, math.nan)))
    assert math.isnan(r_multiples_p([math.nan], 0.0, 1.0))


def test_a_record_that_has_not_changed_seldom_looks_changed() -> None:
    rng = np.random.default_rng(1)
    ps = np.array([r_multiples_p(rng.normal(size=100).tolist(), 0.0, 1.0) for _ in range(2_000)])
    assert np.mean(ps < 0.01) <= 0.01
    fallen = np.array([r_multiples_p(rng.normal(-1.0, size=60).tolist(), 0.0, 1.0) for _ in range(500)])
    assert np.mean(fallen < 0.001) > 0.95


def test_slippage_is_weighed_by_its_own_spread() -> None:
    # Mean 2, deviation 1, four fills: one expected tick is two standard errors away.
    assert slippage_p([1.0, 1.0, 3.0, 3.0], 2.0) == pytest.approx(0.5)
    assert slippage_p([1.0, 2.0, 3.0, 2.0], 1.0) == pytest.approx(1 - 0.99285, abs=1e-4)
    assert (slippage_p([1.0, 1.0], 1.0), slippage_p([2.0, 2.0], 1.0)) == (1.0, 0.0)
    assert math.isnan(slippage_p([1.0], 1.0))
    assert math.isnan(slippage_p([1.0, 2.0], math.nan))


def test_the_worst_of_several_counts_as_often_as_one_has_looked() -> None:
    assert worst_p([0.5, 0.004]) == pytest.approx(0.008)
    assert worst_p([math.nan, 0.004]) == 0.004
    assert worst_p([0.7, 0.9]) == 1.0
    assert math.isnan(worst_p([math.nan]))
