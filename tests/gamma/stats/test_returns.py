"""Figures of returns by hand, and of what is no returns: nothing, one, all alike, all won, all lost."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from gamma import stats
from gamma.errors import InputInvalid

OF_RETURNS: dict[str, Callable[[list[float]], float]] = {
    "growth_annual": partial(stats.growth_annual, periods_per_year=252),
    "volatility_annual": partial(stats.volatility_annual, periods_per_year=252),
    "downside_annual": partial(stats.downside_annual, periods_per_year=252),
    "sortino_annual": partial(stats.sortino_annual, periods_per_year=252),
    "calmar": partial(stats.calmar, periods_per_year=252),
    "return_over_volatility": partial(stats.return_over_volatility, periods_per_year=252),
    "sharpe_annual": partial(stats.sharpe_annual, periods_per_year=252),
    "sharpe_annual_autocorrelated": partial(stats.sharpe_annual_autocorrelated, periods_per_year=252),
    "autocorrelation": stats.autocorrelation,
    "value_at_risk": stats.value_at_risk,
    "conditional_value_at_risk": stats.conditional_value_at_risk,
    "mean": stats.mean,
    "win_rate": stats.win_rate,
    "expectancy_usd": stats.expectancy_usd,
    "payoff_ratio": stats.payoff_ratio,
    "profit_factor": stats.profit_factor,
}
NAN, INF = math.nan, math.inf
# nothing, one gain, all alike, only gains, only losses
ODD: tuple[list[float], ...] = ([], [0.02], [0.01] * 5, [0.01, 0.02, 0.03], [-0.01, -0.02, -0.03])
SAID: dict[str, tuple[float, ...]] = {
    "growth_annual": (
        NAN,
        1.02**252 - 1,
        1.01**252 - 1,
        (1.01 * 1.02 * 1.03) ** 84 - 1,
        (0.99 * 0.98 * 0.97) ** 84 - 1,
    ),
    "volatility_annual": (NAN, NAN, 0.0, 0.01 * math.sqrt(252), 0.01 * math.sqrt(252)),
    "downside_annual": (NAN, 0.0, 0.0, 0.0, math.sqrt(0.0014 / 3 * 252)),
    "sortino_annual": (NAN, NAN, NAN, NAN, -0.02 / math.sqrt(0.0014 / 3) * math.sqrt(252)),
    "calmar": (NAN, NAN, NAN, NAN, ((0.99 * 0.98 * 0.97) ** 84 - 1) / (1 - 0.99 * 0.98 * 0.97)),
    "return_over_volatility": (
        NAN,
        NAN,
        NAN,
        ((1.01 * 1.02 * 1.03) ** 84 - 1) / 0.01 / math.sqrt(252),
        ((0.99 * 0.98 * 0.97) ** 84 - 1) / 0.01 / math.sqrt(252),
    ),
    "sharpe_annual": (NAN, NAN, NAN, 2 * math.sqrt(252), -2 * math.sqrt(252)),
    # The autocorrelation of three in a line is (-1 * 0 + 0 * 1) / 2 = 0.
    "sharpe_annual_autocorrelated": (NAN, NAN, NAN, 2 * math.sqrt(252), -2 * math.sqrt(252)),
    "autocorrelation": (NAN, NAN, NAN, 0.0, 0.0),
    # 5 % of the way from the least of three is a tenth of the way to the next.
    "value_at_risk": (NAN, -0.02, -0.01, -0.011, 0.029),
    "conditional_value_at_risk": (NAN, -0.02, -0.01, -0.01, 0.03),
    "mean": (NAN, 0.02, 0.01, 0.02, -0.02),
    "win_rate": (NAN, 1.0, 1.0, 1.0, 0.0),
    "expectancy_usd": (NAN, 0.02, 0.01, 0.02, -0.02),
    "payoff_ratio": (NAN, NAN, NAN, NAN, NAN),
    "profit_factor": (NAN, INF, INF, INF, 0.0),
}


@pytest.mark.parametrize("name", OF_RETURNS)
def test_every_figure_says_what_it_is_of_odd_records(name: str) -> None:
    found = [OF_RETURNS[name](values) for values in ODD]
    assert found == pytest.approx(SAID[name], nan_ok=True, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", OF_RETURNS)
@pytest.mark.parametrize("odd", [NAN, INF])
def test_every_figure_refuses_what_is_no_number(name: str, odd: float) -> None:
    with pytest.raises(InputInvalid, match="observation 1 is"):
        OF_RETURNS[name]([0.1, odd, 0.2])


def test_prices_become_returns_only_where_it_is_asked_for() -> None:
    assert stats.returns_of_values([100.0, 110.0, 99.0]).tolist() == pytest.approx([0.1, -0.1])
    assert stats.returns_of_values([100.0]).tolist() == stats.returns_of_values([]).tolist() == []
    with pytest.raises(InputInvalid, match=r"value 1 is 0\.0"):
        stats.returns_of_values([100.0, 0.0])


def test_growth_is_compounded() -> None:
    assert stats.growth([0.1, 0.1]) == pytest.approx(0.21)
    assert stats.growth([]) == 0.0
    assert stats.growth_annual([0.1, 0.1], 4) == pytest.approx(1.21**2 - 1)
    assert stats.growth_annual([0.1, -1.0, 0.1], 252) == -1.0, "what is lost once is lost"


def test_an_information_ratio_is_of_the_difference() -> None:
    assert stats.information_ratio_annual([0.03, 0.02, 0.04], [0.01, 0.01, 0.01], 1) == pytest.approx(2.0)
    assert math.isnan(stats.information_ratio_annual([0.03, 0.03], [0.01, 0.01], 1))
    assert math.isnan(stats.information_ratio_annual([], [], 1))
    with pytest.raises(InputInvalid, match="3 returns and 2 of the benchmark"):
        stats.information_ratio_annual([0.1, 0.1, 0.1], [0.1, 0.1], 1)


def test_value_at_risk_is_a_loss_and_the_mean_beyond_it_is_larger() -> None:
    values = np.arange(-100.0, 101.0)  # 201 values: 5 % of the way is the tenth after the least
    assert stats.value_at_risk(values) == 90.0
    assert stats.conditional_value_at_risk(values) == 95.0
    assert stats.value_at_risk(values, 0.5) == 0.0
    with pytest.raises(InputInvalid, match=r"level = 95"):
        stats.value_at_risk(values, 95)
    with pytest.raises(InputInvalid, match=r"level = 0"):
        stats.conditional_value_at_risk(values, 0.0)


def test_a_payoff_is_a_mean_gain_over_a_mean_loss() -> None:
    assert stats.payoff_ratio([30.0, 10.0, -5.0, 0.0]) == 4.0
    pnl = [30.0, 10.0, -5.0, 0.0]
    assert stats.expectancy_usd(pnl) == stats.mean(pnl) == 0.5 * 20.0 - 0.25 * 5.0


def test_autocorrelation_is_of_the_lag() -> None:
    assert stats.autocorrelation([1.0, -1.0] * 50) == pytest.approx(-0.99)
    assert stats.autocorrelation([1.0, -1.0] * 50, 2) == pytest.approx(0.98)
    with pytest.raises(InputInvalid, match="lag = 0"):
        stats.autocorrelation([1.0, 2.0, 3.0], 0)


def test_what_alternates_is_better_over_a_year_than_its_sharpe_ratio_says() -> None:
    turning = [0.02, -0.01] * 60
    assert stats.sharpe_annual_autocorrelated(turning, 252) > 5 * stats.sharpe_annual(turning, 252)
    slow = np.repeat([0.02, -0.01, 0.01, 0.0], 30)
    assert stats.sharpe_annual_autocorrelated(slow, 252) < 0.5 * stats.sharpe_annual(slow, 252)


def test_a_sharpe_ratio_has_los_interval() -> None:
    values = np.random.default_rng(1).normal(0.001, 0.01, 500)
    low, high = stats.sharpe_interval_annual(values, 252)
    sharpe = stats.sharpe_annual(values, 252)
    half = 1.959964 * math.sqrt((1 + sharpe**2 / 252 / 2) / 500 * 252)
    assert (low, high) == pytest.approx((sharpe - half, sharpe + half))
    assert all(map(math.isnan, stats.sharpe_interval_annual([0.1], 252)))


def test_crumbs_of_binary_arithmetic_are_no_spread() -> None:
    equity = 50_000.0 + np.cumsum(np.full(50, 0.1))
    steady = np.diff(equity) / 50_000.0
    assert np.ptp(steady) > 0, "they are not one number to the last bit"
    assert math.isnan(stats.sharpe_annual(steady, 252))
    assert stats.volatility_annual(steady, 252) == 0.0
    assert math.isnan(stats.autocorrelation(steady))
    own = np.array([0.03, 0.07, 0.11])
    assert math.isnan(stats.information_ratio_annual(own, own - 0.02, 252))
