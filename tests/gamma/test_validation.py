"""Live figures beside validated ones. Numbers by hand."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.account import opened, summary
from gamma.cli import app
from gamma.cli.status import show_status
from gamma.config import load
from gamma.events import Trade
from gamma.validation import live_figures, of_card, validated
from tests.daemon_case import config_in, trade, write_config
from tests.gamma.compliance.case import trade as trade_on

TOLD = """
[validated.mnq]
trades = 100
win_rate_frac = 0.9
pnl_per_trade_usd = 10.0
pnl_per_trade_low_usd = 5.0
pnl_per_trade_high_usd = 15.0
sharpe_annual = 2.0
r_mean = 1.0
r_std = 0.5
"""


def _trades(*pnl_usd: float) -> list[Trade]:
    days = ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"]
    return [trade_on(day, pnl, trade_id=str(n)) for n, (day, pnl) in enumerate(zip(days, pnl_usd, strict=False))]


def test_live_figures_are_of_the_trades_and_of_every_session() -> None:
    found = live_figures(_trades(100, -50), ["2026-03-02", "2026-03-03", "2026-03-04"], 50_000)
    assert found["win_rate_frac"].value == 0.5
    # Wilson's interval of 1 of 2.
    assert found["win_rate_frac"].low == pytest.approx(0.0945, abs=1e-4)
    assert found["pnl_per_trade_usd"].value == 25
    # Days of 100, -50 and 0 usd: mean 16.67, deviation 76.38, times sqrt(252).
    assert found["sharpe_annual"].value == pytest.approx(16.6667 / 76.3763 * math.sqrt(252), rel=1e-4)


def test_without_trades_nothing_is_known() -> None:
    found = live_figures([], [], 50_000)
    assert all(math.isnan(one.value) for one in found.values())


def test_of_a_card_the_last_evaluation_out_of_sample_counts() -> None:
    def evaluation(name: str, out: bool, value: float) -> dict[str, Any]:
        figures = [{"name": "win_rate_frac", "value": value, "low": 0.1, "high": 0.6}, {"name": "trades", "value": 7}]
        return {"name": name, "out_of_sample": out, "figures": figures}

    card = {"evaluations": [evaluation("a", True, 0.2), evaluation("b", True, 0.3), evaluation("c", False, 0.9)]}
    found = of_card(card, "one")
    assert found is not None
    assert (found.name, found.trades, found.figures["win_rate_frac"].value) == ("card of one: b", 7, 0.3)
    assert math.isnan(found.figures["sharpe_annual"].value)
    assert of_card({"evaluations": [evaluation("c", False, 0.9)]}, "one") is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validation")
    write_config(folder, more=TOLD)
    trade(folder, once=True)
    return folder


def test_status_shows_what_lies_outside_and_how_likely_that_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_in(folder)
    with opened(config) as reader:
        told = summary(config, reader)
    [row] = told["validated"]
    assert (row["strategy"], row["source"], row["validated_trades"]) == ("mnq", "[validated.mnq]", 100)
    wins, expectancy, sharpe = row["figures"]
    assert (wins["inside"], wins["validated"]) == (False, 0.9)
    assert wins["validated_low"] == pytest.approx(0.8256, abs=1e-4)  # Wilson, 90 of 100
    assert (expectancy["validated_low"], expectancy["validated_high"]) == (5.0, 15.0)
    assert math.isnan(sharpe["validated_low"])
    assert row["drift_p"] < 0.01
    show_status(config, told)
    assert "outside" in capsys.readouterr().out


def test_a_checkpoint_that_is_not_there_is_told_of_and_hides_nothing(folder: Path, tmp_path: Path) -> None:
    policy = '[[strategies]]\nname = "gone"\nmarket = "MNQ"\nsignal = { use = "policy", checkpoint = "nobody" }\n'
    more = policy + 'sizers = ["fixed"]\nguards = ["safety_halt"]\n'
    path = tmp_path / "config.toml"
    path.write_text((folder / "config.toml").read_text() + more)
    config = load(path, {}, {"gamma.database": f"sqlite:///{folder}/gamma.db"})
    result = CliRunner().invoke(
        app, ["status", "--json", "--config", str(path)], env={"GAMMA__GAMMA__DATABASE": config.gamma.database}
    )
    rows = json.loads(result.stdout)["validated"]
    assert [row["strategy"] for row in rows] == ["mnq", "gone"]
    assert "no checkpoint 'nobody'" in rows[1]["error"]
    shown = CliRunner().invoke(
        app, ["status", "--config", str(path)], env={"GAMMA__GAMMA__DATABASE": config.gamma.database}
    )
    assert "nothing to hold its record against" in shown.stdout


def test_of_a_shipped_policy_its_card_says_it() -> None:
    example = Path(__file__).parents[2] / "config.example.toml"
    config = load(example, {})
    source = validated(config, config.strategy("mnq"))
    assert source is not None
    assert source.name.startswith("card of mnq-phase2")
    assert 0 < source.figures["win_rate_frac"].low < source.figures["win_rate_frac"].high < 1
    assert validated(config, config.strategy("mes")) is None


DRIFT = """
[guards.drift]
trades_min = 5
half_p = 0.01
off_p = 0.001
slippage_over_ticks = 1
"""


def test_the_drift_guards_dial_is_read_from_the_card_without_a_running_daemon(tmp_path: Path) -> None:
    write_config(tmp_path)
    trade(tmp_path, once=True)
    path = tmp_path / "config.toml"
    signal = 'signal = { use = "policy", checkpoint = "mnq-phase2" }'
    text = path.read_text().replace('guards = ["safety_halt"]', 'guards = ["safety_halt", "drift"]', 1)
    path.write_text(re.sub("signal = .*", signal, text, count=1) + DRIFT)
    config = config_in(tmp_path)
    source = validated(config, config.strategy("mnq"))
    assert source is not None
    with opened(config) as reader:
        told = summary(config, reader)
    [dial] = [row for row in told["guards"] if row["name"] == "drift"]
    assert 0 < dial["now"] <= 1
    assert 0 <= dial["leeway_frac"] <= 1
