"""The sizers on Kelly fractions other than half: shrunk, Bayesian, risk-constrained, bounded."""

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sizers.bayes_kelly import BayesKelly
from sizers.bounded_kelly import BoundedKelly
from sizers.risk_constrained_kelly import RiskConstrainedKelly
from sizers.shrunk_kelly import ShrunkKelly
from tests.sizers.sized import facts, sized, traded

EVEN = [100.0, 100.0, -100.0, 100.0, -100.0] * 10  # 30 wins of 50, as much won as lost
ALL: list[Any] = [ShrunkKelly, BayesKelly, RiskConstrainedKelly, BoundedKelly]


@pytest.mark.parametrize(
    ("sizer", "fraction", "lots"),
    [
        (ShrunkKelly(), 0.135135, 10),  # 20,000 * 0.135135 / 250 = 10.81
        (BayesKelly(quantile=None), 0.192308, 15),
        (BayesKelly(), 0.10167, 8),
        (BayesKelly(quantile=0.10), 0.01690, 1),
        (BayesKelly(quantile=0.05), 0.0, 0),
        (RiskConstrainedKelly(), 0.054257, 4),
        (RiskConstrainedKelly(wealth_min_frac=0.5, ruin_max_prob=0.05), 0.075920, 6),
    ],
)
def test_thirty_wins_of_fifty_at_even_odds(sizer: Any, fraction: float, lots: int) -> None:
    told = facts(traded(EVEN), sizer)
    assert told["stake_frac"] == pytest.approx(fraction, abs=5e-6)
    assert told["win_loss_ratio"] == 1.0
    assert sized(traded(EVEN), sizer).lots == lots
    assert told["reason"] == ("ok" if lots else "no_edge")


def test_the_shrunk_fraction_tells_how_much_it_kept() -> None:
    told = facts(traded(EVEN), ShrunkKelly())
    assert told["kelly_frac"] == pytest.approx(0.2)
    assert told["shrinkage_frac"] == pytest.approx(0.675676, abs=5e-7)
    assert told["budget_usd"] == pytest.approx(2_702.7, abs=0.05)


def test_the_posterior_is_told() -> None:
    assert facts(traded(EVEN), BayesKelly(quantile=None))["posterior_win_frac"] == pytest.approx(31 / 52)
    jeffreys = BayesKelly(quantile=None, prior_wins=0.5, prior_losses=0.5)
    assert facts(traded(EVEN), jeffreys)["posterior_win_frac"] == pytest.approx(30.5 / 51)


def test_the_constraint_is_told() -> None:
    told = facts(traded(EVEN), RiskConstrainedKelly())
    assert (told["wealth_min_frac"], told["ruin_max_prob"]) == (0.7, 0.1)
    assert told["kelly_frac"] == pytest.approx(0.2)


def test_the_bounded_fraction_is_told_in_multiples_of_the_risk() -> None:
    strong = ([191.2] * 11 + [-112.9] * 4) * 6
    told = facts(traded(strong), BoundedKelly())
    assert told["mean_r"] == pytest.approx((11 * 191.2 - 4 * 112.9) / 15 / 250)
    assert float(told["low_mean_r"]) < float(told["mean_r"])
    assert told["win_mean_r"] == pytest.approx(191.2 / 250)
    assert 0 < float(told["stake_frac"]) <= 0.5 * float(told["kelly_frac"])
    assert told["budget_usd"] == pytest.approx(20_000 * float(told["stake_frac"]))
    assert sized(traded(strong), BoundedKelly()).lots == int(float(told["raw_lots"]))


def test_a_weak_record_is_no_edge_at_its_lower_bound() -> None:
    weak = np.clip(np.random.default_rng(5).normal(0.05, 1.0, 40), -1, 3) * 250.0
    found = sized(traded(list(weak)), BoundedKelly())
    assert (found.lots, found.steps[0].reason) == (0, "no_edge")


@pytest.mark.parametrize("kind", ALL)
def test_until_ten_trades_it_is_one_lot(kind: Any) -> None:
    found = sized(traded([-100.0] * 9), kind())
    assert (found.lots, found.steps[0].reason) == (1, "bootstrap")
    assert sized(traded([]), kind()).lots == 1


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("pnl", [[-100.0] * 10, [0.0] * 10, [100.0, -100.0] * 10, [50.0] * 2 + [-100.0] * 8])
def test_without_an_edge_it_is_nothing(kind: Any, pnl: list[float]) -> None:
    found = sized(traded(pnl), kind())
    assert (found.lots, found.steps[0].reason) == (0, "no_edge")


@pytest.mark.parametrize("kind", ALL)
def test_a_record_without_a_loss_does_not_stake_everything(kind: Any) -> None:
    told = facts(traded([100.0] * 10), kind())
    assert 0 < float(told["stake_frac"]) < 0.75


@pytest.mark.parametrize("kind", ALL)
def test_less_than_one_lot_says_that_the_budget_bound(kind: Any) -> None:
    strong = ([191.2] * 11 + [-112.9] * 4) * 6
    view = traded(strong, account={"balance_usd": 200.0})
    found = sized(view, kind())
    assert (found.lots, found.steps[0].reason) == (0, "budget")


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"account": {"balance_usd": math.nan}}, "account.balance_usd is unknown"),
        ({"account": {"balance_usd": -1.0}}, "account.balance_usd = -1"),
        ({"signal": {"risk_usd_per_lot": 0.0}}, "signal.risk_usd_per_lot = 0"),
        ({"signal": {"risk_usd_per_lot": math.inf}}, "signal.risk_usd_per_lot = inf"),
        ({"track": {"trades": math.nan}}, "track.trades is unknown"),
        ({"track": {"pnl_usd_per_lot": np.full(50, math.nan), "r_multiples": np.full(50, math.nan)}}, "track.trades"),
        ({"track": {"pnl_usd_per_lot": np.full(50, math.inf), "r_multiples": np.full(50, -math.inf)}}, "track.trades"),
    ],
)
def test_what_makes_no_sense_closes_and_is_named(kind: Any, overrides: dict[str, Any], said: str) -> None:
    found = sized(traded(EVEN, **overrides), kind())
    assert found.lots == 0
    assert found.invalid.startswith(said)
    assert found.fault == ""


@pytest.mark.parametrize("kind", ALL)
def test_a_bootstrap_that_would_never_end_is_refused(kind: Any) -> None:
    with pytest.raises(ValidationError, match=r"bootstrap_trades = 200 is above rolling_window = 100"):
        kind(bootstrap_trades=200)


def test_a_block_longer_than_the_shortest_record_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"block_trades = 11 is above bootstrap_trades = 10"):
        BoundedKelly(block_trades=11)


@pytest.mark.parametrize("kind", ALL)
def test_a_window_that_is_no_number_says_so_itself(kind: Any) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        kind(bootstrap_trades=0)
