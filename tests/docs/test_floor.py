"""The example that trades MNQ above a floor works as it stands, with the checkpoint that ships."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gamma.cli import app

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "floor.toml"


def told(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json", "--config", str(EXAMPLE)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_size_has_its_chance_of_touching_the_floor_and_the_largest_within_the_limit_is_taken() -> None:
    found = told("size", "--market", "MNQ", "--dry-run", "--what-if")
    probs = [row["ruin_prob"] for row in found["sizes"] if row["ruin_prob"] is not None]
    assert len(probs) > 3
    assert (np.diff(probs) >= 0).all()
    chosen = [row for row in found["sizes"] if row["standing"] == "chosen"]
    assert [row["lots"] for row in chosen] == [found["steps"][0]["lots_after"]]
    assert [row["ruin_prob"] <= 0.05 for row in chosen] == [True]
    assert probs[-1] > 0.05


def test_it_is_flat_at_the_end_of_each_session_and_every_decision_is_made_again() -> None:
    ran = CliRunner().invoke(app, ["run", "--plain", "--speed", "max", "--bars", "300", "--config", str(EXAMPLE)])
    assert ran.exit_code == 0, ran.output
    found = told("replay", "--verify")
    assert found["decisions"] == found["identical"] > 0
    reasons = {row["reason"] for row in told("decisions")}
    assert not reasons & {"model_failed", "model_unfit", "warming_up", "curve_stale", "stale_data", "unfamiliar"}
    hours_held = [(row["ts_close_utc_ns"] - row["ts_open_utc_ns"]) / 3.6e12 for row in told("trades")]
    assert hours_held
    assert max(hours_held) < 23
