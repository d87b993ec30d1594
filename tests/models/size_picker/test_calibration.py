from dataclasses import replace

import numpy as np
import pytest

from gamma.errors import InputInvalid
from models.size_picker import calibration, form
from models.size_picker.calibration import Calibrated, Predictions
from tests.models.size_picker.drawn import Known, Reckless, trades


def told(prob: list[float], ruined: list[int], weights: list[float] | None = None) -> Predictions:
    each = weights or [1.0] * len(prob)
    return Predictions(prob=np.array(prob), ruined=np.array(ruined) > 0, weights=np.array(each))


def test_the_brier_score_is_the_mean_squared_error() -> None:
    # by hand: (.1^2 + .2^2 + .6^2) / 3, and with the last counted twice
    assert calibration.brier(told([0.1, 0.8, 0.6], [0, 1, 0])) == pytest.approx(0.41 / 3)
    assert calibration.brier(told([0.1, 0.8, 0.6], [0, 1, 0], [1, 1, 2])) == pytest.approx(0.77 / 4)


def test_the_bins_of_the_calibration_error_have_equal_mass() -> None:
    found = calibration.reliability(told([n / 300 for n in range(300)], [0] * 300))
    assert found.mass.tolist() == [20.0] * 15
    assert found.ece == pytest.approx(np.mean(np.arange(300)) / 300)


def test_equal_predictions_lie_in_one_bin() -> None:
    found = calibration.reliability(told([0.1] * 100, [1] * 10 + [0] * 90))
    assert found.mass.max() == 100.0
    assert found.ece == pytest.approx(0.0, abs=1e-12)


def test_what_falls_is_joined_as_isotonic_regression_joins_it() -> None:
    # by hand: pools of adjacent violators of (0, 1, 0, 1, 1) are 0, then the mean of 1 and 0, then 1 and 1 as one
    found = calibration.fit(told([0.1, 0.2, 0.3, 0.4, 0.5], [0, 1, 0, 1, 1]))
    assert found.predicted.tolist() == pytest.approx([0.1, 0.25, 0.45])
    assert found.observed.tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_a_tilted_model_is_set_right_on_trades_that_it_has_not_seen() -> None:
    tilted = Known(lean=0.4)  # calls every risk larger than it is
    right = Calibrated(picker=tilted, calibration=calibration.fit(calibration.predictions(tilted, trades(5_000, 1))))
    before, after = (calibration.predictions(one, trades(5_000, 2)) for one in (tilted, right))
    assert calibration.reliability(before).ece > 0.08
    assert calibration.reliability(after).ece < 0.015
    assert calibration.brier(after) < calibration.brier(before)


def test_what_is_right_stays_so() -> None:
    known = Known()
    drawn = trades(5_000, 1)
    right = Calibrated(picker=known, calibration=calibration.fit(calibration.predictions(known, drawn)))
    assert calibration.reliability(calibration.predictions(right, trades(5_000, 2))).ece < 0.015


def test_a_calibrated_probability_never_falls_with_size_leverage_or_less_equity() -> None:
    tilted, drawn = Known(lean=3.0), trades(500, 3)
    right = Calibrated(picker=tilted, calibration=calibration.fit(calibration.predictions(tilted, drawn)))
    shown = form.shown(drawn)
    prob = right.curve(shown).ruin_prob
    steps = np.diff(prob, axis=1)
    assert np.all(steps[np.isfinite(steps)] >= 0.0)
    poorer = right.curve(replace(shown, leverage=shown.leverage * 1.3, ruin_frac=shown.ruin_frac / 1.3)).ruin_prob
    assert np.all((poorer >= prob)[shown.allowed])
    assert np.all(prob[:, 0] == 0.0)
    assert np.all(np.isnan(prob[~shown.allowed]))


def test_weights_restore_the_natural_mix() -> None:
    # twice as many ruined as there should be, each of half the weight
    many = told([0.3] * 40, [1] * 20 + [0] * 20, [0.5] * 20 + [1.0] * 20)
    assert calibration.fit(many).observed.tolist() == pytest.approx([1 / 3])


def test_a_calibrated_model_keeps_its_scale() -> None:
    model, drawn = Reckless(), trades(10, 1)
    right = Calibrated(picker=model, calibration=calibration.fit(calibration.predictions(model, drawn)))
    assert right.scale(form.shown(drawn)).tolist() == model.scale(form.shown(drawn)).tolist()


def test_no_trades_and_no_probabilities_are_refused() -> None:
    with pytest.raises(InputInvalid, match="no trades"):
        calibration.predictions(Known(), trades(10, 1).of(slice(0)))
    with pytest.raises(InputInvalid, match="known gives probabilities that are none"):
        calibration.predictions(Known(lean=float("nan")), trades(10, 1))
