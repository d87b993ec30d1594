"""`gamma size` where the chain asks a size picker."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from tests.picker import oracle
from tests.picker.account import write_config

RUNNER = CliRunner()
VOLATILE = "vol_frac = 0.03\nmean_frac = 0.002\n"


@pytest.fixture(autouse=True)
def _here(oracles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    configure(oracles, VOLATILE, params="ruin_max = 0.05")


def configure(models: Path, card: str, **given: Any) -> None:
    for file in models.glob("*/*"):
        file.unlink()
        file.parent.rmdir()
    write_config(models.parent, oracle.checkpoint(models / "oracle", card), **given)


def shown(*arguments: str) -> str:
    result = RUNNER.invoke(app, ["size", "--market", "XAU_USD", "--dry-run", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def shape(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shown("--json", *arguments))
    return found


def test_every_size_is_shown_with_what_the_picker_says_of_it() -> None:
    text = shown("--price", "4000")
    rows = [line.split() for line in text[text.index("Every size") :].splitlines()]
    assert "equity $1,000.00" in text
    assert ["15", "2.25", "9.00", "0.95%", "▌", "+1.800%", "-1.845%"] in rows
    assert ["▶", "4", "0.60", "2.40", "0.00%", "+0.480%", "+0.221%", "chosen"] in rows
    assert next(row[0] for row in rows if row[-3:] == ["over", "the", "limit"]) == "20"
    assert "P(liquidation) within 5.00%, then the most growth" in text
    assert max(map(len, text[text.index("Every size") :].splitlines())) <= 80


def test_sizes_that_margin_does_not_bear_are_one_line() -> None:
    text = shown("--price", "4000", "--balance", "300")
    assert "11 to 30 lots: more than the account's margin bears" in text
    assert "30 lots: more" in shown("--price", "4000", "--balance", "880")


def test_as_plain_values_there_is_a_row_for_each_size() -> None:
    rows = shape("--price", "4000", "--balance", "300")["sizes"]
    assert [row["lots"] for row in rows] == list(range(31))
    assert rows[10] == {
        "lots": 10,
        "units": 1.5,
        "leverage": 20.0,
        "ruin_adverse_frac": pytest.approx(0.035),
        "ruin_prob": pytest.approx(0.2433, abs=1e-4),
        "ruin_bound": None,
        "return_mean": pytest.approx(0.04),
        "growth_mean": pytest.approx(0.04 - 0.18),
        "standing": "ruin",
    }
    assert [row["standing"] for row in rows[:2]] == ["", "chosen"]
    assert {row["standing"] for row in rows[11:]} == {"margin"}
    assert rows[11]["ruin_prob"] is None


def test_a_picker_that_does_not_say_anything_is_shown_with_its_reason(oracles: Path) -> None:
    configure(oracles, 'fails = "raises"')
    text = shown()
    assert "XAU_USD  0 lots" in text
    assert "the picker does not say: model failed; RuntimeError: out of memory" in text


def test_what_if_shows_the_pickers_next_trade_beside_the_record() -> None:
    Path("trades.csv").write_text("time,pnl_usd,lots\n2026-03-02,10,1\n2026-03-03,-8,1\n")
    text = shown("--what-if", "--trades", "trades.csv", "--balance", "300", "--price", "4000")
    assert "touches floor" in text
    assert "next: P(ruin)" in text
    rows = shape("--what-if", "--balance", "300", "--price", "4000")["curve"]
    assert rows[10]["picker_ruin_prob"] == pytest.approx(0.2433, abs=1e-4)
    assert "picker_ruin_prob" not in rows[11]
    assert "touches floor" not in shown("--what-if")


def test_a_floor_is_shown_as_one(oracles: Path) -> None:
    configure(
        oracles,
        'markets = ["MNQ"]\nvol_frac = 0.02',
        sizer="floor_picker",
        market="MNQ",
        params='by = "return"',
    )
    result = RUNNER.invoke(app, ["size", "--room", "2500", "--balance", "50000", "--price", "20000", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "room $2,500.00" in result.stdout
    assert "P(floor)" in result.stdout
    assert "P(touching the floor) within 10.00%, then the most return" in result.stdout
    assert "MNQ  1 lot" in result.stdout


def test_by_hand_no_picker_is_asked() -> None:
    arguments = ["size", "--sizer", "size_picker", "--balance", "1000", "--config", "config.toml", "--json"]
    result = RUNNER.invoke(app, [*arguments, "--market", "XAU_USD"])
    assert result.exit_code == 1
    assert "no size picker was asked" in result.stderr
    assert "sizes" not in json.loads(result.stdout)
