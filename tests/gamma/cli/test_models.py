import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from models.checkpoints import CARD, save
from models.events.shelf import EventShelf
from models.shelf import Shelf
from models.size_picker.shelf import PickerShelf
from tests.models.checkpoint_case import REPORT, card, tensors

DOCS = (Path(__file__).parents[3] / "docs/cli.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three checkpoints: one on paper only, one that was evaluated, one whose card was changed."""
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "bin/mnq-fresh", tensors(card()), card())
    save(tmp_path / "bin/mnq-phase2", tensors(card()), card(evaluations=(REPORT,)))
    save(tmp_path / "bin/mnq-torn", tensors(card()), card())
    (tmp_path / "bin/mnq-torn" / CARD).write_text("seed = 8\n")
    (tmp_path / "bin/.mnq-half.0a1b2c3d").mkdir()
    (tmp_path / "bin/notes").mkdir()
    return tmp_path / "bin"


def told(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result.output


def printed(*arguments: str) -> Any:
    return json.loads(told(*arguments, "--json"))


def documented(heading: str) -> Any:
    section = DOCS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return json.loads(re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)[0])


def keys(value: Any) -> Any:
    if isinstance(value, list):
        return keys(value[0]) if value else None
    return {key: keys(item) for key, item in value.items()} if isinstance(value, dict) else None


def test_list_and_show_print_their_shapes(folder: Path) -> None:
    assert keys(printed("models", "list", str(folder))) == keys(documented("gamma models list"))
    assert keys(printed("models", "show", str(folder / "mnq-phase2"))) == keys(documented("gamma models show"))


def test_without_an_evaluation_out_of_sample_a_policy_is_for_paper_only(folder: Path) -> None:
    rows = printed("models", "list", str(folder))
    assert [(row["name"], row["paper_only"]) for row in rows] == [
        ("mnq-fresh", True),
        ("mnq-phase2", False),
        ("mnq-torn", None),
    ]
    lines = [line for line in told("models", "list", str(folder)).splitlines() if "mnq-" in line]
    assert ["paper only" in line for line in lines[:2]] == [True, False]
    assert "paper only: it has not qualified out of sample" in told("models", "show", str(folder / "mnq-fresh"))
    assert "paper only" not in told("models", "show", str(folder / "mnq-phase2"))


def test_a_checkpoint_that_is_refused_is_listed_with_its_reason(folder: Path) -> None:
    row = printed("models", "list", str(folder))[2]
    assert not row["ready"]
    assert "card.toml has the SHA-256" in row["error"]
    assert "refused" in told("models", "list", str(folder))
    assert "card.toml has the SHA-256" in told("models", "show", str(folder / "mnq-torn"), code=78)


def test_show_tells_the_hash_to_pin_and_each_figure_with_its_interval(folder: Path) -> None:
    shown = told("models", "show", str(folder / "mnq-phase2"))
    assert printed("models", "show", str(folder / "mnq-phase2"))["sha256"] in shown
    assert "No figure here is a promise" in shown
    assert re.search(r"return_usd +-812\.5 +-4,120 to 2,444\.25", shown)
    assert re.search(r"hold_frac +0\.28 *$", shown, re.MULTILINE)


def test_a_name_is_looked_for_in_the_configured_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told("init", "--defaults")
    monkeypatch.setenv("GAMMA__PATHS__MODELS", str(folder))
    assert printed("models", "show", "mnq-fresh")["folder"] == str(folder / "mnq-fresh")
    assert [row["name"] for row in printed("models", "list")] == ["mnq-fresh", "mnq-phase2", "mnq-torn"]
    assert "no checkpoint 'mnq-frsh'; did you mean mnq-fresh?" in told("models", "show", "mnq-frsh", code=1)


def test_a_folder_that_is_not_there_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nowhere is no folder" in told("models", "list", "nowhere", code=1)
    told("init", "--defaults")
    monkeypatch.setenv("GAMMA__PATHS__MODELS", "nowhere")
    assert "[paths] models = 'nowhere'" in told("models", "list", code=78)
    assert folder.is_dir()


def test_without_a_configuration_those_that_ship_are_listed(folder: Path) -> None:
    shipped = [one for shelf in (EventShelf(), Shelf(), PickerShelf()) for one in shelf.found(shelf.shipped)]
    assert [Path(row["folder"]) for row in printed("models", "list")] == shipped
    assert printed("models", "list", str(folder / "notes")) == []
    assert "no checkpoints yet" in told("models", "list", str(folder / "notes"))


def test_checkpoints_are_joined_and_shown_as_one(folder: Path) -> None:
    members = [str(folder / "mnq-fresh"), str(folder / "mnq-other")]
    save(folder / "mnq-other", tensors(card(seed=9), 9), card(seed=9))
    made = printed("models", "join", str(folder / "both"), *members)
    assert keys(made) == keys(documented("gamma models join"))
    shown = told("models", "show", str(folder / "both"))
    assert made["sha256"] in shown
    assert "futures phase 2, 2 together" in told("models", "list", str(folder))
    assert re.search(r"members\.2\.name +mnq-other", shown)
    assert "exists, and a checkpoint is not overwritten" in told(
        "models", "join", str(folder / "both"), *members, code=1
    )
    assert "is written; pin it by" in told("models", "join", str(folder / "twice"), *members)


def test_the_card_of_an_event_policy_is_shown_with_what_it_made_in_how_many_markets() -> None:
    shown = told("models", "show", "kalshi-btc15m")
    assert "held-out simulated markets: out of sample, 40,000 markets of simulator KXBTC15M seed 3003" in shown
    assert "replayed recordings: in sample, 37 markets of" in shown
    assert "more_than_fixed_size_usd_per_market" in shown
    assert shown.count("no edge on real quotes is claimed") == 3
