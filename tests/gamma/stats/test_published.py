"""Figures against published ones; those without a source here are worked by hand."""

import math

import numpy as np
import pytest

from gamma import stats
from gamma.errors import InputInvalid
from gamma.stats import Moments

DAILY = [0.01, 0.10, -0.04, 0.02, 0.03, 0.02, 0.01, -0.10]
PLAIN = Moments(observations=0, sharpe=0.0, skewness=0.0, kurtosis=3.0)


def normal(sharpe: float, observations: int = 0) -> Moments:
    return Moments(observations=observations, sharpe=sharpe, skewness=0.0, kurtosis=3.0)


def test_a_sharpe_ratio_is_per_period_until_it_is_annualised() -> None:
    assert stats.sharpe_annual(DAILY, 252) == pytest.approx(1.7238613962, abs=5e-11)
    assert stats.sharpe_per_period(DAILY) == pytest.approx(1.7238613962 / math.sqrt(252), abs=5e-12)
    assert stats.sharpe_per_period([0.01, 0.03], 0.01) == pytest.approx(0.01 / math.sqrt(0.0002))
    assert stats.volatility_annual(DAILY, 252) == pytest.approx(0.9136465400, abs=5e-11)


def test_sortino_counts_all_observations() -> None:
    assert stats.sortino_annual(DAILY, 252) == pytest.approx(2.6055312517, abs=5e-11)
    quarters = [0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04]
    assert stats.sortino_annual(quarters, 1) == pytest.approx(4.4172610, abs=5e-8)


@pytest.mark.parametrize(
    ("sharpe", "observations", "error"), [(0.5, 12, 0.306), (1, 24, 0.250), (1.5, 60, 0.188), (3, 60, 0.303)]
)
def test_the_standard_error_is_los(sharpe: float, observations: int, error: float) -> None:
    assert stats.sharpe_standard_error(sharpe, observations) == pytest.approx(error, abs=5e-4)


@pytest.mark.parametrize(("rho", "eta"), [(-0.2, 4.1708), (0.0, 3.4641), (0.2, 2.8788)])
def test_autocorrelation_changes_how_a_sharpe_ratio_grows_with_time(rho: float, eta: float) -> None:
    assert stats.sharpe_scale(12, rho) == pytest.approx(eta, abs=5e-5)


def test_the_probabilistic_sharpe_ratio_is_the_papers() -> None:
    seen = Moments(observations=24, sharpe=1.585 / math.sqrt(12), skewness=-2.448, kurtosis=10.164)
    assert stats.probabilistic_sharpe(seen) == pytest.approx(0.9132343, abs=5e-8)


def test_the_deflated_sharpe_ratio_is_the_papers() -> None:
    seen = Moments(observations=1250, sharpe=2.5 / math.sqrt(250), skewness=-3.0, kurtosis=10.0)
    assert stats.deflated_sharpe(seen, trials=100, variance_of_trials=0.5 / 250) == pytest.approx(0.9003968, abs=5e-8)
    assert stats.expected_max(100) == pytest.approx(2.5306029, abs=5e-8)


def test_one_trial_is_not_deflated_and_none_is_refused() -> None:
    seen = normal(0.1, 250)
    assert stats.deflated_sharpe(seen, 1, 0.5) == stats.probabilistic_sharpe(seen)
    with pytest.raises(InputInvalid, match="trials = 0"):
        stats.expected_max(0)


def test_more_trials_deflate_more() -> None:
    seen = normal(0.15, 250)
    found = [stats.deflated_sharpe(seen, trials, 1 / 250) for trials in (1, 2, 10, 61, 1_000)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(("periods", "years"), [(250, 2.7311878), (52, 2.8288336)])
def test_the_shortest_record_that_proves_a_sharpe_of_2_against_1(periods: int, years: float) -> None:
    root = math.sqrt(periods)
    assert stats.track_record_min(normal(2 / root), 1 / root) / periods == pytest.approx(years, abs=5e-8)
    assert math.isnan(stats.track_record_min(normal(1 / root), 1 / root))


def test_moments_are_those_of_the_observations() -> None:
    seen = stats.moments([1.0, 1.0, 1.0, 5.0])
    assert (seen.observations, seen.sharpe) == (4, 1.0)
    assert seen.skewness == pytest.approx(2 / math.sqrt(3))
    assert seen.kurtosis == pytest.approx(7 / 3)


def test_drawdown_is_of_equity_and_of_its_peak_before() -> None:
    assert stats.drawdown_of_returns(DAILY) == pytest.approx(0.10)
    fell = stats.drawdown([100.0, 120.0, 90.0, 200.0, 165.0])
    assert (fell.depth_usd, fell.depth_frac) == (35.0, 0.25)
    assert stats.drawdown([1.0, 2.0, 3.0]).depth_usd == 0.0
    assert math.isnan(stats.drawdown([0.0, -5.0]).depth_frac)


def test_profit_factor_and_win_rate_of_trades() -> None:
    assert stats.profit_factor([50.0, -20.0, 0.0, 10.0, -20.0]) == 1.5
    assert stats.win_rate([50.0, -20.0, 0.0, 10.0, -20.0]) == 0.4
    assert stats.profit_factor([1.0]) == math.inf
    assert math.isnan(stats.profit_factor([0.0]))
    assert stats.profit_factor([-1.0]) == 0.0


@pytest.mark.parametrize(("hits", "trials", "low", "high"), [(892, 1523, 0.5608, 0.6102), (11, 45, 0.1424, 0.3867)])
def test_a_share_has_wilsons_interval(hits: int, trials: int, low: float, high: float) -> None:
    assert stats.wilson(hits, trials) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_a_share_is_another_programs_too() -> None:
    # From SciPy 1.17: the proportion_ci of a binomtest, by its method "wilson".
    assert stats.wilson(10, 2_000) == pytest.approx((0.0027181808584985597, 0.009179695949941846))
    assert stats.wilson(0, 2_000) == pytest.approx((0.0, 0.0019170472812529344))
    assert stats.wilson(2_000, 2_000) == pytest.approx((0.9980829527187471, 1.0))


def test_without_trials_a_share_may_be_anything() -> None:
    assert stats.wilson(0, 0) == (0.0, 1.0)
    assert stats.wilson(5, 5)[1] == 1.0


@pytest.mark.parametrize("values", [[], [0.01], [0.01, 0.01, 0.01], [0.1] * 10])
def test_without_spread_there_is_no_sharpe_ratio(values: list[float]) -> None:
    assert math.isnan(stats.sharpe_per_period(values))
    assert math.isnan(stats.sharpe_annual(values, 252))
    assert math.isnan(stats.probabilistic_sharpe(stats.moments(values)))
    assert math.isnan(stats.deflated_sharpe(stats.moments(values), 10, 0.1))


def test_nothing_has_no_figures() -> None:
    for figure in (stats.mean, stats.win_rate, stats.profit_factor):
        assert math.isnan(figure([]))
    assert math.isnan(stats.sortino_annual([], 252))
    assert math.isnan(stats.volatility_annual([0.1], 252))
    assert stats.drawdown([]).depth_usd == 0.0
    assert math.isnan(stats.sharpe_standard_error(1.0, 0))
    assert all(map(math.isnan, stats.bootstrap([1.0], stats.mean)))
    assert math.isnan(stats.deflated_sharpe(normal(0.1, 250), 10, math.nan))


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_an_observation_that_is_no_number_is_refused_by_its_place(odd: float) -> None:
    for figure in (stats.mean, stats.sharpe_per_period, stats.moments, stats.drawdown, stats.profit_factor):
        with pytest.raises(InputInvalid, match="observation 2 is"):
            figure([0.1, 0.2, odd])
    with pytest.raises(InputInvalid, match="2 dimensions"):
        stats.mean([[1.0], [2.0]])


def test_autocorrelation_is_below_1() -> None:
    with pytest.raises(InputInvalid, match=r"autocorrelation = 1\.0"):
        stats.sharpe_scale(12, 1.0)


def test_the_bootstrap_gives_the_interval_of_the_normal_law_for_independent_values() -> None:
    values = np.random.default_rng(3).normal(1.0, 2.0, 900)
    low, high = stats.bootstrap(values, stats.mean, block=1.0)
    half = 1.96 * values.std(ddof=1) / 30
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert stats.bootstrap(values, stats.mean, block=1.0) == (low, high)
    assert stats.bootstrap(values, stats.mean, block=1.0, seed=1) != (low, high)


def test_blocks_widen_the_interval_of_values_that_hang_together() -> None:
    values = np.repeat(np.random.default_rng(5).normal(0.0, 1.0, 90), 10)
    alone = stats.bootstrap(values, stats.mean, block=1.0)
    blocks = stats.bootstrap(values, stats.mean, block=20.0)
    assert blocks[1] - blocks[0] > 2 * (alone[1] - alone[0])


def test_a_figure_that_is_seldom_defined_has_no_interval() -> None:
    assert all(map(math.isnan, stats.bootstrap([1.0, 1.0, 1.0], stats.sharpe_per_period)))
