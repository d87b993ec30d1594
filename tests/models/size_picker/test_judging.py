import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.curves import chosen
from gamma.errors import GammaError, InputInvalid
from gamma.ports import PickerCalibration, PickerEvaluation, TradeSetsOrder
from gamma.stats.proportions import clopper_pearson
from models.size_picker import cards, checkpoints, conformal, form, store
from models.size_picker.judging import Judge
from models.size_picker.sets import GoldSets
from tests.gamma.cli.test_shapes import documented
from tests.models.size_picker.checkpoint_case import card, tensors
from tests.models.size_picker.drawn import Reckless
from tests.models.size_picker.market_case import hours

TIMES = int(os.environ.get("GAMMA_GUARANTEE", "1"))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("picker") / "sets"
    few = pytest.MonkeyPatch()
    few.setattr("models.size_picker.sets.PATHS", 8)
    order = TradeSetsOrder(out=folder, seed=5, small=120, mid=120, big=120, balanced=60, remainder=60, natural=300)
    for _ in GoldSets().make(order):
        pass
    few.undo()
    return folder


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw") / "v3"
    checkpoints.save(folder, tensors(card()), card())
    return folder


@pytest.fixture(scope="module")
def sealed(sets: Path, raw: Path) -> Path:
    out = raw.with_name("v3-calibrated")
    Judge().calibrate(PickerCalibration(picker=raw, trades=(sets,), out=out))
    return out


def test_a_calibrated_picker_is_sealed_with_its_scores_and_answers_as_it_was_fitted(
    sets: Path, raw: Path, sealed: Path
) -> None:
    found = checkpoints.load(sealed, pinned_sha256=None)
    trades = store.load(sets, "natural")
    model = checkpoints.bare(checkpoints.load(raw, pinned_sha256=None))
    layer = checkpoints.picker(found)
    assert found.card.calibration is not None
    assert (found.card.calibration.scores, found.card.calibration.sets[0].real) == (300, False)
    assert isinstance(layer, conformal.Conformal)
    assert layer.scores == pytest.approx(conformal.sealed(conformal.scores(model, trades)).astype(np.float64))
    shown = form.shown(trades.of(slice(50)))
    due = conformal.over(model, trades).curve(shown).ruin_bound
    assert layer.curve(shown).ruin_bound == pytest.approx(due, nan_ok=True)


def test_pickers_and_rules_are_judged_on_simulated_trades(sets: Path, sealed: Path) -> None:
    told, drawn = Judge().evaluate(
        PickerEvaluation(pickers=(sealed,), sets=sets, real=(), train=None, ruin_max=(0.1, 0.01))
    )
    assert drawn.startswith(b"\x89PNG")
    assert [one["ruin_max"] for one in told["sets"]] == [0.1, 0.01]
    rows = {row["name"]: row for row in told["sets"][1]["rows"]}
    assert {"V3", "V3 + conformal", "best fixed leverage", "hindsight"} <= set(rows)
    assert rows["V3 + conformal"]["ruin_rate"]["low"] <= 0.01
    json.dumps(told)


def test_by_size_a_picker_takes_the_largest_size_within_the_limit(sets: Path, sealed: Path) -> None:
    asked = PickerEvaluation(pickers=(sealed,), sets=sets, real=(), train=None, ruin_max=(0.1,), by="size")
    told, _ = Judge().evaluate(asked)
    rows = {row["name"]: row for row in told["sets"][0]["rows"]}
    trades, picker = store.load(sets, "natural"), checkpoints.picker(checkpoints.load(sealed, pinned_sha256=None))
    lots = chosen(picker.curve(form.shown(trades)), 0.1, "size")
    assert told["by"] == "size"
    assert rows["V3 + conformal"]["lots_mean"] == pytest.approx(np.mean(lots))
    assert np.mean(lots) > 0
    assert rows["V3"]["lots_mean"] >= rows["V3 + conformal"]["lots_mean"]


def test_real_trades_need_past_ones_that_ended_before_them(sets: Path) -> None:
    order = PickerEvaluation(pickers=(), sets=None, real=(sets,), train=None, ruin_max=(0.1,))
    with pytest.raises(InputInvalid, match="name them with --train"):
        Judge().evaluate(order)
    with pytest.raises(InputInvalid, match="began before those of --train ended"):
        Judge().evaluate(PickerEvaluation(pickers=(), sets=None, real=(sets,), train=sets, ruin_max=(0.1,)))


def test_one_model_stands_once(sets: Path, raw: Path, sealed: Path) -> None:
    with pytest.raises(InputInvalid, match="two pickers are both V3"):
        Judge().evaluate(PickerEvaluation(pickers=(raw, raw), sets=sets, real=(), train=None, ruin_max=(0.1,)))
    assert sealed.exists()


def test_what_is_there_is_not_sealed_again(sets: Path, raw: Path, sealed: Path) -> None:
    with pytest.raises(GammaError, match="exists"):
        Judge().calibrate(PickerCalibration(picker=raw, trades=(sets,), out=sealed))


def test_the_commands_tell_what_they_found(sets: Path, raw: Path, tmp_path: Path) -> None:
    run = CliRunner()
    made = run.invoke(
        app,
        [
            "size-picker",
            "calibrate",
            "--picker",
            str(raw),
            "--trades",
            str(sets),
            "--out",
            str(tmp_path / "c"),
            "--json",
        ],
    )
    assert made.exit_code == 0
    assert json.loads(made.stdout)["alpha_min"] == pytest.approx(1 / 301)
    asked = ["-p", str(tmp_path / "c"), "--sets", str(sets), "--ruin-max", "0.01", "--edge-bp", "10"]
    shown = run.invoke(app, ["size-picker", "evaluate", *asked, "--picture", str(tmp_path / "a.png")])
    assert shown.exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    none = run.invoke(app, ["size-picker", "evaluate"])
    assert none.exit_code == 1


def test_the_commands_print_the_shapes_that_are_documented(sets: Path, raw: Path, tmp_path: Path) -> None:
    told = Judge().calibrate(PickerCalibration(picker=raw, trades=(sets,), out=tmp_path / "c"))
    assert set(told) == set(documented("gamma size-picker calibrate"))
    judged, _ = Judge().evaluate(
        PickerEvaluation(pickers=(tmp_path / "c",), sets=sets, real=(), train=None, ruin_max=(0.1,))
    )
    page = documented("gamma size-picker evaluate")
    assert set(judged) == set(page)
    assert set(judged["sets"][0]) == set(page["sets"][0])
    for part in ("rows", "pairs"):
        assert set(judged["sets"][0][part][0]) == set(page["sets"][0][part][0])


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.10, 0.05, 0.01])
@pytest.mark.parametrize("model", ["v1", "v2", "v3", "reckless"])
def test_the_rate_of_liquidation_is_at_most_alpha_on_generated_trades(sets: Path, model: str, alpha: float) -> None:
    # Weights of chance: the promise asks nothing of the model. Rounds draw calibration and trades anew from one pool.
    pool = store.load(sets, "natural")
    picker = Reckless() if model == "reckless" else cards.MODELS[model].of(tensors(card(model)))
    rng, count, of = np.random.default_rng(1), 0, 0
    for _ in range(20 * TIMES):
        rows = rng.permutation(len(pool))
        layer, held_out = conformal.over(picker, pool.of(rows[:200])), pool.of(rows[200:])
        bound = layer.curve(form.shown(held_out)).ruin_bound
        most = np.where(bound <= alpha, np.arange(bound.shape[1]), 0).max(axis=1)  # of all choices the worst
        count += int(held_out.ruined[np.arange(len(held_out)), most].sum())
        of += len(held_out)
    low, _ = clopper_pearson(count, of, 0.99)
    assert low <= alpha


def test_what_was_found_on_real_trades_is_sealed_in_the_card(sealed: Path, tmp_path: Path) -> None:
    cut = []
    for name, weeks, seed in (("past", 40, 1), ("later", 80, 1)):
        series = hours(weeks=weeks, seed=seed)[0]
        order = TradeSetsOrder(
            out=tmp_path / name, seed=1, small=1, mid=1, big=1, balanced=1, remainder=0, natural=0,
            bars=(series,), sources=(name,),
        )  # fmt: skip
        for _ in GoldSets().make(order):
            pass
        cut.append(order.out)
    asked = PickerEvaluation(
        pickers=(sealed,), sets=None, real=(cut[1],), train=cut[0], ruin_max=(0.01,), seal=tmp_path / "shipped"
    )
    Judge().evaluate(asked)
    found = checkpoints.load(tmp_path / "shipped", pinned_sha256=None).card
    report = found.evaluations[-1]
    assert report.name == "report span, risk of liquidation at most 1%"
    assert {"ruin_rate_frac", "growth_mean_log", "ahead_of best fixed leverage"} <= {one.name for one in report.figures}
    assert found.calibration is not None
    assert not report.out_of_sample  # its card says that it was trained on trades of that time
