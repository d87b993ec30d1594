"""A report of a ledger tells what was decided, what bound, and what was halted."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gamma.cli import app
from gamma.cli.reported import of_ledger
from gamma.feeds.importer import write_bars
from gamma.ledger import Ledger
from gamma.ledger.reader import Reader, Wanted
from gamma.report import Subject, halts, sections, sizing
from gamma.report.ledgers import sized_of
from gamma.report.sections import all_figures
from gamma.report.subject import Sized, Stop
from tests.daemon_case import ledger_in, trade, write_config
from tests.gamma.feeds.series_case import simulated

ALL = Wanted(limit=100_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger of breakout on two simulated sessions, and their bars."""
    folder = tmp_path_factory.mktemp("ledger")
    write_bars(simulated("MNQ", "2026-03-02", "2026-03-03"), folder / "MNQ.parquet")
    bars = f'\n[[feed.files]]\npath = "{folder}/MNQ.parquet"\nmarket = "MNQ"\n'
    path = write_config(folder, strategies={"mnq": "MNQ"}, guards=("safety_halt", "kill_switch"), more=bars)
    path.write_text(path.read_text().replace("[feed]", '[feed]\nuse = "file"'))
    trade(folder, once=True)
    return folder


@pytest.fixture(scope="module")
def about(folder: Path) -> Subject:
    return of_ledger(ledger_in(folder), folder / "config.toml")[0]


def reported(folder: Path, out: Path, *more: str) -> Result:
    of = ("--config", str(folder / "config.toml"), "--ledger", ledger_in(folder))
    return CliRunner().invoke(app, ["report", *of, "--out", str(out), *more])


def test_every_signal_is_told_with_the_step_that_bound(folder: Path, about: Subject) -> None:
    with closing(Reader.open(ledger_in(folder))) as reader:
        rows = [row for row in reader.decisions(ALL) if row["side"]]
        assert about.sized == sized_of(reader)
    assert about.sized is not None
    assert [(one.lots, one.bound_by) for one in about.sized] == [(row["lots"], row["bound_by"]) for row in rows]
    assert sum(times for _, times in sizing.bound(about.sized)) == len(rows) > 20


def test_the_hashes_are_of_ledger_configuration_trades_and_code(about: Subject) -> None:
    assert [name.split(",")[0] for name in about.hashes] == [
        "ledger",
        "configuration",
        "trades",
        "code that made this report",
        "commit that made this report",
    ]


@pytest.mark.slow
def test_bars_give_regimes_and_baselines(folder: Path, tmp_path: Path) -> None:
    result = reported(folder, tmp_path, "--bars", f"MNQ={folder}/MNQ.parquet", "--json")
    assert result.exit_code == 0, result.stderr
    shape = json.loads(result.stdout)
    assert [one["name"] for one in shape["baselines"]] == ["always flat", "buy and hold", "random entries", "breakout"]
    assert shape["events"] is None
    own = {one["name"]: one["value"] for one in shape["figures"]}
    of_trend = [one for one in shape["regimes"] if one["dimension"] == "trend"]
    assert sum(one["trades"] for one in of_trend) == own["trades"]
    text = (tmp_path / "report.html").read_text()
    assert "buy and hold" in text
    assert 'id="regimes"' in text


@pytest.mark.slow
def test_trades_outside_the_bars_are_left_out_of_their_figures_and_counted(folder: Path, tmp_path: Path) -> None:
    write_bars(simulated("MNQ", "2026-03-02", "2026-03-02"), tmp_path / "first.parquet")
    result = reported(folder, tmp_path, "--bars", f"MNQ={tmp_path}/first.parquet", "--json")
    assert result.exit_code == 0, result.stderr
    shape = json.loads(result.stdout)
    own = {one["name"]: one["value"] for one in shape["figures"]}
    covered = sum(one["trades"] for one in shape["regimes"] if one["dimension"] == "hours")
    assert 0 < covered < own["trades"]
    assert f"Outside the span of the bars: {own['trades'] - covered:,} trade" in (tmp_path / "report.html").read_text()


def test_bars_of_a_market_that_was_not_traded_are_refused(folder: Path, tmp_path: Path) -> None:
    result = reported(folder, tmp_path, "--bars", f"MES={folder}/MNQ.parquet")
    assert result.exit_code == 1
    assert "MES" in result.stderr
    assert "nothing was traded" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_ledger_without_a_day_is_refused_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/empty.db"
    Ledger.open(url, account="paper", mode="paper").close()
    arguments = ["report", "--config", str(folder / "config.toml"), "--ledger", url, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "no trading day has begun" in result.stderr


def test_an_account_that_did_not_trade_is_told_of_all_the_same(about: Subject) -> None:
    idle = replace(about.history, trades=())
    found = {one.name: one for one in sections(replace(about, history=idle))}
    assert found["trades"].words == ["No trade was closed."]
    assert found["sizing"].pictures


def stop(number: int, scope: str, lifted: int = 1) -> Stop:
    return Stop(
        ts_utc_ns=number, ts_lifted_utc_ns=lifted, scope=scope, target="", level="REDUCING", reason="x", actor="y"
    )


def test_of_many_halts_the_whole_account_s_and_those_that_stand_are_listed(about: Subject) -> None:
    stops = [*(stop(n, "strategy") for n in range(30)), stop(31, "account"), stop(32, "strategy", lifted=0)]
    section = halts.section(replace(about, stops=stops))
    counts, listed = section.tables
    assert [row[2] for row in counts.rows] == ["31", "1"]
    assert [(row[1], row[2]) for row in listed.rows] == [
        ("1969-12-31 19:00", "account"),
        ("still standing", "strategy"),
    ]


def test_what_let_no_order_out_is_counted_and_not_drawn(about: Subject) -> None:
    one = Sized(ts_utc_ns=1, strategy="mnq", lots=0, bound_by="standing", reason="halted")
    section = sizing.section(replace(about, sized=[one]))
    assert not section.pictures
    assert section.tables[0].rows == [("standing", "", "1", "100.0 %", "0.00", "1")]


def test_how_much_of_the_fees_the_broker_did_not_tell_is_told(about: Subject) -> None:
    assert about.fees_estimated_usd == 0
    words = all_figures([], 12.5).words
    assert "Of the fees 12.50 usd are estimated: the market's commission, where the broker tells none." in words
    assert len(all_figures([]).words) == len(words) - 1
