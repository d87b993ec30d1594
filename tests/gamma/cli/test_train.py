"""`gamma train futures`: from bars and a configuration to a checkpoint."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

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
def test_bars_become_checkpoints_that_trade_on_paper_only(folder: Path) -> None:
    given = ["--bars", "a.parquet", "--bars", "b.parquet", "--strategy", "mnq", "--window", "1", "--held-out", "0"]
    said = told(*given, "--steps", str(2 * UPDATE), "--seed", "7", "--checkpoint-every", "1", "--out", "runs/mnq")
    assert "paper only" in said
    made = checkpoints.load(folder / "runs/mnq/checkpoints/0002", pinned_sha256=None, schema_hash=schema_hash(2, 1))
    assert (made.card.markets, made.card.training.steps, made.card.training.seed) == (("MNQ",), 2 * UPDATE, 7)
    assert [bars.name for bars in made.card.training.bars] == ["a.parquet", "b.parquet"]
    assert made.card.paper_only
    lines = [json.loads(line) for line in (folder / "runs/mnq/metrics.jsonl").read_text().splitlines()]
    assert [line["steps"] for line in lines] == [UPDATE, 2 * UPDATE]
    assert "is there already" in told(*given, "--out", "runs/mnq", code=1)
    assert "has had all its updates" in told("--resume", "runs/mnq")
    (folder / "b.parquet").unlink()
    assert "b.parquet" in told("--resume", "runs/mnq", code=1)


@pytest.mark.slow
def test_a_run_on_simulated_bars_needs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--market", "MNQ", "--days", "10", "--window", "1", "--steps", str(UPDATE), "--json"]
    one = json.loads(told(*given))
    assert one["finished"]
    assert one["seeds"][0]["steps"] == UPDATE
    assert (tmp_path / one["seeds"][0]["checkpoint"] / "card.toml").exists()
    held = one["seeds"][0]["held_out"]
    assert list(held) == ["policy", "random", "always buy", "always sell", "always flat"]
    assert held["always buy"]["long_frac"] == 1
    assert held["always flat"]["pnl_usd_per_session"] == 0
    run = tmp_path / one["folder"]
    assert (run / "picture.png").read_bytes()[:4] == b"\x89PNG"
    (run / "picture.png").unlink()
    assert CliRunner().invoke(app, ["train", "picture", str(run)]).exit_code == 0
    assert (run / "picture.png").exists()
    _is_registered(one)


@pytest.mark.slow
def test_ctrl_c_keeps_the_run_and_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    metrics = tmp_path / "run/metrics.jsonl"

    def interrupt() -> None:
        while not metrics.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    person = threading.Thread(target=interrupt, daemon=True)
    person.start()
    said = told("--days", "10", "--window", "1", "--steps", str(50 * UPDATE), "--out", "run")
    person.join()
    assert "go on with: gamma train futures --resume run" in said
    assert (tmp_path / "run/resume.safetensors").exists()
    assert not (tmp_path / "run/checkpoints").exists()
    row = json.loads(CliRunner().invoke(app, ["train", "runs", "--json"]).stdout)["runs"][0]
    assert row["state"] == "stopped"
    assert row["steps"] == UPDATE * len(metrics.read_text().splitlines())


@pytest.mark.slow
def test_a_run_that_is_killed_in_its_first_update_is_a_trial_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [str(Path(sys.executable).with_name("gamma")), "train", "futures", "--days", "10", "--out", "run"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as training:
        while not (rows := _listed() if Path("run").exists() else []):
            assert training.poll() is None
            time.sleep(0.05)
        training.kill()
    assert [(row["state"], row["steps"]) for row in rows] == [("under way, or killed", 0)]
    assert _listed() == rows


def _listed() -> Any:
    listed = CliRunner().invoke(app, ["train", "runs", "--json"])
    return json.loads(listed.stdout)["runs"] if listed.exit_code == 0 else []


def _is_registered(one: dict[str, Any]) -> None:
    listed = CliRunner().invoke(app, ["train", "runs", "--json"])
    told_of = json.loads(listed.stdout)
    assert (told_of["trials"], told_of["looks"]) == (1, 1)
    row = told_of["runs"][0]
    assert (row["run"], row["state"], row["checkpoints"]) == (f"{one['run_id']}-s1", "finished", 1)
    section = (ROOT / "docs/cli.md").read_text().split("\n## gamma train runs")[1].split("\n## ")[0]
    shown = json.loads(section.split("```json\n")[1].split("```")[0])
    assert list(shown) == list(told_of)
    assert list(shown["runs"][0]) == list(row)
    assert "N = 1 trained policies" in CliRunner().invoke(app, ["train", "runs"]).stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--bars", "b.parquet", "--bars", "a.parquet"], "oldest first"),
        (["--bars", "a.parquet", "--steps", "100"], "steps = 100: must be 32768 or more"),
        (["--bars", "a.parquet", "--strategy", "nobody"], "nobody"),
        (["--bars", "none.parquet"], "none.parquet"),
        (["--bars", "MES=a.parquet", "--market", "MNQ"], "has bars of MES, and --market says MNQ"),
        (["--bars", "MES=a.parquet", "--market", "MNQ", "--market", "MES"], "no file for MNQ; give MNQ=FILE"),
        (["--bars", "a.parquet", "--market", "MNQ", "--market", "MES"], "does not say which market's bars it has"),
        (["--bars", "a.parquet", "--from", "nothing"], "nothing is no folder"),
        (["--market", "XYZ"], "XYZ"),
        (["--resume", "nothing"], "no run is in it"),
    ],
)
def test_what_cannot_be_trained_is_said(folder: Path, given: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["train", "futures", *given, "--out", "runs/mnq"])
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)
    assert not (folder / "runs/mnq").exists()


@pytest.mark.slow
def test_event_contracts_are_learned_by_a_command_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["train", "events", "--markets", "30", "--steps", str(UPDATE), "--out", "run"]
    result = CliRunner().invoke(app, [*given, "--sizes", "10", "--json"])
    assert result.exit_code == 0, result.output
    one = json.loads(result.stdout)
    assert (one["markets"], one["sizes"], one["finished"]) == (["KXBTC15M"], [10], True)
    section = (ROOT / "docs/cli.md").read_text().split("\n## gamma train events")[1].split("\n## ")[0]
    shown = json.loads(section.split("```text\n")[1].split("```")[0])
    assert list(shown) == list(one)
    assert list(shown["seeds"][0]) == list(one["seeds"][0])
    assert list(shown["seeds"][0]["held_out"]["policy"]) == list(one["seeds"][0]["held_out"]["policy"])
    assert (tmp_path / "run/picture.png").exists()
    row = json.loads(CliRunner().invoke(app, ["train", "runs", "--json"]).stdout)["runs"][0]
    assert (row["phase"], row["state"], row["looks"]) == (None, "finished", 1)
    listed = json.loads(CliRunner().invoke(app, ["models", "list", "run/checkpoints", "--json"]).stdout)[0]
    assert (listed["kind"], listed["paper_only"]) == ("event, 10 contracts", True)
    refused = CliRunner().invoke(app, [*given, "--sizes", "11"])
    assert "should be variable, or the only size of its orders" in refused.output
    assert "go on with it by that" in told("--resume", "run", code=1)
