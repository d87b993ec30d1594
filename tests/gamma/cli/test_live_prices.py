"""`gamma doctor` and `gamma gex --broker` at Tradier's sandbox: bars and chains that a broker tells."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.server import Server
from brokers.sandbox.tickets import Store
from brokers.tradier.sandbox import ACCOUNT, TOKEN, TradierSandbox
from gamma.cli import app
from tests.contract.loopback import listening
from tests.contract.tradier import CAPITAL_USD

RUNNER = CliRunner()
CONFIG = """
[account]
starting_capital_usd = 50_000
[feed]
use = "broker"
broker = "tradier"
[chains]
broker = "tradier"
[brokers.paper]
[brokers.tradier]
[[strategies]]
name = "pin"
market = "SPX"
signal = { use = "gex" }
sizers = ["fixed"]
guards = ["order_sanity"]
[sizers.fixed]
lots = 1
"""


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(CONFIG, encoding="utf-8")
    sandbox = TradierSandbox(SimulatedOptions(1, ("SPX",)), Store(None, ACCOUNT), capital_usd=CAPITAL_USD)
    with listening(Server(sandbox=sandbox, now_utc_ns=time.time_ns)) as (url, _):
        for key, value in {"environment": "paper", "account_id": ACCOUNT, "token": TOKEN, "url": f"{url}/v1"}.items():
            monkeypatch.setenv(f"GAMMA__BROKERS__TRADIER__{key.upper()}", value)
        yield


def told(*arguments: str, code: int = 0) -> Any:
    result = RUNNER.invoke(app, [*arguments, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_the_doctor_asks_for_the_last_bars_and_chains() -> None:
    checks = {check["check"]: check for check in told("doctor")["checks"]}
    assert checks["chains"]["ok"]
    assert re.match(r"242 options on SPX, \d+ s old; VIX \d", checks["chains"]["text"])
    assert checks["feed"]["text"].startswith("SPX every 300 s (bar), from ")


def test_the_doctor_says_that_the_key_for_the_data_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMMA__BROKERS__TRADIER__TOKEN", "another")
    checks = {check["check"]: check for check in told("doctor", code=1)["checks"]}
    assert (checks["prices"]["ok"], "not accepted" in checks["prices"]["text"]) == (False, True)


def test_the_profile_of_now_is_shown_and_drawn() -> None:
    found = told("gex", "--broker", "tradier", "--picture", "gex.png")
    assert (found["underlying"], len(found["strikes"]) > 50) == ("SPX", True)
    assert abs(found["ts_utc_ns"] - time.time_ns()) < 120 * 10**9
    assert Path("gex.png").read_bytes().startswith(b"\x89PNG")


def test_a_broker_without_chains_or_a_file_beside_it_is_refused() -> None:
    assert "tells no option chains" in RUNNER.invoke(app, ["gex", "--broker", "paper"]).output
    for wrong in (["gex"], ["gex", "chain.csv", "--broker", "tradier"]):
        assert "name a file of a chain, or a broker" in " ".join(RUNNER.invoke(app, wrong).output.split())
