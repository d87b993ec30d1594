import numpy as np
import pytest

from models.size_picker import conformal, edges, form
from models.size_picker.conformal import Conformal
from tests.models.size_picker.drawn import Known, trades


def test_an_edge_is_earned_by_what_lives_and_moves_no_liquidation() -> None:
    drawn = trades(200, 1)
    found = edges.credited(drawn, 0.001)
    assert np.array_equal(found.ruined, drawn.ruined)
    more = (found.returns - drawn.returns)[drawn.allowed & ~drawn.ruined]
    assert more == pytest.approx(0.001 * form.shown(drawn).leverage[drawn.allowed & ~drawn.ruined], abs=1e-12)
    assert np.all((found.returns == drawn.returns)[drawn.allowed & drawn.ruined])


def test_a_picker_that_is_told_of_an_edge_expects_it_of_what_lives() -> None:
    drawn = trades(50, 1)
    shown, plain = form.shown(drawn), Known()
    with_edge = edges.told(plain, 0.001).curve(shown)
    before = plain.curve(shown)
    due = before.return_mean + (1.0 - before.ruin_prob) * 0.001 * shown.leverage
    assert with_edge.return_mean == pytest.approx(due, nan_ok=True)
    assert np.all((with_edge.growth_mean > before.growth_mean)[:, 1:][drawn.allowed[:, 1:]])
    assert with_edge.ruin_prob == pytest.approx(before.ruin_prob, nan_ok=True)


def test_the_conformal_layer_stays_over_it() -> None:
    drawn, layer = trades(50, 1), conformal.over(Known(), trades(200, 2))
    told = edges.told(layer, 0.001)
    assert isinstance(told, Conformal)
    bound = told.curve(form.shown(drawn)).ruin_bound
    assert bound == pytest.approx(layer.curve(form.shown(drawn)).ruin_bound, nan_ok=True)


def test_without_an_edge_nothing_changes() -> None:
    plain = Known()
    assert edges.told(plain, 0.0) is plain
