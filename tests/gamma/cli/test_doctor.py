"""`gamma doctor` on an account that has traded: a line for each invariant; what is wrong is told with its mend."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from brokers.paper import PaperBroker
from gamma.assembly import setup_of
from gamma.cli import app
from gamma.events import OrderFilled
from gamma.ledger import Ledger
from tests.chaos.sweep import Crash, Points, run, walk
from tests.daemon_case import config_in, facts, trade, write_config
from tests.gamma.invariants.test_patrol import break_i6
from tests.gamma.test_daemon import holding, when


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A daemon that was stopped while it held something."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    write_config(tmp_path)
    trade(tmp_path, meddle=when(holding))
    return tmp_path


def examined(code: int = 0) -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == code, result.output
    told = json.loads(result.stdout)
    assert told["ok"] is (code == 0)
    return {check["check"]: check for check in told["checks"]}


def test_a_sound_account_has_a_line_for_each_invariant(folder: Path) -> None:
    checks = examined()
    assert [name for name in checks if name[1:].isdecimal()] == [f"I{n}" for n in range(1, 15)]
    assert f"({len(facts(folder, OrderFilled))} looked at)" in checks["I3"]["text"]
    assert checks["agreement"]["text"].startswith("1 position(s), 5 working order(s)")


def test_fills_are_read_on_from_where_the_ledger_came_to_as_a_start_reads_them(folder: Path) -> None:
    assert len(facts(folder, OrderFilled)) > 0
    assert examined()["agreement"]["text"].endswith("0 fill(s) since the ledger read them last")


def test_what_does_not_hold_is_listed_with_its_event_and_what_to_do(folder: Path) -> None:
    break_i6(folder)
    checks = examined(code=1)
    assert [name for name, check in checks.items() if not check["ok"]] == ["ledger", "I6"]
    [wrong] = checks["I6"]["wrong"]
    assert wrong.startswith("event ")
    assert wrong.endswith(": OrderAccepted of g38-1-99, which was never intended")
    assert "backup from before that event" in checks["I6"]["text"]
    shown = CliRunner().invoke(app, ["doctor"]).output
    assert wrong in shown


def test_a_damaged_row_is_told_with_its_mend(folder: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{folder}/gamma.db", account="paper", mode="paper")
    ledger._db.exec_driver_sql("DROP TRIGGER fills_no_update")
    ledger._db.exec_driver_sql("UPDATE fills SET lots = 9")
    ledger.close()
    told = examined(code=1)["I8"]
    assert "newest backup in its place" in told["text"]
    assert len(told["wrong"]) == len(facts(folder, OrderFilled)) + 1


def test_fills_that_the_next_start_will_book_are_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path, strategies={"a": "MNQ", "b": "MNQ"})
    feed, whole = walk(seed=46), Points()
    at = tmp_path / "whole"
    at.mkdir()
    write_config(at, strategies={"a": "MNQ", "b": "MNQ"})
    run(at, feed, whole)
    # The bar that fills the first entry has traded at the broker, and nothing of it was heard.
    placed = whole.calls.index("place")
    n = whole.calls.index("trade_through", placed) + 2
    with pytest.raises(Crash):
        run(tmp_path, feed, Points(die_at=n))
    assert facts(tmp_path, OrderFilled) == []
    told = examined()["agreement"]
    assert told["ok"]
    assert "the next start books 2 of them" in told["text"]


def test_a_position_that_no_fill_explains_is_a_fault(folder: Path) -> None:
    config = config_in(folder)
    (folder / "gamma.paper.db").unlink()
    PaperBroker.open(
        {},
        account="paper",
        starting_capital_microusd=50_000_000_000,
        markets=setup_of(config).markets,
        state_path=folder / "gamma.paper.db",
    )
    told = examined(code=1)["agreement"]
    assert "look at the broker's own page" in told["text"].lower()
    assert told["wrong"][0].startswith("I4: the book holds ")
