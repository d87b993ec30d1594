"""Compliance in a real browser says what `gamma compliance` says."""

import json
import subprocess

import pytest

from tests.dashboard.chromium import PHONE, Tab
from tests.dashboard.conftest import GAMMA, Served

pytestmark = pytest.mark.slow
SAID = {"pass": "pass", "fail": "breach", "not evaluable": "not evaluable"}


@pytest.fixture(scope="session")
def dashboard(busy_dashboard: Served) -> Served:
    return busy_dashboard


def test_every_rule_stands_as_the_command_tells_it(tab: Tab, dashboard: Served) -> None:
    done = subprocess.run(
        [GAMMA, "compliance", "--json"], cwd=dashboard.folder, capture_output=True, text=True, check=False
    )
    told = {rule["name"].replace("_", " "): rule for rule in json.loads(done.stdout)["rules"]}
    tab.size(*PHONE)
    tab.go(dashboard.at("/compliance"))
    tab.until("document.querySelector('#rules')")
    rows = tab.run("[...document.querySelectorAll('#rules tbody tr')].map(e => [...e.cells].map(c => c.textContent))")
    assert len(rows) == len(told)
    for name, margin, found, asked in rows:
        rule = next(told[one] for one in told if name.startswith(one))
        fate = "not reached" if rule["name"] == "target" else SAID[rule["outcome"]]
        assert name == rule["name"].replace("_", " ") + fate
        assert (margin, asked) == (rule["margin"] or "-", rule["asked"])
        assert found.startswith(rule["found"])
    assert [name.endswith("breach") for name, *_ in rows[:3]] == [True, True, True]  # what is broken stands first
    tab.click("#rules a")
    tab.until("location.pathname === '/logs' && document.querySelector('#page tbody')")


def test_breaches_the_way_to_the_target_and_the_certificate_are_told(tab: Tab, dashboard: Served) -> None:
    tab.go(dashboard.at("/compliance"))
    tab.until("document.querySelector('#rules')")
    assert "rules breached: size" in tab.text("#page .notice.bad")
    assert "3,000" in tab.text("#goals")
    assert "gamma compliance --certificate" in tab.text("#page")
