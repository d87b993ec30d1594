"""Promotion from end to end: policies of chance on simulated bars, through the commands."""

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.feeds.contracts import cut
from gamma.feeds.importer import write_bars
from gamma.ledger.reader import Reader
from models.checkpoints import load, save
from models.shelf import Shelf
from tests.gamma.feeds.series_case import simulated
from tests.models.checkpoint_case import card, tensors

pytestmark = pytest.mark.slow

DOCS = (Path(__file__).parents[3] / "docs/cli.md").read_text(encoding="utf-8")
SERIES = simulated("MNQ", "2026-03-02", "2026-03-13")
SELECT, REPORT = "2026-03-02..2026-03-06", "2026-03-09..2026-03-13"
SPANS = ("--select", SELECT, "--report", REPORT)
CHAIN = """
[account]
starting_capital_usd = 50_000
profile = "own_50k"

[sizers.fixed]
lots = 1

[guards.kill_switch]
flatten = true

[guards.flat_by]
cancel_before_s = 600
flat_before_s = 300
verify_before_s = 60

[[strategies]]
name = "mnq"
market = "MNQ"
signal = {signal}
sizers = ["fixed"]
guards = ["kill_switch", "flat_by"]
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration, bars of two weeks, and a run of two seeds with three checkpoints in all."""
    monkeypatch.chdir(tmp_path)
    configured(tmp_path, '{ use = "breakout" }')
    write_bars(SERIES, tmp_path / "MNQ.parquet")
    for seed, name in zip(
        (1, 2, 4), ("seed-1/checkpoints/0050", "seed-1/checkpoints/0100", "seed-2/checkpoints/0050"), strict=True
    ):
        save(tmp_path / "run" / name, tensors(card(), seed), card())


def configured(folder: Path, signal: str) -> None:
    (folder / "config.toml").write_text(CHAIN.format(signal=signal))


def told(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout) if result.stdout else result.stderr


def promoted(*more: str, code: int = 0, out: str = "made") -> Any:
    return told("models", "promote", "run", "-b", "MNQ.parquet", *SPANS, "-o", out, "--jobs", "1", *more, code=code)


def breakout_trades(folder: str) -> float:
    report = load(Path(folder), pinned_sha256=None).card.evaluations[-1]
    return next(one.value for one in report.figures if one.name == "breakout_trades")


def kept(name: str) -> list[Any]:
    with closing(Reader.open("sqlite:///gamma.db")) as reader:
        return list(reader.runs() if name == "runs" else reader.looks())


def test_where_none_qualifies_none_is_promoted_and_the_report_days_stay_unseen() -> None:
    found = promoted(code=1)
    assert (found["qualified"], found["promoted"], found["trials"], len(found["candidates"])) == (False, None, 3, 3)
    assert all(one["against"] for one in found["candidates"])
    assert not Path("made").exists()
    assert (len(kept("runs")), kept("looks")) == (1, [])
    result = CliRunner().invoke(app, ["models", "promote", "run", "-b", "MNQ.parquet", *SPANS, "-o", "made"])
    assert "none qualifies, and none is promoted" in result.stdout
    again = promoted("--returns", "all.csv", code=1)
    assert again["trials"] == 3, "the same checkpoints are no new trials"
    assert again["overfitting_prob"] is None, "five sessions have no halves to speak of"
    assert len(Path("all.csv").read_text().splitlines()) == 1 + 5


def test_one_that_did_not_qualify_may_be_written_for_paper_with_a_card_that_says_so() -> None:
    found = promoted("--anyway", "--reason", "to try the way")
    made = Shelf().told(Path("made"))
    assert (made.sha256, made.paper_only) == (found["sha256"], True)
    select, report = load(Path("made"), pinned_sha256=None).card.evaluations
    assert (select.name, report.name, report.out_of_sample, report.sessions) == (
        "selection span",
        "report span",
        True,
        5,
    )
    assert report.not_qualified == found["candidates"][0]["against"]
    figures = {one.name: one for one in report.figures}
    assert figures["selection_trials"].value == 3
    assert {"trades", "net_pnl_usd", "drawdown_max_usd", "flat_hold_frac", "lots_mean"} <= figures.keys()
    assert {"always_flat_net_pnl_usd", "buy_and_hold_net_pnl_usd", "breakout_net_pnl_usd"} <= figures.keys()
    (look,) = kept("looks")
    assert (look["dataset"], look["notes"]) == (f"MNQ {REPORT}", "to try the way")


def test_a_guard_of_checkpoints_leaves_the_breakout_beside_a_policy_its_trades() -> None:
    promoted("--anyway", "--reason", "without the guard")
    text = Path("config.toml").read_text().replace('"flat_by"]', '"flat_by", "model_sanity"]')
    Path("config.toml").write_text(f"{text}\n[guards.model_sanity]\nactions = 6\nage_max_days = 10_000\n")
    promoted("--anyway", "--again", "--reason", "with it", out="other")
    assert breakout_trades("made") == breakout_trades("other") > 0


def test_a_second_look_is_refused_and_where_it_is_forced_it_is_counted() -> None:
    promoted("--anyway", "--reason", "first")
    refused = promoted("--anyway", "--reason", "second", code=1, out="other")
    assert "were looked at on" in refused
    later = told("models", "evaluate", "made", "-b", "MNQ.parquet", "--span", "2026-03-13..2026-03-13", code=1)
    assert "--again" in later
    promoted("--anyway", "--again", "--reason", "second", out="other")
    assert [look["notes"] for look in kept("looks")] == ["first", "second"]


def test_the_daemon_makes_the_trades_of_the_card_again() -> None:
    found = promoted("--anyway", "--reason", "to compare")
    configured(Path(), f'{{ use = "policy", checkpoint = "made", sha256 = "{found["sha256"]}" }}')
    begin = int(np.searchsorted(SERIES.ts_open_utc_ns, SERIES.ts_open_utc_ns[0] + 6 * 86_400 * 10**9))
    write_bars(cut(SERIES, int(SERIES.ts_open_utc_ns[begin]), 2**62), Path("report.parquet"))
    assert told("models", "match", "made", code=1)["same_as"] == []
    ran = CliRunner().invoke(app, ["run", "--feed", "MNQ=report.parquet", "--speed", "max", "--once", "--json"])
    assert ran.exit_code == 0, ran.output
    same = told("models", "match", "made")
    assert same["trades"] > 5
    assert same["same_as"] == ["report span"]


def test_a_policy_is_evaluated_beside_its_baselines() -> None:
    one = "run/seed-2/checkpoints/0050"
    found = told("models", "evaluate", one, "-b", "MNQ.parquet", "--span", SELECT)
    names = [figure["name"] for figure in found["figures"]]
    assert (found["sessions"], found["market"], "beats_random_entries_frac" in names) == (5, "MNQ", True)
    assert (len(kept("looks")), len(kept("runs"))) == (1, 1)
    again = told("evaluate", "policy", one, "-b", "MNQ.parquet", "--span", SELECT, "--again")
    assert again["trades_sha256"] == found["trades_sha256"]
    shown = CliRunner().invoke(app, ["models", "evaluate", one, "-b", "MNQ.parquet", "--span", SELECT, "--again"])
    assert "5 sessions of MNQ" in shown.stdout


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--anyway",), "need a --reason"),
        (("--select", "2026-03-09..2026-03-10"), "have days in common"),
        (("--train", "2026-03"), "write two days as"),
        (("--train", "2026-03-05..2026-03-04"), "ends before it begins"),
        (("--train", "2025-03-03..2025-03-04"), "the files have 2026-03-0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_rehearsed(more: tuple[str, ...], why: str) -> None:
    assert why in promoted(*more, code=1)
    assert not Path("gamma.db").exists()


def test_folders_without_checkpoints_and_names_that_are_taken_are_refused() -> None:
    assert "is there already" in promoted(code=1, out="run")
    Path("empty").mkdir()
    none = told("models", "promote", "empty", "-b", "MNQ.parquet", *SPANS, "-o", "made", code=1)
    assert "no checkpoint in it" in none
    save(Path("run/other"), tensors(card(phase=1)), card(phase=1))
    assert "several families" in promoted(code=1)


def documented(heading: str) -> Any:
    section = DOCS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return json.loads(re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)[0])


def test_promote_evaluate_and_match_print_their_shapes() -> None:
    found = promoted("--anyway", "--reason", "to see")
    assert list(documented("gamma models promote")) == list(found)
    assert list(documented("gamma models promote")["candidates"][0]) == list(found["candidates"][0])
    evaluated = told("models", "evaluate", "made", "-b", "MNQ.parquet", "--span", SELECT)
    assert list(documented("gamma models evaluate")) == list(evaluated)
    assert list(documented("gamma models match")) == list(told("models", "match", "made", code=1))
