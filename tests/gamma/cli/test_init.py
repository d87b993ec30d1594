import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.cli.init import example
from gamma.config import load

RUNNER = CliRunner()
EXAMPLE = Path(__file__).parents[3] / "config.example.toml"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_init_writes_the_example_for_its_owner_alone() -> None:
    result = RUNNER.invoke(app, ["init", "--defaults"])
    assert result.exit_code == 0
    assert Path("config.toml").read_text() == EXAMPLE.read_text()
    assert Path("config.toml").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in Path().iterdir()] == ["config.toml"]


def test_init_never_overwrites_without_force() -> None:
    Path("config.toml").write_text("mine")
    result = RUNNER.invoke(app, ["init", "--defaults"])
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert Path("config.toml").read_text() == "mine"
    assert RUNNER.invoke(app, ["init", "--defaults", "--force"]).exit_code == 0
    assert Path("config.toml").read_text() == EXAMPLE.read_text()


def test_the_example_loads() -> None:
    config = load(EXAMPLE, {})
    assert config.account.starting_capital_usd == 50_000
    assert [(s.market, s.signal["use"]) for s in config.strategies] == [("MNQ", "policy"), ("MES", "breakout")]


def test_the_example_pins_the_checkpoint_that_ships() -> None:
    signal = load(EXAMPLE, {}).strategies[0].signal
    told = json.loads(RUNNER.invoke(app, ["models", "show", signal["checkpoint"], "--json"]).stdout)
    assert signal["sha256"] == told["sha256"]


def test_answers_go_into_the_file() -> None:
    result = RUNNER.invoke(app, ["init"], input="25000\nMES, M2K, MNQ\n")
    assert result.exit_code == 0, result.output
    config = load(Path("config.toml"), {})
    assert config.account.starting_capital_usd == 25_000
    assert [(s.name, s.market) for s in config.strategies] == [("mes", "MES"), ("m2k", "M2K"), ("mnq", "MNQ")]
    assert [s.signal["use"] for s in config.strategies] == ["breakout", "breakout", "policy"]
    assert config.guards == load(EXAMPLE, {}).guards


def test_enter_takes_the_defaults() -> None:
    RUNNER.invoke(app, ["init"], input="\n\n")
    assert tomllib.loads(Path("config.toml").read_text()) == tomllib.loads(example())


@pytest.mark.parametrize(
    ("answers", "said"), [("-5\n", "above 0"), ("\nMNX\n", "known: ES"), ("\nES,ES\n", "repeated")]
)
def test_a_wrong_answer_writes_nothing(answers: str, said: str) -> None:
    result = RUNNER.invoke(app, ["init"], input=answers)
    assert result.exit_code == 1
    assert said in result.stderr
    assert not Path("config.toml").exists()


def test_nobody_there_to_answer_writes_nothing() -> None:
    assert RUNNER.invoke(app, ["init"], input="").exit_code == 1
    assert not Path("config.toml").exists()


def test_bars_can_be_a_brokers() -> None:
    assert RUNNER.invoke(app, ["init", "--defaults", "--feed", "tradier"]).exit_code == 0
    config = load(Path("config.toml"), {})
    assert (config.feed.use, config.feed.broker, config.feed.bar_s) == ("broker", "tradier", 300)
    assert set(config.brokers) == {"paper", "tradier"}


def test_bars_of_a_broker_that_nobody_knows_are_refused() -> None:
    result = RUNNER.invoke(app, ["init", "--defaults", "--feed", "tradeir"])
    assert (result.exit_code, Path("config.toml").exists()) == (78, False)
    assert "tradier" in result.stderr
