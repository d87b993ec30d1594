import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gamma.cli import app

RUNNER = CliRunner()
BARS = """time,open,high,low,close,volume
2026-03-02T15:00:00Z,20000,20001,19999,20000.5,10
2026-03-02T15:05:00Z,20000.5,20003,19999,20000.5,10
2026-03-02T15:10:00Z,20000.5,20003,19999,20001,10
"""


@pytest.fixture(autouse=True)
def _bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mnq.csv").write_text(BARS)


def test_a_file_of_bars_is_imported_and_told_of() -> None:
    result = RUNNER.invoke(app, ["feed", "import", "mnq.csv", "--market", "MNQ"])
    assert result.exit_code == 0, result.stderr
    assert "bars/MNQ_300s.parquet" in result.stdout
    assert Path("bars/MNQ_300s.parquet").exists()


def test_an_import_as_json_names_its_files() -> None:
    shape = json.loads(RUNNER.invoke(app, ["feed", "import", "mnq.csv", "-m", "MNQ", "--json"]).stdout)
    assert (shape["bars"], shape["rows"], shape["bar_s"], shape["quarantine"]) == (
        "bars/MNQ_300s.parquet",
        3,
        300,
        None,
    )


def test_bad_rows_lie_beside_the_bars() -> None:
    Path("mnq.csv").write_text(f"{BARS}2026-03-02T15:15:00Z,20000,19000,19999,20001,10\n")
    refused = RUNNER.invoke(app, ["feed", "import", "mnq.csv", "-m", "MNQ"])
    assert refused.exit_code == 1
    assert "mnq.csv" in refused.stderr
    shape = json.loads(RUNNER.invoke(app, ["feed", "import", "mnq.csv", "-m", "MNQ", "--skip-bad", "--json"]).stdout)
    assert Path(shape["quarantine"]).exists()
