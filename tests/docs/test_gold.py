"""The example that trades gold by a size picker works as it stands, with the checkpoint that ships."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.cli import app

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "gold.toml"


def told(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json", "--config", str(EXAMPLE)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_size_of_gold_is_judged() -> None:
    found = told("size", "--market", "XAU_USD", "--dry-run")
    assert [row["lots"] for row in found["sizes"]] == list(range(31))
    assert all(row["ruin_prob"] is not None for row in found["sizes"] if row["standing"] != "margin")
    chosen = [row for row in found["sizes"] if row["standing"] == "chosen"]
    assert [row["lots"] for row in chosen] == [found["steps"][0]["lots_after"]]


@pytest.mark.parametrize("configured", [False, True])
def test_it_stands_in_where_no_strategy_trades_gold(configured: bool) -> None:
    """Without a configuration, and with one that trades other markets; it says whose account it is."""
    if configured:
        assert CliRunner().invoke(app, ["init", "--defaults"]).exit_code == 0
    result = CliRunner().invoke(app, ["size", "--market", "XAU_USD", "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["example"] == "gold.toml"
    assert found["sizes"] == told("size", "--market", "XAU_USD", "--dry-run")["sizes"]
    assert list(Path().iterdir()) == ([Path("config.toml")] if configured else [])


def test_it_does_not_stand_in_for_a_configuration_or_a_strategy_that_is_named() -> None:
    assert CliRunner().invoke(app, ["init", "--defaults"]).exit_code == 0
    for named, code in ((["--config", "config.toml"], 78), (["--strategy", "gold"], 1)):
        result = CliRunner().invoke(app, ["size", "--market", "XAU_USD", "--dry-run", *named])
        assert result.exit_code == code
        assert "mnq" in result.output


def test_it_trades_and_every_decision_is_made_again() -> None:
    ran = CliRunner().invoke(app, ["run", "--plain", "--speed", "max", "--bars", "300", "--config", str(EXAMPLE)])
    assert ran.exit_code == 0, ran.output
    found = told("replay", "--verify")
    assert found["decisions"] == found["identical"] > 0
    reasons = {row["reason"] for row in told("decisions")}
    assert not reasons & {"model_failed", "model_unfit", "warming_up", "curve_stale", "stale_data"}
