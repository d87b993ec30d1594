import numpy as np
import pytest

from models.size_picker import form, rivals
from tests.models.size_picker.drawn import trades


def test_none_never_trades_and_most_takes_all_that_leverage_allows() -> None:
    drawn = trades(200, 1)
    assert rivals.taken(rivals.none(drawn.adverse_frac), drawn).max() == 0
    most = rivals.taken(rivals.most(drawn.adverse_frac), drawn)
    assert most.tolist() == (drawn.allowed.sum(axis=1) - 1).tolist()


def test_the_best_fixed_leverage_is_the_best_of_the_grid() -> None:
    train = trades(3_000, 1, drift=0.3)
    best = rivals.best_fixed(train)
    rows = np.arange(len(train))
    made = []
    for leverage in (best.limit - 1.0, best.limit, best.limit + 1.0):
        per_lot = 0.15 * train.price_usd / train.equity_usd
        lots = np.minimum(30, np.floor(leverage / per_lot + 1e-9)).astype(int)
        lots = np.minimum(lots, train.allowed.sum(axis=1) - 1)
        made.append(np.log1p(train.returns[rows, lots]).mean())
    assert 0.0 < best.limit < 20.0
    assert made[1] == max(made)


def test_without_an_edge_the_best_fixed_leverage_is_none() -> None:
    assert rivals.best_fixed(trades(3_000, 1, drift=-0.2)).limit == 0.0


@pytest.mark.parametrize("fit", [rivals.best_fixed, rivals.best_in_ranges])
def test_a_constrained_rule_is_ruined_no_more_often_on_past_trades(fit: object) -> None:
    train = trades(3_000, 1, drift=0.5)
    assert callable(fit)
    lots = rivals.taken(fit(train, ruin_max=0.01), train)
    assert 0.0 < train.ruined[np.arange(len(train)), lots].mean() <= 0.01


@pytest.mark.parametrize("of", ["excursion", "ranges"])
@pytest.mark.parametrize("alpha", [0.1, 0.01])
def test_the_mae_quantile_rule_survives_the_quantile_of_past_trades(of: rivals.Of, alpha: float) -> None:
    train = trades(4_000, 1)
    lots = rivals.taken(rivals.mae_quantile(train, alpha, of), train)
    assert 0.0 < train.ruined[np.arange(len(train)), lots].mean() <= alpha


def test_a_rule_tells_how_often_a_size_ruined_past_trades() -> None:
    train, drawn = trades(4_000, 1), trades(20, 2)
    prob = rivals.best_fixed(train).curve(form.shown(drawn)).ruin_prob
    due = (train.adverse_frac[None, None, :] >= drawn.ruin_frac[:, :, None]).mean(axis=-1)
    assert prob[drawn.allowed] == pytest.approx(due[drawn.allowed], abs=2e-3)


def test_hindsight_takes_the_most_growth_and_the_smallest_of_equals() -> None:
    drawn = trades(50, 1)
    lots = rivals.hindsight(drawn)
    grown = rivals.growth(drawn.returns)
    rows = np.arange(len(drawn))
    assert np.all(grown[rows, lots] >= np.nanmax(grown, axis=1))
    assert np.all(lots[drawn.move_frac < 0] == 0)


def test_a_loss_of_all_and_more_counts_as_99_percent() -> None:
    assert rivals.growth(np.array([-0.5, -1.0, -1.7])).tolist() == pytest.approx(
        [np.log(0.5), np.log(0.01), np.log(0.01)]
    )
