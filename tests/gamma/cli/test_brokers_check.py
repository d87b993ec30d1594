"""`gamma brokers test` at Tradier's sandbox: what is well, and each thing that is wrong, in plain words."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from brokers.sandbox.faults import Fault, Faults
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.server import Server
from brokers.sandbox.tickets import Store
from brokers.tradier.sandbox import ACCOUNT, TOKEN, TradierSandbox
from gamma.cli import app, trial_order
from tests.contract.loopback import listening
from tests.contract.tradier import CAPITAL_USD

RUNNER = CliRunner()


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A configuration that trades at a sandbox on this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trial_order, "LOOK_EVERY_S", 0.02)
    assert RUNNER.invoke(app, ["init", "--defaults"]).exit_code == 0
    quotes = SimulatedOptions(1, ("SPX",))
    made = TradierSandbox(quotes, Store(None, ACCOUNT), capital_usd=CAPITAL_USD, lag_s=0.05, unlimited=True)
    server = Server(sandbox=made, now_utc_ns=time.time_ns)
    with listening(server) as (url, _):
        for key, value in {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": f"{url}/v1"}.items():
            monkeypatch.setenv(f"GAMMA__BROKERS__TRADIER__{key.upper()}", value)
        yield server


def checks(*options: str, code: int = 0) -> dict[str, tuple[bool, str]]:
    result = RUNNER.invoke(app, ["brokers", "test", "tradier", "--json", *options])
    assert result.exit_code == code, result.output
    return {check["check"]: (check["ok"], check["text"]) for check in json.loads(result.stdout)["checks"]}


def floor(server: Server) -> Any:
    assert isinstance(server.sandbox, TradierSandbox)
    return server.sandbox.floor


def test_all_is_well_and_nothing_is_left_behind(sandbox: Server) -> None:
    found = checks()
    assert [name for name, (ok, _) in found.items() if ok] == ["account", "rights", "clock", "data", "bars", "order"]
    assert "VA00000001 (paper): equity 50,000.00 usd" in found["account"][1]
    assert found["order"][1].endswith("for 4.95: taken, seen, cancelled")
    assert [ticket.state for ticket in floor(sandbox).tickets.values()] == ["canceled"]


def test_it_is_told_to_people_too(sandbox: Server) -> None:  # noqa: ARG001
    result = RUNNER.invoke(app, ["brokers", "test", "tradier"])
    assert result.exit_code == 0
    assert "the key is good" in result.stdout


def test_a_key_of_the_other_environment_is_named(sandbox: Server, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.setenv("GAMMA__BROKERS__TRADIER__TOKEN", "of live")
    ok, text = checks(code=1)["broker"]
    assert (ok, "the tokens of paper and live differ" in text) == (False, True)
    assert "of live" not in text


def test_an_account_of_the_other_environment_is_refused_unasked(
    sandbox: Server,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GAMMA__BROKERS__TRADIER__ACCOUNT_ID", "6YA00001")
    assert "do not belong together" in checks(code=1)["config"][1]


def test_a_clock_that_is_wrong_is_told_with_its_mend(sandbox: Server) -> None:
    sandbox.now_utc_ns = lambda: time.time_ns() + 90 * 10**9
    ok, text = checks(code=1)["clock"]
    assert (ok, "s behind the broker's: set it by NTP" in text) == (False, True)


def test_an_order_that_is_refused_after_its_receipt_is_told(sandbox: Server) -> None:
    floor(sandbox).refuse_next.append("AccountIsNotApproved")
    ok, text = checks(code=1)["order"]
    assert (ok, "may the account trade spreads" in text) == (False, True)


def test_a_market_that_is_not_quoted_is_told(sandbox: Server) -> None:  # noqa: ARG001
    ok, text = checks("--market", "RUT", code=1)["data"]
    assert (ok, text.startswith("RUT is not quoted: is its data subscribed to?")) == (False, True)


def test_a_broker_that_is_not_there_is_told(sandbox: Server) -> None:
    sandbox.faults = Faults({Fault.LOSE_REQUEST: 1.0})
    assert not checks(code=1)["broker"][0]


def test_paper_tells_its_account_and_tries_no_order(sandbox: Server) -> None:  # noqa: ARG001
    result = RUNNER.invoke(app, ["brokers", "test", "paper", "--json"])
    told = {check["check"]: check["text"] for check in json.loads(result.stdout)["checks"]}
    assert told["order"] == "not tried: it is on this machine, and fills by the bars alone"
