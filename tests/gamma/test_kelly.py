"""Published vectors of the Kelly fractions; quantiles and optima are checked against SciPy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import beta as beta_distribution

from gamma.kelly import (
    Bootstrap,
    Odds,
    Rolling,
    beta_quantile,
    binary_kelly,
    bounded_kelly,
    latest,
    low_mean,
    odds,
    record,
    risk_constrained_kelly,
    shrinkage,
    tail_kelly,
    uniform_draws,
)
from gamma.whatif import log_growth

# Win rate .732 in a thousand trades of 250 usd of risk: wins of 191.2, losses of 112.9.
MULTIPLES = np.array([191.2 / 250] * 732 + [-112.9 / 250] * 268)


def bet(p: float, b: float, trades: float = 50) -> Odds:
    return Odds(p=p, b=b, trades=trades)


def test_a_record_is_counted_from_its_raw_trades() -> None:
    found = record(np.array([56.0, 0.0, -30.0, 44.0, -10.0]), 5, 50)
    assert (found.trades, found.wins, found.losses, found.scratches) == (5, 2, 2, 1)
    assert (found.win_frac, found.win_mean_usd, found.loss_mean_usd) == (0.4, 50.0, 20.0)
    assert found.kelly_frac == pytest.approx(60 / (5 * 50))


def test_a_record_in_a_batch_is_counted_row_by_row() -> None:
    rows = np.array([[np.nan, 10.0, -5.0], [1.0, 2.0, 3.0], [9.0, 9.0, 0.0]])
    found = record(rows, np.array([2, 7, 0]), 2)
    assert found.trades.tolist() == [2, 2, 0]
    assert found.wins.tolist() == [1, 2, 0]
    assert found.kelly_frac.tolist() == [0.25, 1.0, 0.0]
    assert found.sound.tolist() == [True, True, True]


def test_the_latest_trades_stand_last() -> None:
    kept, real = latest(np.array([1.0, 2.0, 3.0, 4.0]), 2, 3)
    assert (kept.tolist(), real.tolist()) == ([2.0, 3.0, 4.0], [False, True, True])


@pytest.mark.parametrize(
    ("p", "b", "kelly", "growth"), [(0.6, 1.0, 0.2, 0.0201355), (0.53, 1.0, 0.06, 0.00180108), (0.4, 1.0, -0.2, None)]
)
def test_a_bet_with_two_outcomes(p: float, b: float, kelly: float, growth: float | None) -> None:
    assert binary_kelly(p, b) == pytest.approx(kelly)
    if growth is not None:
        trades = [1.0] * round(100 * p) + [-1.0] * round(100 * (1 - p))
        assert log_growth(trades, kelly) == pytest.approx(growth, abs=5e-8)


def test_growth_is_gone_at_almost_twice_kelly() -> None:
    assert log_growth([1.0] * 6 + [-1.0] * 4, 0.389391) == pytest.approx(0.0, abs=1e-6)
    assert log_growth([1.0] * 6 + [-1.0] * 4, 0.1) / log_growth([1.0] * 6 + [-1.0] * 4, 0.2) == pytest.approx(
        0.747, abs=5e-4
    )


def test_a_bet_that_pays_nothing_has_no_fraction() -> None:
    assert binary_kelly(0.0, 0.0) == 0.0


@pytest.mark.parametrize(
    ("p", "b", "trades", "kept"),
    [(0.6, 1.0, 50, 0.675676), (0.732, 1.6951, 10, 0.869), (0.732, 1.6951, 50, 0.971), (0.732, 1.6951, 437, 0.997)],
)
def test_a_short_record_keeps_less_of_kelly(p: float, b: float, trades: int, kept: float) -> None:
    assert shrinkage(bet(p, b, trades)) == pytest.approx(kept, abs=5e-4)
    if trades == 50 and b == 1.0:
        assert shrinkage(bet(p, b, trades)) * binary_kelly(p, b) == pytest.approx(0.135135, abs=5e-7)


@pytest.mark.parametrize(
    ("p", "b", "alpha", "beta", "fraction"),
    [
        (0.6, 1.0, 0.7, 0.1, 0.054257),
        (0.6, 1.0, 0.5, 0.05, 0.075920),
        (0.55, 1.0, 0.7, 0.1, 0.026900),
        (0.5, 2.0, 0.7, 0.1, 0.065449),
    ],
)
def test_the_risk_constrained_fractions_of_the_paper(
    *, p: float, b: float, alpha: float, beta: float, fraction: float
) -> None:
    assert risk_constrained_kelly(bet(p, b), alpha, beta) == pytest.approx(fraction, abs=5e-7)


def test_a_constraint_that_does_not_bind_leaves_kelly() -> None:
    assert risk_constrained_kelly(bet(0.6, 1.0), 0.01, 0.9) == pytest.approx(0.2)


@pytest.mark.parametrize("p", [0.5, 0.3, 0.0])
def test_without_an_edge_nothing_is_staked(p: float) -> None:
    assert risk_constrained_kelly(bet(p, 1.0), 0.7, 0.1) == 0.0


@given(st.floats(0.3, 0.95), st.floats(0.2, 5.0), st.floats(0.1, 0.9), st.floats(0.01, 0.9))
def test_the_risk_constrained_fraction_is_the_root_that_scipy_finds(
    p: float, b: float, alpha: float, beta: float
) -> None:
    found, top = risk_constrained_kelly(bet(p, b), alpha, beta), binary_kelly(p, b)
    power = math.log(beta) / math.log(alpha)

    def excess(f: float) -> float:
        return float(p * (1 + b * f) ** -power + (1 - p) * (1 - f) ** -power - 1)

    if top <= 1e-3:
        assert found <= max(top, 0.0) + 1e-12
    elif excess(top) <= 0:
        assert found == pytest.approx(top)
    else:
        low = top
        while excess(low) > 0 and low > 1e-9:
            low /= 2
        assert found == pytest.approx(brentq(excess, low, top), rel=1e-6, abs=1e-8)


def test_a_record_without_a_loss_is_read_as_if_the_next_trade_lost_its_risk() -> None:
    found = odds(record(np.full(10, 100.0), 10, 50), 250.0)
    assert (found.p, found.b, found.trades) == (10 / 11, 0.4, 11)


def test_the_odds_of_a_record_come_from_its_means() -> None:
    found = odds(record(np.array([30.0, 30.0, -10.0, 0.0]), 4, 50), 250.0)
    assert (found.p, found.b, found.trades) == (0.5, 3.0, 4)


@pytest.mark.parametrize(("probability", "fraction"), [(0.25, 0.10167), (0.10, 0.01690), (0.05, 0.0)])
def test_quantiles_of_thirty_wins_in_fifty(probability: float, fraction: float) -> None:
    win_frac = beta_quantile(probability, 31, 21)
    assert max(0.0, binary_kelly(win_frac, 1.0)) == pytest.approx(fraction, abs=5e-6)


SHAPES = st.just(0.5) | st.floats(0.5, 3.0) | st.floats(1.0, 300.0)


@given(st.floats(0.001, 0.999), SHAPES, SHAPES)
def test_the_beta_quantile_is_scipys(probability: float, alpha: float, beta: float) -> None:
    smooth = all(shape == 0.5 or shape >= 1 for shape in (alpha, beta))
    expected = beta_distribution.ppf(probability, alpha, beta)
    assert beta_quantile(probability, alpha, beta) == pytest.approx(expected, abs=1e-8 if smooth else 1e-5)


def test_beta_quantiles_come_in_batches() -> None:
    found = beta_quantile(0.25, np.array([31.0, 2.0]), np.array([21.0, 9.0]))
    assert found == pytest.approx(beta_distribution.ppf(0.25, [31, 2], [21, 9]), abs=1e-9)


@pytest.mark.parametrize(("tail", "fraction"), [(0.0, 1.2705), (0.01, 0.9174), (0.02, 0.8555), (0.05, 0.7134)])
def test_a_tail_atom_tames_the_fraction(tail: float, fraction: float) -> None:
    assert tail_kelly(MULTIPLES, 1_000, tail) == pytest.approx(fraction, abs=5e-5)


def test_nothing_ever_lost_is_bounded_by_the_tail_alone() -> None:
    assert tail_kelly(np.full(10, 1.0), 10, 0.0) == pytest.approx(100.0)
    assert tail_kelly(np.full(10, 1.0), 10, 0.5) == pytest.approx(0.0, abs=1e-9)
    assert 0.9 < tail_kelly(np.full(10, 1.0), 10, 0.01) < 1.0


def test_a_losing_record_has_a_fraction_of_nothing() -> None:
    assert tail_kelly(np.array([1.0, -1.0, -1.0]), 3, 0.0) == 0.0
    assert tail_kelly(np.zeros(0), 0, 0.01) == 0.0


@given(st.lists(st.floats(-1.0, 3.0), min_size=2, max_size=30), st.sampled_from([0.01, 0.05]))
def test_the_tail_fraction_is_the_maximum_that_scipy_finds(multiples: list[float], tail: float) -> None:
    values = np.array(multiples)

    def loss(f: float) -> float:
        return -float((1 - tail) * np.mean(np.log1p(f * values)) + tail * np.log1p(-f))

    best = minimize_scalar(loss, bounds=(0.0, 1.0 - 1e-9), method="bounded", options={"xatol": 1e-10})
    assert loss(float(tail_kelly(values, len(values), tail))) <= best.fun + 1e-9


def draws(block: int, prob: float = 0.1, window: int = 60) -> Bootstrap:
    return Bootstrap(draws=uniform_draws(7, 500, window // block), block=block, prob=prob)


def test_the_table_of_draws_never_changes_and_is_uniform() -> None:
    table = uniform_draws(1, 400, 20)
    assert table is uniform_draws(1, 400, 20)
    assert not table.flags.writeable
    # The numbers that splitmix64 of seed 1 gives, worked out with Python's own integers.
    state, expected = 0, []
    for index in (2, 3):
        state = index * 0x9E3779B97F4A7C15 % 2**64
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
        expected.append(((state ^ (state >> 31)) >> 11) / 2**53)
    assert table[0, :2].tolist() == expected
    assert 0 <= table.min() < 0.001
    assert 0.999 < table.max() < 1
    assert table.mean() == pytest.approx(0.5, abs=0.01)
    assert table.var() == pytest.approx(1 / 12, abs=0.002)


@pytest.mark.parametrize("block", [1, 3, 5])
def test_the_bound_of_independent_trades_lies_where_normal_theory_puts_it(block: int) -> None:
    values = np.random.default_rng(3).normal(0.2, 1.0, 60)
    expected = values.mean() - 1.2816 * values.std() / math.sqrt(60)
    assert low_mean(values, 60, draws(block)) == pytest.approx(expected, abs=0.08)


def test_the_bound_looks_at_the_record_and_not_at_its_padding() -> None:
    values = np.random.default_rng(3).normal(0.2, 1.0, 40)
    padded = np.concatenate([np.zeros(200), values])
    assert low_mean(padded, 40, draws(5)) == pytest.approx(low_mean(values, 40, draws(5)), abs=1e-12)


def test_a_record_of_equal_trades_is_its_own_bound() -> None:
    assert low_mean(np.full(13, 0.5), 13, draws(5)) == pytest.approx(0.5)


@pytest.mark.parametrize("trades", [0, 1, 4])
def test_a_record_shorter_than_a_block_has_no_bound(trades: int) -> None:
    assert low_mean(np.full(trades, 0.5), trades, draws(5)) == 0.0


def test_blocks_keep_streaks_together_and_so_widen_the_bound() -> None:
    streaks = np.repeat([1.0, -0.6, 1.0, -0.6, 1.0, -0.6], 10)
    assert low_mean(streaks, 60, draws(10)) < low_mean(streaks, 60, draws(1))


def test_the_bounded_fraction_is_between_nothing_and_half_of_the_full_one() -> None:
    found = bounded_kelly(MULTIPLES[::-1], 1_000, draws(5, window=1_000), 0.01)
    assert found.full_frac == pytest.approx(0.9174, abs=5e-5)
    assert found.low_mean < found.mean
    assert found.fraction == pytest.approx(0.9174 / 2, abs=5e-5)
    weak = np.tile([1.0, -0.9, 0.9, -1.0, 0.3], 8)
    assert bounded_kelly(weak, 40, draws(5), 0.0).full_frac > 0
    noisy = np.random.default_rng(5).normal(0.05, 1.0, 40)
    assert bounded_kelly(np.clip(noisy, -1, 3), 40, draws(5), 0.01).fraction == 0.0


def test_a_record_that_is_kept_as_sums_is_taken_as_it_is() -> None:
    kept = record(np.array([10.0, -5.0, 10.0]), 3, 2)
    rolling = Rolling(records={2: kept})
    assert record(rolling, 3, 2) is kept
    with pytest.raises(KeyError):
        record(rolling, 3, 50)
