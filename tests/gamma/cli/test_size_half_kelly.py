"""The worked case that people check by hand: 45 trades, 11 won, and what half-Kelly makes of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.cli import app

RUNNER = CliRunner()
# 11 wins of $56 and 34 losses of $1,177 in all, traded as 1, 2 or 3 lots: the P&L a lot is what counts.
TRADES = [(56.0 if i % 4 == 1 else -1177 / 34, i % 3 + 1) for i in range(45)]
CASE = ["size", "--dry-run", "--sizer", "half_kelly", "--trades", "trades.csv", "--risk", "250"]


@pytest.fixture(autouse=True)
def _trades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    rows = [f"2026-03-{i % 28 + 1:02},{pnl * lots!r},{lots}" for i, (pnl, lots) in enumerate(TRADES)]
    Path("trades.csv").write_text("\n".join(["time,pnl_usd,lots", *rows, ""]))


def sized(*arguments: str) -> dict[str, Any]:
    result = RUNNER.invoke(app, [*CASE, "--json", *arguments])
    assert result.exit_code == 0, result.stderr
    shape: dict[str, Any] = json.loads(result.stdout)
    return shape


def test_a_losing_record_trades_the_minimum_and_shows_why() -> None:
    shape = sized("--balance", "19995")
    step = shape["steps"][0]
    assert (shape["lots"], shape["bound_by"], shape["halted"]) == (1, "half_kelly", False)
    assert step["reason"] == "no_edge"
    # (11/45 * 56 - 34/45 * 1177/34) / 56 = -0.2226190
    assert step["facts"]["kelly_frac"] == pytest.approx(-0.2226190, abs=5e-8)
    assert (step["facts"]["trades"], step["facts"]["wins"], step["facts"]["losses"]) == (45, 11, 34)


@pytest.mark.parametrize(
    "said",
    [
        *("MNQ  1 lot", "balance      $19,995.00", "history       45 trades", "wins      11", "losses      34"),
        *("win rate    24.44 %", "average win      $56.00", "average loss  $34.62", "Kelly       -22.26 %"),
        *("half-Kelly   -11.13 %", "max risk      $250.00 a lot"),
    ],
)
def test_the_table_shows_every_number(said: str) -> None:
    shown = RUNNER.invoke(app, [*CASE, "--balance", "19995"]).stdout
    assert " ".join(said.split()) in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 100


def test_below_half_of_the_capital_there_is_a_halt() -> None:
    shape = sized("--balance", "9999")
    assert (shape["lots"], shape["halted"], shape["steps"][0]["reason"]) == (0, True, "safety_halt")
    assert sized("--balance", "10000")["lots"] == 1
    assert sized("--balance", "9999", "--capital", "10000")["lots"] == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--balance", "19995", "--risk", "0"], "risk_usd_per_lot"),
        (["--balance", "19995", "--risk", "-50"], "risk_usd_per_lot"),
        (["--balance", "nan"], "balance_usd"),
        (["--balance", "inf"], "balance_usd"),
    ],
)
def test_a_number_that_makes_no_sense_is_named_and_nothing_is_sized(arguments: list[str], field: str) -> None:
    result = RUNNER.invoke(app, [*CASE, "--json", *arguments])
    assert result.exit_code == 1
    assert field in result.stderr
    assert json.loads(result.stdout)["lots"] == 0


def test_half_kelly_is_the_chain_where_nothing_else_is_said() -> None:
    case = [word for word in CASE if word not in ("--sizer", "half_kelly")]
    result = RUNNER.invoke(app, [*case, "--balance", "19995", "--json"])
    assert json.loads(result.stdout)["bound_by"] == "half_kelly"
