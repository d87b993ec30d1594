import hashlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from pydantic import ValidationError

from gamma import checkpoints as by_name
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.markets import market
from models.cards import Figure
from models.sealed import CARD, PICKER, SUMS
from models.shelf import Shelf
from models.size_picker import checkpoints, features
from models.size_picker.cards import Evaluation
from models.size_picker.checkpoints import bare, calibrated, load, picker, save
from models.size_picker.form import shown
from models.size_picker.shelf import PickerShelf
from tests.models.size_picker.checkpoint_case import LATER, LEARNED, card, tensors
from tests.models.size_picker.trades_case import brownian

WEIGHTS = PICKER.weights
ADDED = {
    "calibration.predicted": np.array([0.0, 0.1, 1.0], np.float32),
    "calibration.observed": np.array([0.0, 0.05, 1.0], np.float32),
    "conformal.scores": np.array([1.0, 3.0, 9.0, 27.0], np.float32),
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(tmp_path / "gold", tensors(card()), card())
    return tmp_path / "gold"


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def resealed(folder: Path, **files: bytes) -> Path:
    """The folder with other files, and sums that are right."""
    found = files_of(folder) | files
    lines = (f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in (CARD, WEIGHTS))
    for name, content in (found | {SUMS: "".join(lines).encode()}).items():
        (folder / name).write_bytes(content)
    return folder


def reweighed(folder: Path, **differs: Any) -> Path:
    found = safetensors.numpy.load((folder / WEIGHTS).read_bytes()) | differs
    kept = {name: tensor for name, tensor in found.items() if tensor is not None}
    return resealed(folder, **{WEIGHTS: safetensors.numpy.save(kept)})


@pytest.mark.parametrize("model", ["v1", "v2", "v3"])
def test_a_checkpoint_comes_back_as_it_was_saved(model: str, tmp_path: Path) -> None:
    told, weights = card(model), tensors(card(model))
    sha256 = save(tmp_path / "one", weights, told)
    found = load(tmp_path / "one", pinned_sha256=sha256)
    assert (found.card, found.sha256) == (told, sha256)
    assert {name: tensor.tobytes() for name, tensor in found.tensors.items()} == {
        name: tensor.tobytes() for name, tensor in weights.items()
    }
    assert picker(found).name.lower() == model


def test_loading_and_asking_need_no_jax(saved: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from gamma.markets import market;"
        "from models.size_picker.shelf import PickerShelf; from models.size_picker.checkpoints import load;"
        f"folder = Path({str(saved)!r}); sha = load(folder, pinned_sha256=None).sha256;"
        "PickerShelf().open(folder, market=market('XAU_USD'), pinned_sha256=sha); assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_calibration_is_sealed_with_the_model_and_used(tmp_path: Path, saved: Path) -> None:
    found = load(saved, pinned_sha256=None)
    save(tmp_path / "set", *calibrated(found, ADDED, [LATER]))
    again = load(tmp_path / "set", pinned_sha256=None)
    assert again.card.calibration is not None
    assert (again.card.calibration.knots, again.card.calibration.scores) == (3, 4)
    given = shown(brownian(20))
    before, after = bare(again).curve(given), picker(again).curve(given)
    assert (bare(found).curve(given).ruin_prob[given.allowed] == before.ruin_prob[given.allowed]).all()
    assert (after.ruin_prob[given.allowed] <= before.ruin_prob[given.allowed]).all()
    assert np.nanmin(after.ruin_bound) == pytest.approx(0.2)
    anew = calibrated(again, {name: ADDED[name] for name in list(ADDED)[:2]}, [LATER])
    save(tmp_path / "anew", *anew)
    assert "conformal.scores" not in load(tmp_path / "anew", pinned_sha256=None).tensors


@pytest.mark.parametrize(
    ("differs", "why"),
    [
        ({"table": None}, "table is missing"),
        ({"more": np.zeros(1, np.float32)}, "more is there, and no size picker with this card has it"),
        ({"gap": np.array([-1.0], np.float32)}, "gap is -1.0, and should be 0 or more"),
        ({"edges": np.zeros(32, np.float32)}, "edges does not rise"),
        ({"table": np.full((32, 20), np.nan, np.float32)}, r"table has nan at \[0, 0\]"),
        ({"head.b": np.zeros(3, np.float32)}, r"head.b is of shape \(3,\)"),
        ({"scale.variance": np.full(len(features.SUMS), -1, np.float32)}, "no variance is below 0"),
    ],
)
def test_wrong_tensors_are_refused_by_name(differs: dict[str, Any], why: str, saved: Path) -> None:
    with pytest.raises(ConfigInvalid, match=why):
        load(reweighed(saved, **differs), pinned_sha256=None)


@pytest.mark.parametrize(
    ("name", "tensor", "why"),
    [
        ("conformal.scores", np.array([1.0, 3.0, 2.0, 27.0], np.float32), "conformal.scores does not rise"),
        ("calibration.observed", np.array([0.0, 0.05, 1.5], np.float32), "no probability"),
        ("calibration.observed", np.array([0.0, 0.06, 1.0], np.float32), "another than the card's"),
    ],
)
def test_another_calibration_than_the_cards_is_refused(
    name: str, tensor: Any, why: str, tmp_path: Path, saved: Path
) -> None:
    save(tmp_path / "set", *calibrated(load(saved, pinned_sha256=None), ADDED, [LATER]))
    with pytest.raises(ConfigInvalid, match=why):
        load(reweighed(tmp_path / "set", **{name: tensor}), pinned_sha256=None)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('model = "v3"', 'model = "v4"', "model"),
        ('model = "v3"', 'model = "v2"', "sizes.w is missing"),
        ("bar_s = 3600", "bar_s = 0", "bar_s"),
        ("window_bars = 32", "window_bars = 31", "window_bars"),
        ('"body"', '"mood"', "features"),
        ("schema_sha256 = ", 'schema_sha256 = "' + "0" * 64 + '" # ', "train it anew with this version"),
        ('"XAU_USD"', '"GOLDX"', "markets"),
    ],
)
def test_wrong_cards_are_refused_by_field(old: str, new: str, why: str, saved: Path) -> None:
    text = (saved / CARD).read_text()
    assert old in text
    with pytest.raises(ConfigInvalid, match=why):
        load(resealed(saved, **{CARD: text.replace(old, new, 1).encode()}), pinned_sha256=None)


def test_spoiled_bytes_are_refused_in_a_sentence(saved: Path) -> None:
    own, pinned = files_of(saved), load(saved, pinned_sha256=None).sha256
    for n in range(150):
        draw = random.Random(n)
        name = draw.choice((CARD, WEIGHTS, SUMS))
        content = bytearray(own[name])
        content[draw.randrange(len(content))] ^= draw.randint(1, 255)
        for other, there in own.items():
            (saved / other).write_bytes(there)
        (saved / name).write_bytes(bytes(content))
        if n % 2 and name != SUMS:
            resealed(saved)
        with pytest.raises(ConfigInvalid, match=str(saved)):
            load(saved, pinned_sha256=pinned)


def test_what_does_not_fit_its_card_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="was not written"):
        save(tmp_path / "one", tensors(card("v2")), card("v3"))
    save(tmp_path / "one", tensors(card()), card())
    with pytest.raises(InputInvalid, match="exists"):
        save(tmp_path / "one", tensors(card()), card())


def test_a_size_picker_is_no_policy_and_another_markets_is_refused(saved: Path) -> None:
    sha256 = load(saved, pinned_sha256=None).sha256
    with pytest.raises(ConfigInvalid, match="picks sizes"):
        by_name.policy(str(saved), sha256, market("XAU_USD"), ())
    with pytest.raises(ConfigInvalid, match="is a size picker, and a policy is wanted"):
        Shelf().open(saved, market=market("MNQ"), pinned_sha256=sha256)
    with pytest.raises(ConfigInvalid, match="picks sizes of XAU_USD, and not of MNQ"):
        by_name.picker(str(saved), sha256, market("MNQ"), ())
    with pytest.raises(InputInvalid, match="join policies"):
        PickerShelf().join(saved.parent / "two", [saved, saved])
    assert by_name.picker(str(saved), sha256, market("XAU_USD"), ()).trained.kind == "size picker v3"


def test_it_is_for_paper_only_until_it_qualified_on_real_trades(tmp_path: Path, saved: Path) -> None:
    figure = {"name": "growth_mean", "value": 0.001, "low": 0.0, "high": 0.002}
    told = Evaluation(name="2023", out_of_sample=True, trades=LATER, figures=(Figure.model_validate(figure),))
    assert PickerShelf().told(saved).paper_only
    PickerShelf().appraise(saved, tmp_path / "judged", [told.model_dump(mode="json")])
    assert not PickerShelf().told(tmp_path / "judged").paper_only
    failed = told.model_copy(update={"not_qualified": "no better than the best fixed leverage"})
    PickerShelf().appraise(saved, tmp_path / "failed", [failed.model_dump(mode="json")])
    assert PickerShelf().told(tmp_path / "failed").paper_only


def test_no_card_calls_trades_out_of_sample_that_the_picker_was_trained_on() -> None:
    figure = Figure(name="growth_mean", value=0.0)
    told = Evaluation(name="own", out_of_sample=True, trades=LEARNED, figures=(figure,))
    with pytest.raises(ValidationError, match="says out_of_sample, but the picker was trained on trades of its time"):
        card(evaluations=(told,))


def test_a_calibration_is_known_by_what_it_came_to() -> None:
    same = checkpoints.calibration_id(dict(reversed(ADDED.items())))
    assert same == checkpoints.calibration_id(ADDED)
    assert same != checkpoints.calibration_id(ADDED | {"conformal.scores": np.array([1.0], np.float32)})
