import json
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from gamma.cli import app
from gamma.cli.init import example

TWO = """
[accounts.apex1.account]
starting_capital_usd = 50_000

[accounts.topstep.sizers.atr_risk]
risk_frac = 0.004
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the example's configuration for two accounts."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.toml"
    path.write_text(example().replace('name = "paper"  ', '# name = "paper"  ', 1) + TWO)
    path.chmod(0o600)
    return tmp_path


def gamma(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, arguments, env=env)


def printed(*arguments: str) -> Any:
    result = gamma(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def commands(group: Any = None, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, command in getattr(group or get_command(app), "commands", {}).items():
        deeper = getattr(command, "commands", None)
        found += commands(command, (*path, name)) if deeper else [((*path, name), command)]
    return found


def test_every_command_that_reads_a_configuration_takes_an_account() -> None:
    takes = {path: {name for option in command.params for name in option.opts} for path, command in commands()}
    reading = {path for path, names in takes.items() if "--config" in names}
    assert ("run",) in reading
    assert all("--account" in takes[path] for path in reading)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["status", "positions", "run", "trades"])
def test_a_command_that_is_not_told_which_account_says_which_there_are(command: str) -> None:
    result = gamma(command)
    assert (result.exit_code, result.stdout) == (78, "")
    assert "config.toml has the accounts apex1, topstep; name one of them, as in --account apex1" in result.stderr


@pytest.mark.usefixtures("folder")
def test_show_and_check_go_over_all_accounts_or_over_one() -> None:
    assert [one["account"] for one in printed("config", "check")["accounts"]] == ["apex1", "topstep"]
    assert printed("config", "check", "--account", "topstep")["account"] == "topstep"
    shown = printed("config", "show")
    risk = {
        name: [r["value"] for r in one["settings"] if r["name"] == "sizers.atr_risk.risk_frac"]
        for name, one in shown.items()
    }
    assert risk == {"apex1": [0.005], "topstep": [0.004]}
    assert printed("config", "show", "--account", "apex1") == shown["apex1"]


def test_check_names_the_account_that_cannot_be_traded_with(folder: Path) -> None:
    with (folder / "config.toml").open("a") as file:
        file.write("\n[accounts.topstep.account]\nstarting_capital_usd = 60_000\n")
    result = gamma("config", "check")
    assert result.exit_code == 78
    assert "account topstep: " in result.stderr
    assert "config.toml is fine: paper account apex1" in result.stdout
    assert gamma("config", "check", "--account", "apex1").exit_code == 0


def test_a_wrong_parameter_of_one_account_is_named_with_its_whole_path(folder: Path) -> None:
    with (folder / "config.toml").open("a") as file:
        file.write("\n[accounts.apex1.sizers.atr_risk]\nrisk_frac = 7\n[sizers.vol_target]\nrisk_daily_fraq = 1\n")
    said = " ".join(gamma("config", "check").stderr.split())
    assert "account apex1: config.toml:" in said
    assert "[accounts.apex1.sizers.atr_risk] risk_frac = 7: " in said
    assert "[sizers.vol_target] risk_daily_fraq: unknown key" in said


def test_all_accounts_at_a_glance_though_one_has_no_ledger_and_another_no_configuration(folder: Path) -> None:
    with (folder / "config.toml").open("a") as file:
        file.write('\n[accounts.broken.gamma]\nmode = "x"\n')
    assert printed("run", "--account", "apex1", "--speed", "max", "--bars", "200")["account"] == "apex1"
    apex, topstep, broken = printed("accounts")["accounts"]
    assert apex["standing"]["state"] == "ACTIVE"
    assert (topstep["standing"], topstep["ledger"]) == (None, "sqlite:///gamma-topstep.db")
    assert "there is no gamma-topstep.db" in topstep["problem"]
    assert '[accounts.broken.gamma] mode = "x"' in broken["problem"]
    assert [one["account"] for one in printed("accounts", "--account", "topstep")["accounts"]] == ["topstep"]
    told = gamma("accounts", env={"COLUMNS": "80"})
    assert max(map(len, told.stdout.partition("\ntopstep: ")[0].splitlines())) <= 80


@pytest.mark.usefixtures("folder")
def test_the_environment_may_name_the_account() -> None:
    result = gamma("status", env={"GAMMA_ACCOUNT": "topstep"})
    assert "there is no gamma-topstep.db" in result.stderr


def test_one_account_is_overseen_without_a_name(folder: Path) -> None:
    (folder / "config.toml").write_text(example())
    assert [one["account"] for one in printed("accounts")["accounts"]] == ["paper"]


def test_an_account_is_armed_by_the_name_that_chooses_it(folder: Path) -> None:
    refused = gamma("arm", "--account", "apex", "--max-loss", "500")
    assert (refused.exit_code, "did you mean apex1?" in refused.stderr) == (78, True)
    done = gamma("arm", "--account", "apex1", "--max-loss", "500")
    assert "gamma-topstep" not in done.stderr
    assert not (folder / "gamma-topstep.db").exists()


def test_a_report_of_one_account_does_not_lie_where_anothers_does(folder: Path) -> None:
    printed("run", "--account", "apex1", "--speed", "max", "--bars", "50")
    assert printed("report", "--account", "apex1")["page"] == "report/apex1/report.html"
    assert printed("db", "backup", "--account", "apex1")["target"].startswith("backups/apex1/apex1-")
    assert printed("db", "verify", "--account", "apex1")["problems"] == []
    assert not (folder / "report" / "report.html").exists()


def test_what_a_person_is_told_to_type_names_the_account(folder: Path) -> None:
    printed("run", "--account", "apex1", "--speed", "max", "--bars", "5")
    gamma("halt", "news", "--account", "apex1")
    told = gamma("status", "--account", "apex1").stdout
    assert "gamma resume --ack ID --account apex1" in told
    assert "gamma ack --account apex1" in told
    (folder / "config.toml").write_text(example())
    (folder / "gamma-apex1.db").unlink()
    printed("run", "--speed", "max", "--bars", "5")
    gamma("halt", "news")
    assert "gamma resume --ack ID\n" in gamma("status").stdout
