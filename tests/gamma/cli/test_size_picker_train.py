import json
import signal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.cli.size_picker_train import asked_to_stop, trainer
from gamma.ports import PickerEpoch, PickerTraining
from models.size_picker import store
from models.size_picker.broker import Terms
from models.size_picker.checkpoints import load, picker
from tests.gamma.cli.test_shapes import documented
from tests.models.size_picker.trades_case import brownian

SHARES = {"small": 0.5, "mid": 0.1, "big": 0.4}


@pytest.fixture(autouse=True)
def _trades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("trades", "real")):
        Path(name).mkdir()
        told = {"terms": Terms().model_dump(), "natural_shares": SHARES}
        store.write(Path(name), {"natural": brownian(400, seed, bars=20)}, told)


def ran(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == code, result.stderr
    return result.stdout if code == 0 else result.stderr


@pytest.mark.slow
def test_train_prints_the_shape_that_is_documented_and_seals_what_models_lists() -> None:
    printed = ran(
        "size-picker", "train", "--sets", "trades", "--real", "real", "--out", "v3", "--epochs", "2", "--json"
    )
    told, page = json.loads(printed), documented("gamma size-picker train")
    assert set(told) == set(page)
    assert set(told["sets"][0]) == set(page["sets"][0])
    assert [(one["name"], one["real"], one["weight_frac"]) for one in told["sets"]] == [
        ("trades", False, 0.9),
        ("real", True, 0.1),
    ]
    row = json.loads(ran("models", "show", "v3", "--json"))
    assert (row["kind"], row["sha256"], row["paper_only"]) == ("size picker v3", told["sha256"], True)
    assert row["card"]["training"]["seed"] == 1
    assert picker(load(Path("v3"), pinned_sha256=told["sha256"])).name == "V3"
    assert "training.sets.2.name" in ran("models", "show", "v3")


def test_train_says_what_it_came_to() -> None:
    said = ran("size-picker", "train", "--model", "v1", "--real", "real", "--out", "v1", "--epochs", "1")
    assert "v1:" in said
    assert "validation loss" in said


def test_bad_input_is_refused_by_name() -> None:
    Path("there").mkdir()
    train = ("size-picker", "train", "--epochs", "1")
    assert "name trades with --sets or --real" in ran(*train, "--out", "new", code=1)
    assert "there exists" in ran(*train, "--sets", "trades", "--out", "there", code=1)
    assert "--model v9: is none; give one of v1, v2, v3" in ran(
        *train, "--model", "v9", "--sets", "trades", "--out", "new", code=1
    )
    assert "holds no set of trades" in ran(*train, "--sets", "there", "--out", "new", code=1)


@pytest.mark.slow
def test_ctrl_c_seals_the_best_so_far() -> None:
    told: list[PickerEpoch] = []
    given: dict[str, Any] = {"model": "v3", "sets": Path("trades"), "real": (), "out": Path("stopped"), "seed": 1}
    with asked_to_stop() as asked:

        def tell(one: PickerEpoch) -> bool:
            told.append(one)
            signal.raise_signal(signal.SIGINT)
            return not asked

        order = PickerTraining(**given, epochs=5, real_frac=0.1, code_commit="unknown")
        found = trainer().train(order, tell)
    assert (found["ending"], len(told)) == ("stopped", 1)
    assert load(Path("stopped"), pinned_sha256=found["sha256"]).card.training.steps == found["steps"] > 0
