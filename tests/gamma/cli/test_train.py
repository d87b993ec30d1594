"""`gamma train futures`: from bars and a configuration to a checkpoint."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from gamma.cli import app
from models import checkpoints
from models.futures.schema import schema_hash
from tests.models.futures.market_case import simulated

ROOT = Path(__file__).parents[3]
UPDATE = 256 * 128


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration, and two files of bars that follow one another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_bytes((ROOT / "config.example.toml").read_bytes())
    series = simulated("MNQ", 1_500)
    names = {"open": "open_points", "high": "high_points", "low": "low_points", "close": "close_points"}
    bars = pl.DataFrame(
        {"ts": series.ts_open_utc_ns.astype(np.int64), **{k: getattr(series, v) for k, v in names.items()}}
    ).with_columns(pl.from_epoch("ts", time_unit="ns").dt.replace_time_zone("UTC"))
    bars[:900].write_parquet(tmp_path / "a.parquet")
    bars[900:].write_parquet(tmp_path / "b.parquet")
    return tmp_path


def told(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["train", "futures", *arguments], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result.output + str(result.exception or "")


@pytest.mark.slow
def test_bars_become_a_checkpoint_that_trades_on_paper_only(folder: Path) -> None:
    given = ["--bars", "a.parquet", "--bars", "b.parquet", "--strategy", "mnq", "--window", "1"]
    said = told(*given, "--steps", str(2 * UPDATE), "--seed", "7", "--out", "models/mnq")
    assert "paper only" in said
    made = checkpoints.load(folder / "models/mnq", pinned_sha256=None, schema_hash=schema_hash(2, 1))
    assert (made.card.markets, made.card.training.steps, made.card.training.seed) == (("MNQ",), 2 * UPDATE, 7)
    assert [bars.name for bars in made.card.training.bars] == ["a.parquet", "b.parquet"]
    assert made.card.paper_only
    lines = [json.loads(line) for line in (folder / "models/mnq.jsonl").read_text().splitlines()]
    assert [line["steps"] for line in lines] == [UPDATE, 2 * UPDATE]
    shares = [line[name] for line in lines for name in line if name.endswith("_frac") and name != "win_frac"]
    assert sum(shares) == pytest.approx(2, abs=1e-6)
    told(*given, "--steps", str(UPDATE), "--out", "models/mnq", code=1)
    again = json.loads(told(*given, "--steps", str(UPDATE), "--seed", "7", "--out", "models/again", "--json"))
    assert (again["folder"], again["steps"], again["reward"]) == (
        "models/again",
        UPDATE,
        pytest.approx(lines[0]["reward"]),
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--bars", "b.parquet", "--bars", "a.parquet"], "oldest first"),
        (["--bars", "a.parquet", "--steps", "100"], "steps = 100: must be 32768 or more"),
        (["--bars", "a.parquet", "--strategy", "nobody"], "nobody"),
        (["--bars", "none.parquet"], "none.parquet"),
    ],
)
def test_what_cannot_be_trained_is_said(folder: Path, given: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["train", "futures", *given, "--out", "models/mnq"])
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)
    assert not (folder / "models/mnq").exists()
