"""`gamma compliance` over the daemon's own ledger, a file of trades, and a card that ships."""

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner, Result

from gamma.cli import app
from gamma.ledger.reader import Reader
from tests.daemon_case import gamma as command
from tests.daemon_case import ledger_in, trade, write_config
from tests.gamma.cli.test_shapes import documented, same_keys

RULES = 15
TRADES = """ts_open,ts_close,market,side,lots,pnl_usd,fees_usd,mae_usd,mfe_usd
2026-03-02T15:00:00Z,2026-03-02T16:00:00Z,MNQ,long,5,500,6,100,600
2026-03-03T15:00:00Z,2026-03-03T16:00:00Z,MNQ,short,5,-300,6,2300,0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compliance")
    more = "\n[guards.flat_by]\ncancel_before_s = 600\nflat_before_s = 300\nverify_before_s = 60\n"
    path = write_config(folder, guards=("safety_halt", "flat_by"), more=more)
    path.write_text(path.read_text().replace("[account]", '[account]\nprofile = "own_50k"'))
    trade(folder, once=True)
    return folder


@pytest.fixture
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["compliance", *arguments])


def told(*arguments: str) -> dict[str, Any]:
    shape: dict[str, Any] = json.loads(ask(*arguments, "--json").stdout)
    return shape


def rule(shape: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any]
    [found] = [one for one in shape["rules"] if one["name"] == name]
    return found


def test_a_ledger_that_keeps_every_rule_gets_a_certificate_with_its_hashes(inside: Path, tmp_path: Path) -> None:
    written = ask("--certificate", str(tmp_path / "kept.pdf"), "--on", "2026-04-01")
    assert written.exit_code == 0, written.output
    with Reader.open(ledger_in(inside)) as reader:
        head = reader.head[1]
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO((tmp_path / "kept.pdf").read_bytes())).pages)
    shape = told("--on", "2026-04-01")
    assert shape["passed"]
    assert shape["hashes"]["ledger, last event"] == head
    assert all(sha256 in text for name, sha256 in shape["hashes"].items() if name != "model")


@pytest.mark.usefixtures("inside")
def test_its_json_has_the_shape_that_the_page_shows() -> None:
    same_keys(documented("gamma compliance"), told("--on", "2026-04-01"))


def test_the_same_ledger_gives_the_same_bytes(inside: Path, tmp_path: Path) -> None:
    assert inside.exists()
    for name in ("one.pdf", "two.pdf"):
        assert ask("--certificate", str(tmp_path / name), "--on", "2026-04-01").exit_code == 0
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()


@pytest.mark.usefixtures("inside")
def test_a_stale_profile_shows_its_results_says_stale_and_certifies_nothing(tmp_path: Path) -> None:
    refused = ask("--profile", "topstep_50k", "--certificate", str(tmp_path / "none.pdf"))
    assert refused.exit_code == 1
    assert "STALE" in refused.stdout
    assert not (tmp_path / "none.pdf").exists()
    shape = told("--profile", "topstep_50k")
    assert (len(shape["rules"]), shape["passed"], shape["certificate"]) == (RULES, False, None)
    assert rule(shape, "profile_fresh")["outcome"] == "fail"


def test_a_failed_rule_names_the_first_time_and_the_row(inside: Path) -> None:
    overrides = "\n[account.overrides]\ndrawdown_usd = 20\n"
    (inside / "strict.toml").write_text((inside / "config.toml").read_text() + overrides)
    found = rule(told("--config", "strict.toml"), "floor")
    assert (found["outcome"], found["row"].split()[0]) == ("fail", "event")
    with Reader.open(ledger_in(inside)) as reader:
        [(seq, mark)] = reader.marks(int(found["row"].split()[1]) - 1, limit=1)
    assert (f"event {seq}", mark.ts_event_utc_ns) == (found["row"], found["ts_utc_ns"])
    assert mark.low_microusd <= 49_980_000_000


@pytest.mark.usefixtures("inside")
def test_a_profile_that_a_person_verified_is_read_from_a_file(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[3] / "gamma/profiles/topstep_50k.toml"
    verified = shipped.read_text().replace('verified_on = "unverified"', "verified_on = 2026-10-04")
    mine = tmp_path / "mine.toml"
    mine.write_text(verified)
    shape = told("--profile", str(mine), "--on", "2026-10-05")
    assert (shape["profile"], shape["stale"]) == ("mine", "")
    assert rule(shape, "automation")["outcome"] == "not evaluable"
    mine.write_text(verified.replace("value = 2_000", 'value = "much"'))
    assert "drawdown_usd.value" in ask("--profile", str(mine)).stderr


def test_a_file_of_trades_needs_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trades.csv").write_text(TRADES)
    shape = told("--trades", "trades.csv", "--profile", "apex_intraday_50k")
    # The second trade begins at 50,500 with the floor at 48,600, which its 2,300 against it reach.
    floor = rule(shape, "floor")
    assert (floor["outcome"], floor["row"]) == ("fail", "trade file-2")
    assert rule(shape, "size")["outcome"] == "not evaluable"
    assert rule(shape, "costs")["outcome"] == "pass"


@pytest.mark.usefixtures("inside")
def test_a_card_tells_what_figures_can_tell() -> None:
    shape = told("--evaluation", "mnq-phase2", "--profile", "own_50k")
    assert len(shape["rules"]) == RULES
    assert rule(shape, "products")["outcome"] == "pass"
    assert rule(shape, "stop_present")["outcome"] == "not evaluable"
    assert shape["hashes"]["model"]
    assert not shape["passed"]


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("--phase", "paid"), "--phase 'paid' is neither evaluation nor funded", 1),
        (("--profile", "apex"), "known: apex_eod_50k", 78),
        (("--profile", "absent.toml"), "absent.toml", 78),
        (("--on", "tomorrow"), "write it as YYYY-MM-DD", 1),
        (("--trades", "absent.csv"), "absent.csv", 1),
        (("--trades", "a.csv", "--evaluation", "b"), "give one of them", 1),
        (("--evaluation", "nobody"), "no checkpoint 'nobody'", 1),
        (("--certificate", "config.toml"), "is there already", 1),
    ],
)
def test_what_cannot_be_judged_is_said(arguments: tuple[str, ...], said: str, code: int) -> None:
    result = ask(*arguments)
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr


def test_a_profile_of_another_capital_is_refused(inside: Path) -> None:
    (inside / "other.toml").write_text(
        (inside / "config.toml").read_text() + "\n[account.overrides]\nstart_balance_usd = 25_000\n"
    )
    result = ask("--config", "other.toml", "--profile", "own_50k")
    assert result.exit_code == 78
    assert "25000" in result.stderr.replace(",", "")


def test_the_command_itself_ends_as_it_found(folder: Path) -> None:
    assert command(folder, "compliance").returncode == 0
    assert command(folder, "compliance", "--profile", "apex_eod_50k", "--on", str(date(2026, 11, 1))).returncode == 1
