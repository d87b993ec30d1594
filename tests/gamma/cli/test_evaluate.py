"""Strategies judged on days that they have not seen, through the commands, on simulated bars."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.feeds.importer import write_bars
from gamma.feeds.series import NS, concatenated
from gamma.ledger.reader import Reader
from models.cards import Figure
from models.checkpoints import save
from tests.gamma.feeds.series_case import simulated
from tests.models.checkpoint_case import CONDITIONS, LEARNED, REPORT, card, tensors

pytestmark = pytest.mark.slow

DOCS = (Path(__file__).parents[3] / "docs/cli.md").read_text(encoding="utf-8")
SERIES = simulated("MNQ", "2026-03-02", "2026-03-13", 900)
# Tuesday, noon in New York.
NOON = int(datetime(2026, 3, 10, 16, tzinfo=UTC).timestamp()) * NS
EARLY, LATE = "2026-03-02..2026-03-06", "2026-03-09..2026-03-13"
CHAIN = """
[account]
starting_capital_usd = 50_000
profile = "own_50k"

[feed]
bar_s = 900

[sizers.fixed]
lots = 1

[guards.flat_by]
cancel_before_s = 1_800
flat_before_s = 900
verify_before_s = 60

[guards.model_sanity]
actions = 6
age_max_days = 10_000

[[strategies]]
name = "rule"
market = "MNQ"
signal = {{ use = "breakout", entry_bars = 20 }}
sizers = ["fixed"]
guards = ["flat_by"]

[[strategies]]
name = "learned"
market = "MNQ"
signal = {{ use = "policy", checkpoint = "{folder}", sha256 = "{sha256}" }}
sizers = ["fixed"]
guards = ["flat_by", "model_sanity"]
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration with a rule and a policy of chance, and two weeks of bars."""
    monkeypatch.chdir(tmp_path)
    chosen = REPORT.model_copy(update={"figures": (Figure(name="selection_trials", value=14.0),)})
    leaves = CONDITIONS.model_copy(update={"cancel_before_s": 1_800, "flat_before_s": 900})
    sha256 = save(tmp_path / "made", tensors(card(), 1), card(evaluations=(chosen,), conditions=leaves))
    text = CHAIN.format(folder=tmp_path / "made", sha256=sha256)
    (tmp_path / "config.toml").write_text(text)
    write_bars(SERIES, tmp_path / "MNQ.parquet")


def told(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["evaluate", *arguments, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout) if result.stdout else result.stderr


def kept(name: str) -> list[Any]:
    with closing(Reader.open("sqlite:///gamma.db")) as reader:
        return list(reader.runs() if name == "runs" else reader.looks())


def test_a_rule_is_judged_in_every_respect_and_held_against_earlier_days() -> None:
    (one,) = told("strategy", "rule", "-b", "MNQ.parquet", "--span", LATE, "--train", EARLY)["evaluations"]
    figures = {each["name"]: each["value"] for each in one["figures"]}
    assert (one["strategy"], one["family"], one["sessions"], figures["trials"]) == ("rule", "breakout MNQ", 5, 1)
    assert figures["trades"] == one["sides"]["long_trades"] + one["sides"]["short_trades"] > 10
    assert {each["name"] for each in one["baselines"]} >= {"always_flat_net_pnl_usd", "buy_and_hold_net_pnl_usd"}
    hours = [each for each in one["regimes"] if each["dimension"] == "hours"]
    assert sum(each["trades"] for each in hours) == figures["trades"]
    assert sum(each["net_pnl_usd"] for each in hours) == pytest.approx(figures["net_pnl_usd"], abs=500)
    assert [each["name"] for each in one["degradation"]][:2] == ["pnl_per_session_usd", "sharpe_annual"]
    assert one["degradation"][0]["later"] == pytest.approx(figures["pnl_per_session_usd"])
    (window,) = one["windows"]
    assert window["pnl_usd"] == pytest.approx(figures["worst_7_sessions_usd"])


def test_report_days_are_looked_at_once_and_days_to_choose_on_as_often_as_one_likes() -> None:
    command = ("strategy", "rule", "-b", "MNQ.parquet", "--span", LATE)
    told(*command)
    assert [look["dataset"] for look in kept("looks")] == [f"MNQ {LATE}"]
    assert "were looked at on" in told(*command, code=1)
    result = CliRunner().invoke(app, ["evaluate", *command, "--for", "select", "--json"])
    assert json.loads(result.stdout)["evaluations"]
    assert f"days of MNQ {LATE} were report days on" in result.stderr
    told(*command, "--again")
    assert len(kept("looks")) == 2


def test_days_to_choose_on_that_were_no_report_days_are_taken_in_silence() -> None:
    told("strategy", "rule", "-b", "MNQ.parquet", "--span", LATE)
    result = CliRunner().invoke(
        app, ["evaluate", "strategy", "rule", "-b", "MNQ.parquet", "--span", EARLY, "--for", "select"]
    )
    assert (result.exit_code, result.stderr) == (0, "")


def test_bars_that_are_missing_are_told_of() -> None:
    first, last = (int(np.searchsorted(SERIES.ts_open_utc_ns, ts)) for ts in (NOON, NOON + 3 * 3_600 * NS))
    write_bars(concatenated([SERIES.rows(slice(0, first)), SERIES.rows(slice(last, None))]), Path("holed.parquet"))
    result = CliRunner().invoke(app, ["evaluate", "strategy", "rule", "-b", "holed.parquet", "--span", LATE])
    assert "bars are missing, 180 minutes on end" in result.stdout
    (one,) = told("strategy", "rule", "-b", "MNQ.parquet", "--span", EARLY)["evaluations"]
    assert {each["name"]: each["value"] for each in one["figures"]}["bars_missing"] == 0


def test_settings_that_were_tried_count_as_trials_each_once() -> None:
    command = ("strategy", "rule", "-b", "MNQ.parquet", "--span", EARLY, "--for", "select")
    for entry_bars in (20, 30, 40):
        text = re.sub(r"entry_bars = \d+", f"entry_bars = {entry_bars}", Path("config.toml").read_text())
        Path("config.toml").write_text(text)
        told(*command)
    (one,) = told(*command)["evaluations"]
    figures = {each["name"]: each["value"] for each in one["figures"]}
    assert figures["trials"] == 3
    assert figures["luck_sharpe_annual"] > 0


def test_a_policy_with_its_own_guard_is_held_against_a_rule_that_has_no_model() -> None:
    (one,) = told("strategy", "learned", "-b", "MNQ.parquet", "--span", LATE)["evaluations"]
    assert one["family"].startswith("futures phase 2")
    trials = next(each["value"] for each in one["figures"] if each["name"] == "trials")
    assert one["in_sample"] is False
    assert trials == 14, "it was chosen among so many, as its card tells, whatever this ledger knows"
    assert "breakout_net_pnl_usd" in {each["name"] for each in one["baselines"]}


def test_days_of_training_are_in_sample_and_no_look() -> None:
    bars = LEARNED.model_copy(update={"last_utc": datetime(2026, 3, 10, 16, tzinfo=UTC)})
    training = card().training.model_copy(update={"bars": (bars,)})
    leaves = CONDITIONS.model_copy(update={"cancel_before_s": 1_800, "flat_before_s": 900})
    sha256 = save(Path("seen").absolute(), tensors(card(), 1), card(training=training, conditions=leaves))
    Path("config.toml").write_text(CHAIN.format(folder=Path("seen").absolute(), sha256=sha256))
    (one,) = told("strategy", "learned", "-b", "MNQ.parquet", "--span", LATE)["evaluations"]
    assert one["in_sample"] is True
    assert kept("looks") == []


def test_several_are_shown_beside_each_other_with_a_picture_each() -> None:
    arguments = ["evaluate", "strategy", "rule", "learned", "-b", "MNQ.parquet", "--span", LATE, "--picture", "all.png"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "All, each in an account of its own" in result.stdout
    for name in ("rule", "learned"):
        assert Path(f"all-{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--span", EARLY, "--train", LATE.replace("09", "06")), "have days in common"),
        (("--span", "2026-03-09"), "write two days as"),
        (("--span", "2025-03-09..2025-03-13"), "no bars"),
    ],
)
def test_days_that_make_no_sense_are_refused(more: tuple[str, ...], why: str) -> None:
    assert why in told("strategy", "rule", "-b", "MNQ.parquet", *more, code=1)


def test_a_market_without_bars_is_named() -> None:
    assert "give --bars MNQ=FILE" in told("strategy", "rule", "-b", "MES=MNQ.parquet", "--span", LATE, code=1)


def test_the_shape_in_the_docs_is_the_one_that_is_printed() -> None:
    section = DOCS.split("\n## gamma evaluate strategy")[1].split("\n## ")[0]
    documented = json.loads(re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)[0])
    found = told("strategy", "rule", "-b", "MNQ.parquet", "--span", LATE, "--train", EARLY)
    assert list(documented) == list(found)
    (one,), (shown,) = found["evaluations"], documented["evaluations"]
    assert list(shown) == list(one)
    for name in ("figures", "baselines", "regimes", "windows", "degradation"):
        assert list(shown[name][0]) == list(one[name][0])
    assert list(shown["sides"]) == list(one["sides"])


def test_settings_are_walked_forward_and_what_all_of_them_made_is_kept() -> None:
    arguments = ("walk-forward", "rule", "-b", "MNQ.parquet", "--span", "2026-03-02..2026-03-13", "--folds", "2")
    settings = ("--vary", "strategies.rule.signal.entry_bars=20,40")
    more = ("--train-sessions", "4", *settings, "--returns", "all.csv", "--picture", "w.png")
    found = told(*arguments, *more, "--jobs", "1")
    assert found["candidates"] == ["signal.entry_bars=20", "signal.entry_bars=40"]
    assert (found["plan"]["purge"], found["plan"]["embargo"], len(found["folds"])) == (2, 1, 2)
    figures = {each["name"]: each["value"] for each in found["figures"]}
    assert (figures["sessions"], figures["trials"]) == (3, 2)
    assert len(kept("runs")) == 1
    assert Path("w.png").read_bytes().startswith(b"\x89PNG")
    assert Path("all.csv").read_text().splitlines()[0] == "session,signal.entry_bars=20,signal.entry_bars=40"
    section = DOCS.split("\n## gamma evaluate walk-forward")[1].split("\n## ")[0]
    documented = json.loads(re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)[0])
    assert list(documented) == list(found)
    assert list(documented["folds"][0]) == list(found["folds"][0])
    assert list(documented["plan"]) == list(found["plan"])
    table = CliRunner().invoke(app, ["evaluate", *arguments, "--train-sessions", "4", "--jobs", "1"])
    assert "1 candidates in MNQ, tests put in a row" in table.stdout


def test_a_setting_of_one_strategy_makes_the_other_a_candidate_once() -> None:
    with Path("config.toml").open("a") as config:
        config.write(
            '[[strategies]]\nname = "second"\nmarket = "MNQ"\nsignal = { use = "breakout", entry_bars = 30 }\n'
        )
        config.write('sizers = ["fixed"]\nguards = ["flat_by"]\n')
    arguments = ("walk-forward", "rule", "second", "-b", "MNQ.parquet", "--span", "2026-03-02..2026-03-13")
    found = told(*arguments, "--folds=1", "--train-sessions=4", "--vary=strategies.rule.signal.entry_bars=20,40")
    assert found["candidates"] == ["rule signal.entry_bars=20", "second", "rule signal.entry_bars=40"]


def test_settings_that_lead_nowhere_are_refused_before_anything_is_counted() -> None:
    settings = ("--vary", "strategies.other.market=ES")
    refused = told("walk-forward", "rule", "-b", "MNQ.parquet", "--span", LATE, *settings, code=78)
    assert "no entry 'other' in [strategies]; known: rule, learned" in refused
    assert not Path("gamma.db").exists()
