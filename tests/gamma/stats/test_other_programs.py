"""Our figures beside those of programs that others wrote; where definitions differ, docs/validation.md says how."""

import math
import warnings
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from gamma import stats
from gamma.stats import Floats

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import arch.bootstrap
    import empyrical
    import scipy.stats

SEEDS = range(5)


def record(seed: int, sessions: int = 500) -> Floats:
    return np.random.default_rng(seed).standard_t(4, sessions) * 0.01 + 0.0005


OURS: dict[str, tuple[Callable[[Floats], float], Callable[[ModuleType, Floats], float]]] = {
    "sharpe": (lambda r: stats.sharpe_annual(r, 252), lambda e, r: e.sharpe_ratio(r)),
    "sharpe over a rate": (lambda r: stats.sharpe_annual(r, 252, 1e-4), lambda e, r: e.sharpe_ratio(r, 1e-4)),
    "sortino": (lambda r: stats.sortino_annual(r, 252), lambda e, r: e.sortino_ratio(r)),
    "sortino of a target": (lambda r: stats.sortino_annual(r, 252, 1e-3), lambda e, r: e.sortino_ratio(r, 1e-3)),
    "downside": (lambda r: stats.downside_annual(r, 252), lambda e, r: e.downside_risk(r)),
    "volatility": (lambda r: stats.volatility_annual(r, 252), lambda e, r: e.annual_volatility(r)),
    "growth": (stats.growth, lambda e, r: e.cum_returns_final(r)),
    "growth a year": (lambda r: stats.growth_annual(r, 252), lambda e, r: e.cagr(r)),
    "calmar": (lambda r: stats.calmar(r, 252), lambda e, r: e.calmar_ratio(r)),
    # They tell falls and losses as negative numbers.
    "drawdown": (stats.drawdown_of_returns, lambda e, r: -e.max_drawdown(r)),
    "VaR": (stats.value_at_risk, lambda e, r: -e.value_at_risk(r)),
    "CVaR": (stats.conditional_value_at_risk, lambda e, r: -e.conditional_value_at_risk(r)),
}


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("seed", SEEDS)
def test_figures_of_returns_are_those_of_empyrical(name: str, seed: int) -> None:
    ours, theirs = OURS[name]
    returns = record(seed)
    assert ours(returns) == pytest.approx(float(theirs(empyrical, returns)), rel=1e-10)


def test_an_information_ratio_is_their_excess_sharpe_by_the_root_of_a_year() -> None:
    own, other = record(1), record(2)
    assert stats.information_ratio_annual(own, other, 252) == pytest.approx(
        float(empyrical.excess_sharpe(own, other)) * math.sqrt(252)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_moments_are_those_of_scipy(seed: int) -> None:
    returns = record(seed)
    seen = stats.moments(returns)
    assert seen.skewness == pytest.approx(scipy.stats.skew(returns))
    assert seen.kurtosis == pytest.approx(scipy.stats.kurtosis(returns, fisher=False))


@pytest.mark.parametrize(("hits", "trials"), [(0, 7), (3, 7), (7, 7), (892, 1_523)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilsons_interval_is_that_of_scipy(hits: int, trials: int, level: float) -> None:
    theirs = scipy.stats.binomtest(hits, trials).proportion_ci(level, method="wilson")
    assert stats.wilson(hits, trials, level) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_interval_of_a_sharpe_ratio_is_of_the_normal_law(level: float) -> None:
    returns = record(3)
    sharpe = stats.sharpe_annual(returns, 252)
    error = stats.sharpe_standard_error(sharpe / math.sqrt(252), len(returns)) * math.sqrt(252)
    assert stats.sharpe_interval_annual(returns, 252, level) == pytest.approx(
        scipy.stats.norm.interval(level, sharpe, error)
    )


@pytest.mark.parametrize("block", [1, 8, 40])
@pytest.mark.parametrize("figure", [stats.mean, stats.sharpe_per_period], ids=["mean", "sharpe"])
def test_the_bootstrap_draws_as_arch_does(block: int, figure: Callable[[Floats], float]) -> None:
    """Of 4,000 resamples each, the two distributions are one by the Kolmogorov-Smirnov test."""
    walk = record(4, 300)
    values = walk + np.convolve(walk, np.ones(6) / 6, mode="same")  # neighbours hang together
    ours = stats.resampled(values, figure, block=block, seed=1, resamples=4_000)
    drawn = arch.bootstrap.StationaryBootstrap(block, values, seed=2)
    theirs = drawn.apply(figure, reps=4_000).ravel()
    assert scipy.stats.ks_2samp(ours, theirs).pvalue > 0.01
    assert ours.std() == pytest.approx(theirs.std(), rel=0.06)


def test_the_interval_is_archs_percentile_interval() -> None:
    values = record(5, 250)
    low, high = stats.bootstrap(values, stats.mean, block=6, resamples=4_000)
    drawn = arch.bootstrap.StationaryBootstrap(6, values, seed=3)
    theirs = drawn.conf_int(lambda x: np.array([x.mean()]), reps=4_000, method="percentile").ravel()
    width = high - low
    assert (low, high) == pytest.approx(tuple(theirs), abs=0.06 * width)
