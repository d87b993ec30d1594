import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from gamma.cli import app
from gamma.feeds.bar_file import load_bars
from gamma.feeds.importer import write_bars
from tests.gamma.feeds.series_case import made, moved

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_bars(made("NQ", "2024-12-09", "2024-12-20"), Path("NQZ24.parquet"))
    write_bars(moved(made("NQ", "2024-12-09", "2024-12-27"), 296.0), Path("NQH25.parquet"))


def test_contracts_become_one_file_in_which_no_roll_shows() -> None:
    command = ["bars", "join", "NQZ24.parquet", "NQH25.parquet", "-m", "NQ", "--bar-s", "300", "-o", "NQ_5m.parquet"]
    result = RUNNER.invoke(app, [*command, "--json"])
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert [(roll["before"], roll["after"], roll["gap_points"]) for roll in told["rolls"]] == [
        ("2024-12", "2025-03", 296.0)
    ]
    assert (told["bar_s"], told["adjusted"]) == (300, True)
    series = load_bars("NQ_5m.parquet", "NQ").series
    assert len(series) == told["rows"]
    assert np.abs(np.diff(series.close_points)).max() < 10.0
    shown = RUNNER.invoke(app, command)
    assert "+296.00 points" in shown.stdout


def test_one_file_may_hold_several_contracts_by_symbol() -> None:
    both = [pl.read_parquet(f"{name}.parquet").with_columns(symbol=pl.lit(name)) for name in ("NQZ24", "NQH25")]
    pl.concat(both).write_parquet("all.parquet")
    result = RUNNER.invoke(
        app, ["bars", "join", "all.parquet", "-m", "NQ", "-o", "out.parquet", "--unadjusted", "--json"]
    )
    told = json.loads(result.stdout)
    assert [one["contract"] for one in told["files"]] == ["2024-12", "2025-03"]
    assert told["adjusted"] is False


def test_what_is_odd_in_a_file_is_told() -> None:
    table = pl.read_parquet("NQZ24.parquet").with_columns(symbol=pl.lit("NQ1!"))
    table.filter(~pl.int_range(pl.len()).is_between(900, 910)).write_parquet("bars.parquet")
    result = RUNNER.invoke(app, ["bars", "check", "bars.parquet", "-m", "NQ", "--json"])
    assert result.exit_code == 0, result.stderr
    (one,) = json.loads(result.stdout)["files"]
    assert (one["holes"], one["bars_missing"], one["contract"]) == (1, 11, "")
    assert "1 holes of 11 bars" in RUNNER.invoke(app, ["bars", "check", "bars.parquet", "-m", "NQ"]).stdout


def test_a_jump_at_a_roll_is_found_and_taken_out() -> None:
    smooth = made("NQ", "2024-11-01", "2025-01-10", 900)
    opens = int(load_bars("NQH25.parquet", "NQ").series.ts_open_utc_ns[0])
    roll = opens + 7 * 86_400 * 10**9
    write_bars(smooth, Path("smooth.parquet"))
    write_bars(moved(smooth, np.where(smooth.ts_open_utc_ns < roll, -296.0, 0.0)), Path("raw.parquet"))
    checked = RUNNER.invoke(app, ["bars", "check", "raw.parquet", "-m", "NQ"])
    assert "found by jump" in checked.stdout
    joined = RUNNER.invoke(
        app,
        ["bars", "join", "raw.parquet", "-m", "NQ", "--against", "smooth.parquet", "--level", "-o", "out.parquet"],
    )
    assert joined.exit_code == 0, joined.stderr
    assert np.array_equal(load_bars("out.parquet", "NQ").series.close_points, smooth.close_points)


def test_a_contract_and_a_continuous_file_are_not_mixed() -> None:
    write_bars(made("NQ", "2025-01-06", "2025-01-10"), Path("later.parquet"))
    refused = RUNNER.invoke(app, ["bars", "join", "NQZ24.parquet", "later.parquet", "-m", "NQ", "-o", "out.parquet"])
    assert refused.exit_code == 1
    assert "names none" in refused.stderr
    assert not Path("out.parquet").exists()


def test_times_in_another_zone_are_suspected() -> None:
    table = pl.read_parquet("NQZ24.parquet").with_columns(symbol=pl.lit("NQ"))
    local = table.with_columns(pl.col("ts").dt.convert_time_zone("America/New_York").dt.replace_time_zone(None))
    local.write_parquet("local.parquet")
    assert "are the times UTC?" in RUNNER.invoke(app, ["bars", "check", "local.parquet", "-m", "NQ"]).stdout


def test_only_some_trading_days_may_be_kept() -> None:
    command = ["bars", "join", "NQZ24.parquet", "-m", "NQ", "-o", "out.parquet"]
    told = json.loads(RUNNER.invoke(app, [*command, "--days", "2024-12-10..2024-12-11", "--json"]).stdout)
    assert (told["first"], told["last"]) == ("2024-12-09T23:00:00+00:00", "2024-12-11T22:00:00+00:00")
    assert "write two days as" in RUNNER.invoke(app, [*command, "--days", "2024-12"]).stderr


def test_an_unknown_rule_of_rolls_is_refused_with_those_there_are() -> None:
    refused = RUNNER.invoke(app, ["bars", "join", "NQZ24.parquet", "-m", "NQ", "-o", "out.parquet", "--roll", "friday"])
    assert refused.exit_code == 1
    assert "volume_cross" in refused.stderr


def test_the_file_to_write_is_a_parquet() -> None:
    refused = RUNNER.invoke(app, ["bars", "join", "NQZ24.parquet", "-m", "NQ", "-o", "out.csv"])
    assert refused.exit_code == 1
    assert ".parquet" in refused.stderr
