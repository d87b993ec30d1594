"""A day of SPX spreads on recorded chains through `gamma run` on paper: sold by the pin, left by the rules of exit."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from tests.option_case import write_day

CONFIG = """
[gamma]
database = "sqlite:///gamma.db"

[account]
name = "spx"
starting_capital_usd = 20_000

[feed]
use = "file"
speed = "max"
files = [{ path = "SPX.parquet", market = "SPX" }]

[chains]
files = ["chains.parquet"]

[[strategies]]
name = "pin"
market = "SPX"
signal = { use = "gex" }
sizers = ["half_kelly", "contract_cap"]
guards = [
    "session_hours", "flat_by", "order_sanity", "order_size", "price_collar", "protective_order", "position_match",
    "balance_match",
]

[guards]
session_hours = { open_quiet_s = 300, close_quiet_s = 1200 }
flat_by = { cancel_before_s = 600, flat_before_s = 300, verify_before_s = 60 }
order_size = { lots_max = { emini = 1, micro = 12, spot = 30, option_spread = 3, event = 100 } }
price_collar = { ticks_max = 20, mid_frac_max = 0.005, credit_frac_max = 0.15, cents_max = 10 }
protective_order = { bare_max_s = 2 }
position_match = { mismatches_halt = 2 }
balance_match = { gap_max_usd = 0.01 }
"""


def spot_at(bar: int) -> float:
    """6,010 in the morning, down to the pin at 6,000 by noon, and up and down again in the afternoon."""
    return 6_010 - 10 * min(1.0, max(0, bar - 6) / 24) + 8 * math.sin(max(0, bar - 36) / 10)


@pytest.fixture(autouse=True)
def _day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_day(tmp_path, spot_at)
    Path("config.toml").write_text(CONFIG, encoding="utf-8")


def told(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def trades() -> list[tuple[int, float, float, str]]:
    return [(t["ts_open_utc_ns"], t["entry_points"], t["exit_points"], t["exit_reason"]) for t in told("trades")]


def test_a_day_of_spreads_is_sold_left_and_reconciled_to_the_cent() -> None:
    status = told("run", "--speed", "max")
    assert status["positions"] == []
    done = told("trades")
    assert len(done) >= 2
    assert {trade["exit_reason"] for trade in done} == {"target"}
    assert all(trade["side"] * trade["lots_max"] == -1 for trade in done)
    made = sum(round((t["entry_points"] - t["exit_points"]) * 100 * 100) - 260 for t in done)
    assert round(100 * (status["balance_usd"] - 20_000)) == made
    assert status["peak_usd"] == status["balance_usd"]
    assert told("replay", "--verify")["differences"] == []


def test_what_the_signal_saw_stands_with_its_decision() -> None:
    told("run", "--speed", "max")
    first = told("decisions")[0]
    notes = told("decisions", first["id"])["notes"]
    assert (notes["pin_points"], notes["vix"], notes["spot_points"]) == (6_000, 16, 6_010)
    shown = CliRunner().invoke(app, ["decisions", first["id"]])
    assert "the signal saw:" in shown.stdout


def test_a_restart_goes_on_managing_what_it_holds() -> None:
    told("run", "--speed", "max")
    whole = trades()
    for name in ("gamma.db", "gamma.paper.db"):
        for file in Path.cwd().glob(f"{name}*"):
            file.unlink()
    status = told("run", "--speed", "max", "--bars", "15")
    assert len(status["positions"]) == 1
    told("run", "--speed", "max")
    assert trades() == whole


def test_at_a_vix_of_20_the_day_passes_without_a_trade(tmp_path: Path) -> None:
    write_day(tmp_path, spot_at, vix=20.0)
    assert told("run", "--speed", "max")["positions"] == []
    assert told("decisions") == []


def test_a_chain_file_that_cannot_be_read_is_named() -> None:
    Path("chains.parquet").write_text("no chain")
    result = CliRunner().invoke(app, ["run", "--speed", "max"])
    assert result.exit_code == 78
    assert "[chains] files: chains.parquet: cannot be read" in " ".join(result.stderr.split())
