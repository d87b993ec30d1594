"""Alerts in a real browser: what waits for a person and what to type, and each filter."""

from contextlib import closing

import pytest

from gamma.ledger import Reader
from gamma.ledger.alert_search import STANDINGS, found
from gamma.notices import Severity
from tests.dashboard.chromium import PHONE, Tab
from tests.dashboard.conftest import Served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def dashboard(busy_dashboard: Served) -> Served:
    return busy_dashboard


def shown(dashboard: Served, severity: str = "", standing: str = "") -> list[str]:
    """The titles on the first page."""
    with closing(Reader.open(f"sqlite:///{dashboard.folder}/gamma.db")) as reader:
        return [row["title"] for row in found(reader, severity=severity, standing=standing, limit=50)]


def test_what_waits_for_a_person_stands_first_with_what_to_type(tab: Tab, dashboard: Served) -> None:
    tab.size(*PHONE)
    tab.go(dashboard.at("/alerts"))
    tab.until("document.querySelector('#to-acknowledge')")
    told = tab.text("#to-acknowledge")
    with closing(Reader.open(f"sqlite:///{dashboard.folder}/gamma.db")) as reader:
        waiting = reader.standing_alerts()
    assert [row["title"] for row in waiting] == ["Made 1", "Made 2", "Made 3"]
    for row in waiting:
        assert f"gamma ack {row['id']}" in told
    assert "Made 0" not in told


@pytest.mark.parametrize("severity", [one.value for one in Severity])
def test_the_severity_filters(tab: Tab, dashboard: Served, severity: str) -> None:
    tab.go(dashboard.at("/alerts"))
    tab.until("document.querySelector('#alerts')")
    tab.choose("severity", severity)
    tab.until(f"location.search === '?severity={severity}'")
    titles = "[...document.querySelectorAll('#alerts tbody strong')].map(e => e.innerText)"
    tab.until(f"{titles}.join('|') === {'|'.join(shown(dashboard, severity))!r}")
    badges = "[...new Set([...document.querySelectorAll('#alerts .badge')].map(e => e.innerText))].join()"
    assert tab.run(badges) == severity


@pytest.mark.parametrize("standing", STANDINGS)
def test_the_standing_filters(tab: Tab, dashboard: Served, standing: str) -> None:
    tab.go(dashboard.at(f"/alerts?standing={standing}"))
    tab.until("document.querySelector('#alerts tbody')")
    assert tab.run("[...document.querySelectorAll('#alerts tbody strong')].map(e => e.innerText)") == (
        shown(dashboard, standing=standing)
    )


def test_each_says_where_it_goes_and_what_went_wrong(tab: Tab, dashboard: Served) -> None:
    tab.go(dashboard.at("/alerts?standing=failed"))
    tab.until("document.querySelector('#alerts tbody')")
    told = tab.text("#page")
    assert "refused by Discord: made" in told
    assert "Where they go: [alerts.paper]" in told
    assert "discord_critical" in told
    assert "http://127.0.0.1:9" not in tab.run("document.documentElement.outerHTML")
    tab.go(dashboard.at("/alerts?severity=grave"))
    tab.until("document.querySelector('#page .notice.bad')")
    assert "info, warning, critical" in tab.text("#page")
