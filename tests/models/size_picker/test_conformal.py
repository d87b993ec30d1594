import os
from dataclasses import replace

import numpy as np
import pytest

from gamma.curves import chosen
from gamma.errors import InputInvalid
from gamma.stats.proportions import clopper_pearson
from models.size_picker import conformal, form
from models.size_picker.conformal import Level
from models.size_picker.form import Picker, Trades
from tests.models.size_picker.drawn import HOUR_NS, Known, Reckless, trades

# GAMMA_GUARANTEE=40 tries forty times as many calibrations as the suite does.
TIMES = int(os.environ.get("GAMMA_GUARANTEE", "1"))


def lots_of(picker: Picker, drawn: Trades, alpha: float) -> np.ndarray:
    return np.asarray(chosen(picker.curve(form.shown(drawn)), ruin_max=alpha))


def ruined(drawn: Trades, lots: np.ndarray) -> int:
    return int(drawn.ruined[np.arange(len(drawn)), lots].sum())


def test_a_bound_is_the_rank_among_the_scores() -> None:
    # by hand: three of four scores are 2 or more, so (1 + 3) / 5; none is 5 or more, so 1 / 5
    found = conformal.bounds(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5]), np.array([[np.inf, 2.5, 1.0, 0.5]]))
    assert found.tolist() == [[0.2, 0.2, 0.8, 1.0]]


@pytest.mark.parametrize("wrong", [float("nan"), 0.0, -1.0])
def test_a_scale_that_is_none_lets_no_size_through(wrong: float) -> None:
    found = conformal.bounds(np.array([1.0, 2.0]), np.array([wrong]), np.array([[np.inf, 2.5]]))
    assert found.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(("alpha", "least"), [(0.10, 9), (0.05, 19), (0.01, 99)])
def test_a_level_needs_enough_scores(alpha: float, least: int) -> None:
    drawn = trades(50, 1)
    enough = conformal.over(Known(lean=9.0), trades(least, 2))
    too_few = conformal.over(Known(lean=9.0), trades(least - 1, 2))
    assert lots_of(enough, drawn, alpha + 1e-12).max() > 0
    assert lots_of(too_few, drawn, alpha).max() == 0


@pytest.mark.parametrize("alpha", [0.10, 0.05, 0.01])
@pytest.mark.parametrize("picker", [Known(), Known(name="daring", lean=4.0), Reckless()], ids=lambda one: one.name)
def test_the_rate_of_liquidation_is_at_most_alpha_whatever_the_model(picker: Picker, alpha: float) -> None:
    # Each round calibrates anew: the promise is over calibration and trade together.
    rounds, per_round, calibration = 40 * TIMES, 50, 400
    count = 0
    for n in range(rounds):
        layer = conformal.over(picker, trades(calibration, 2 * n))
        drawn = trades(per_round, 2 * n + 1)
        count += ruined(drawn, lots_of(layer, drawn, alpha))
    low, _ = clopper_pearson(count, rounds * per_round, 0.99)
    assert low <= alpha


def test_the_rate_is_not_far_below_alpha_where_the_most_is_always_taken() -> None:
    drawn = trades(20_000, 3)
    drawn = replace(drawn, returns=np.nan_to_num(drawn.returns, nan=-0.7))  # every size is allowed
    rate = ruined(drawn, lots_of(conformal.over(Reckless(), trades(5_000, 4)), drawn, 0.10)) / len(drawn)
    assert 0.07 < rate <= 0.105


def test_without_the_layer_the_reckless_model_is_ruined_often() -> None:
    drawn = trades(2_000, 3)
    assert ruined(drawn, lots_of(Reckless(), drawn, 0.01)) > 400


def test_a_bound_never_falls_with_size_leverage_or_less_equity() -> None:
    drawn = trades(500, 5)
    layer, shown = conformal.over(Reckless(), trades(500, 6)), form.shown(drawn)
    bound = layer.curve(shown).ruin_bound
    steps = np.diff(bound, axis=1)
    assert np.all(steps[np.isfinite(steps)] >= 0.0)
    poorer = layer.curve(replace(shown, ruin_frac=shown.ruin_frac / 1.3)).ruin_bound
    assert np.all((poorer >= bound)[shown.allowed])


def test_scores_are_kept_as_float32_rounded_up() -> None:
    found = np.array([0.3, 0.1, np.inf, 1 / 3])
    kept = conformal.sealed(found)
    assert kept.dtype == np.float32
    assert np.all(np.diff(kept) >= 0.0)
    assert np.all(np.isfinite(kept))
    assert np.all(kept[:3].astype(np.float64) >= np.sort(found)[:3])


def test_weighted_trades_and_none_make_no_scores() -> None:
    drawn = trades(10, 1)
    with pytest.raises(InputInvalid, match="natural mix first"):
        conformal.over(Known(), replace(drawn, weights=np.arange(10.0)))
    with pytest.raises(InputInvalid, match="no trades"):
        conformal.over(Known(), drawn.of(slice(0)))


def test_a_trade_that_has_no_score_counts_as_ruin() -> None:
    drawn = trades(3, 1)
    unknown = replace(drawn, adverse_frac=np.array([np.nan, 0.1, 0.2]))
    assert np.isposinf(conformal.scores(Known(), unknown)[0])


def test_a_level_falls_by_a_miss_and_rises_by_each_trade_that_is_none() -> None:
    start = Level(alpha=0.1, level=0.1, step=0.01)
    assert start.after(missed=True).level == pytest.approx(0.1 - 0.01 * 0.9)
    assert start.after(missed=False).level == pytest.approx(0.1 + 0.01 * 0.1)


def test_a_trade_counts_from_its_exit_on() -> None:
    entry, leave = np.array([0, 1, 10]) * HOUR_NS, np.array([10, 5, 20]) * HOUR_NS
    found = conformal.levels(np.array([0.01, 0.9, 0.9]), entry, leave, Level(alpha=0.1, level=0.1, step=0.01))
    # by hand: both earlier ones are out by hour 10, one a miss
    assert found.tolist() == pytest.approx([0.1, 0.1, 0.1 + 0.01 * (0.1 + 0.1 - 1.0)])


def test_in_a_market_that_grew_wilder_the_adapted_level_keeps_the_promise_and_the_fixed_one_does_not() -> None:
    alpha, picker = 0.10, Reckless()
    layer = conformal.over(picker, trades(2_000, 1))
    calm, wild = trades(500, 2), trades(3_500, 3, vol_scale=3.0)
    after = np.arange(len(wild)) * HOUR_NS + calm.ts_exit_utc_ns[-1]
    drawn = Trades(**{name: np.concatenate([each, wild.arrays()[name]]) for name, each in calm.arrays().items()})
    leave = np.concatenate([calm.ts_exit_utc_ns, after + 100 * HOUR_NS])
    drawn = replace(drawn, ts_entry_utc_ns=np.concatenate([calm.ts_entry_utc_ns, after]), ts_exit_utc_ns=leave)
    curve = layer.curve(form.shown(drawn))
    found = conformal.levels(
        conformal.own_p_values(layer, drawn),
        drawn.ts_entry_utc_ns,
        drawn.ts_exit_utc_ns,
        Level(alpha=alpha, level=alpha),
    )
    held = replace(curve, ruin_bound=conformal.adapted(curve.ruin_bound, found, alpha))
    fixed_rate = ruined(drawn, np.asarray(chosen(curve, ruin_max=alpha))) / len(drawn)
    adapted_rate = ruined(drawn, np.asarray(chosen(held, ruin_max=alpha))) / len(drawn)
    assert adapted_rate <= alpha
    assert adapted_rate < fixed_rate
    assert fixed_rate > alpha


def test_at_a_level_of_nothing_no_size_passes_and_at_one_all_do() -> None:
    bound = np.array([[0.01, 0.5, 1.0], [0.01, 0.5, 1.0]])
    found = conformal.adapted(bound, np.array([0.0, 1.0]), 0.05)
    assert (found <= 0.05).tolist() == [[False] * 3, [True] * 3]
