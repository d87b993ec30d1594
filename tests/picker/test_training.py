"""Where no size picker is asked: training."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from tests.picker.account import write_config


def test_a_chain_that_asks_a_picker_is_not_trained_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path, "0" * 64)
    result = CliRunner().invoke(app, ["train", "futures", "--market", "MNQ", "--out", "runs/mnq"])
    assert result.exit_code != 0
    assert "size_picker asks a size picker, and in training none is asked" in result.output + str(result.exception)
    assert not (tmp_path / "runs/mnq").exists()
