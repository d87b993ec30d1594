"""The registry of training: what is registered while a daemon holds the ledger waits, and is not lost."""

import os
from pathlib import Path

import pytest

from gamma.cli import run_registry
from gamma.cli.init import example
from gamma.config import Config, load
from gamma.errors import ConfigInvalid
from gamma.ledger import Ledger, Look, Run


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(example())
    return load(Path("config.toml"), os.environ)


def run(number: int) -> Run:
    return Run(
        run_id=f"run-{number}",
        run_kind=run_registry.TRAINING,
        config_hash="c3",
        seed=number,
        notes="{}",
        ts_event_utc_ns=number,
    )


def ids(config: Config) -> list[str]:
    return [row["id"] for row in run_registry.rows(config)[0]]


def test_a_run_is_registered_once(config: Config) -> None:
    run_registry.note(config, [run(1)])
    run_registry.note(config, [run(1), run(2)])
    assert ids(config) == ["run-1", "run-2"]


def test_what_a_daemon_keeps_out_waits_for_the_next_command(config: Config) -> None:
    daemon = Ledger.open(config.gamma.database, account="paper", mode="paper")
    look = Look(run_id="run-1", dataset="MNQ 2025-04-01..2025-04-02", family="f", notes="", ts_event_utc_ns=3)
    run_registry.note(config, [run(1), look])
    run_registry.note(config, [run(2)])
    assert ids(config) == ["run-1", "run-2"]
    assert [row["dataset"] for row in run_registry.rows(config)[1]] == [look.dataset]
    daemon.close()
    run_registry.note(config, [run(3)])
    assert ids(config) == ["run-1", "run-2", "run-3"]
    assert Path("gamma.db.runs").read_text() == ""


def test_a_line_that_is_no_record_is_named(config: Config) -> None:
    Path("gamma.db.runs").write_text("nonsense\n")
    with pytest.raises(ConfigInvalid, match=r"gamma.db.runs: a line of it is no record \('nonsense'\)"):
        run_registry.rows(config)
