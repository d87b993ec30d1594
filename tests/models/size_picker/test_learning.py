"""What is learned: problems whose answer is known, from the same seed the same weights, and never a bad one kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from gamma.curves import chosen
from gamma.errors import InputInvalid
from gamma.ports import PickerEpoch
from models.size_picker import cards, lessons, v1, v2, v3
from models.size_picker.form import Picker, Trades, shown
from models.size_picker.learning import Learned, Plan, fit
from models.size_picker.training import parted, source, trained
from tests.models.size_picker.checkpoint_case import LEARNED
from tests.models.size_picker.trades_case import HOUR_NS, brownian, volatility

SHORT = Plan(epochs=3, batch=256, seed=3)


def learned(model: cards.ModelName, plan: Plan, trades: Trades, validation: Trades) -> tuple[Learned, Picker]:
    found = fit(lessons.lesson(model, trades, (32,), plan.seed), plan, trades, validation)
    picker: Picker = cards.MODELS[model].of(found.tensors)
    return found, picker


@pytest.mark.slow
@pytest.mark.parametrize(("model", "off"), [("v3", 0.02), ("v2", 0.05)])
def test_of_brownian_paths_it_learns_the_reflection_principle(model: cards.ModelName, off: float) -> None:
    """P(liq) = 2 Phi(-0.7 / (L v)); the volatility of a trade it can only guess from 32 candles, and so is off."""
    _, picker = learned(model, Plan(epochs=8, batch=256, decay=0.1), brownian(20_000, 1), brownian(3_000, 2))
    held = brownian(2_000, 3)
    given = shown(held)
    true = 2 * norm.cdf(-given.ruin_frac / (10 * volatility(2_000, 3)[:, None]))
    told = picker.curve(given).ruin_prob
    assert np.mean(np.abs(told - true)[held.allowed & (true > 0.01)]) < 2 * off
    for low, high in ((0.02, 0.05), (0.05, 0.1), (0.1, 0.3)):
        near = held.allowed & (told > low) & (told <= high)
        assert np.mean(told[near]) == pytest.approx(np.mean(true[near]), abs=off)


@pytest.mark.slow
def test_v3_takes_a_trade_that_pays_and_leaves_one_that_does_not() -> None:
    for drift, most in ((0.5, True), (-0.5, False)):
        _, picker = learned("v3", SHORT, brownian(6_000, 1, drift=drift), brownian(1_000, 2, drift=drift))
        held = brownian(500, 3, drift=drift)
        lots = chosen(picker.curve(shown(held)), 0.05)
        assert (np.mean(lots > 0) > 0.9) if most else (np.mean(lots == 0) > 0.9)


def test_the_mean_growth_that_v3_tells_is_that_of_the_trades() -> None:
    trades = brownian(8_000, 1, drift=0.1)
    _, picker = learned("v3", replace(SHORT, epochs=1), trades, brownian(500, 2, drift=0.1))
    curve = picker.curve(shown(trades))
    for lots in (2, 6, 12):
        rows = trades.allowed[:, lots]
        returns = trades.returns[rows, lots]
        assert np.mean(curve.ruin_prob[rows, lots]) == pytest.approx(np.mean(trades.ruined[rows, lots]), abs=0.01)
        assert np.mean(curve.return_mean[rows, lots]) == pytest.approx(np.mean(returns), abs=0.004)
        assert np.mean(curve.growth_mean[rows, lots]) == pytest.approx(np.mean(np.log1p(returns)), abs=0.006)


def test_v1_learns_the_best_size_and_says_what_it_would_rather_have() -> None:
    trades = brownian(3_000, 1, drift=3.0)
    _, picker = learned("v1", SHORT, trades, brownian(500, 2, drift=3.0))
    held = brownian(300, 3, drift=3.0)
    given = shown(held)
    curve = picker.curve(given)
    most = held.allowed.sum(axis=1) - 1
    assert np.mean(chosen(curve, 1.0) == most) > 0.5
    classes = np.where(held.allowed, curve.growth_mean, -np.inf)
    assert (chosen(curve, 1.0) == classes.argmax(axis=1)).all()


def test_the_best_size_by_hindsight_is_the_largest_that_lived_of_a_trade_that_won() -> None:
    trades = brownian(500)
    best = v1.best(trades)
    assert (best[trades.move_frac < 0] == 0).all()
    for n in np.flatnonzero(best):
        assert not trades.ruined[n, best[n]]
        assert best[n] == np.flatnonzero(trades.allowed[n] & ~trades.ruined[n]).max()


@pytest.mark.parametrize("model", ["v3", *(pytest.param(one, marks=pytest.mark.slow) for one in ("v1", "v2"))])
def test_the_same_seed_gives_the_same_weights_and_another_others(model: cards.ModelName) -> None:
    trades, validation = brownian(600, 1), brownian(200, 2)
    one, again, other = (
        learned(model, replace(SHORT, epochs=1, seed=seed), trades, validation)[0].tensors for seed in (1, 1, 2)
    )
    assert all(one[name].tobytes() == again[name].tobytes() for name in one)
    assert any(one[name].tobytes() != other[name].tobytes() for name in one)


def test_whoever_says_stop_has_the_best_so_far() -> None:
    told: list[PickerEpoch] = []

    def stop(epoch: PickerEpoch) -> bool:
        told.append(epoch)
        return len(told) < 2

    trades, validation = brownian(600, 1), brownian(200, 2)
    found = fit(lessons.lesson("v3", trades, (8,), 1), replace(SHORT, epochs=9), trades, validation, stop)
    assert (found.ending, len(told)) == ("stopped", 2)
    assert found.loss == min(epoch.validation_loss for epoch in told)


@pytest.mark.slow
def test_weights_that_become_no_numbers_are_not_kept() -> None:
    trades, validation = brownian(600, 1), brownian(200, 2)
    lesson = lessons.lesson("v2", trades, (8,), 1)
    found = fit(lesson, replace(SHORT, epochs=8, rate=1e18), trades, validation) if _survives(lesson, trades) else None
    assert found is None or all(np.isfinite(tensor).all() for tensor in found.tensors.values())
    spoiled = replace(lesson, loss=lambda weights, batch: lesson.loss(weights, batch) * np.nan)
    with pytest.raises(InputInvalid, match="no numbers after the first epoch"):
        fit(spoiled, SHORT, trades, validation)


def _survives(lesson: lessons.Lesson, trades: Trades) -> bool:
    try:
        fit(lesson, replace(SHORT, epochs=1, rate=1e18), trades, trades)
    except InputInvalid:
        return False
    return True


def test_nothing_is_learned_from_a_trade_that_was_open_when_the_validation_began() -> None:
    trades = brownian(1_000, bars=100)
    before, after = parted(trades, 0.2)
    assert before.ts_exit_utc_ns.max() < after.ts_entry_utc_ns.min()
    assert len(after) == 200
    assert len(before) == pytest.approx(700, abs=2)
    with pytest.raises(InputInvalid, match="cannot be parted by time"):
        parted(replace(trades, ts_exit_utc_ns=trades.ts_entry_utc_ns + 2_000 * HOUR_NS))


def test_sets_weigh_what_they_are_told_to() -> None:
    few, many = (
        source(LEARNED.model_copy(update={"weight_frac": weight}), brownian(number))
        for number, weight in ((1_000, 0.75), (3_000, 0.25))
    )
    assert few.learned.weights.sum() / many.learned.weights.sum() == pytest.approx(3.0, rel=0.2)


@pytest.mark.slow
def test_v3_is_set_right_on_real_trades() -> None:
    """Simulated trades that all win, and real ones that do not."""
    simulated = source(LEARNED.model_copy(update={"real": False, "weight_frac": 0.9}), brownian(3_000, 1, drift=0.8))
    real = source(LEARNED.model_copy(update={"weight_frac": 0.1}), brownian(3_000, 2, drift=-0.3))
    held = shown(brownian(300, 3))
    plan = replace(SHORT, epochs=2)
    without, having = (v3.of(trained("v3", of, plan).tensors) for of in ([simulated], [simulated, real]))
    assert np.nanmean(having.curve(held).return_mean) < np.nanmean(without.curve(held).return_mean)


@pytest.mark.slow
def test_v2_says_what_its_penalty_tilted_set_right() -> None:
    _, picker = learned("v2", SHORT, brownian(6_000, 1), brownian(500, 2))
    held = brownian(3_000, 3)
    counted = held.allowed & np.isfinite(held.ruin_frac)
    told = picker.curve(shown(held)).ruin_prob[counted]
    assert np.mean(told) == pytest.approx(np.mean(held.ruined[counted]), abs=0.006)
    assert np.mean(v2.PENALTY * told / (v2.PENALTY * told + 1 - told)) > 2 * np.mean(held.ruined[counted])


def test_a_checkpoint_of_every_model_is_small(tmp_path: Path) -> None:
    for model, told in cards.MODELS.items():
        shapes = told.shapes((64, 32))
        assert sum(int(np.prod(shape)) for shape in shapes.values()) * 4 < 1_000_000, (model, tmp_path)
