"""Logs in a real browser: the events of a decision or an order in order, by whatever name it is asked for."""

from contextlib import closing

import pytest

from gamma.ledger import EVERY, Reader
from gamma.ledger.sequel import sequel
from tests.dashboard.chromium import PHONE, Tab
from tests.dashboard.conftest import Served

pytestmark = pytest.mark.slow
SEQS = (
    "[...document.querySelectorAll('#page tbody tr td:first-child a')].map(e => e.innerText.replaceAll(',', '')).join()"
)


@pytest.fixture(scope="session")
def dashboard(busy_dashboard: Served) -> Served:
    return busy_dashboard


def test_what_is_typed_finds_the_events_of_its_decision(tab: Tab, dashboard: Served) -> None:
    tab.size(*PHONE)
    with closing(Reader.open(f"sqlite:///{dashboard.folder}/gamma.db")) as reader:
        trade = reader.trades(EVERY)[7]
        found = sequel(reader, trade["id"])
        [*_, stop] = [row["id"] for row in reader.orders(EVERY) if row["id"] in found.orders and row["kind"] == "stop"]
    seqs = ",".join(str(step.seq) for step in found.steps)
    for word in (trade["id"], stop, found.decision_id, str(found.steps[0].seq)):
        tab.go(dashboard.at("/logs"))
        tab.until("document.querySelector('#page tbody')")
        tab.type("#filters input", word, enter=True)
        tab.until(f"{SEQS} === {seqs!r}")
    assert f"grep -F {found.decision_id}" in tab.text("#page")
    for said in ("Decision made", "Order intended", "Order filled", "Trade closed"):
        assert said in tab.text("#page")


def test_without_a_question_it_shows_the_newest(tab: Tab, dashboard: Served) -> None:
    tab.go(dashboard.at("/logs"))
    tab.until("document.querySelector('#page tbody')")
    with closing(Reader.open(f"sqlite:///{dashboard.folder}/gamma.db")) as reader:
        last, _ = reader.head
    assert tab.run(SEQS).split(",")[:3] == [str(last), str(last - 1), str(last - 2)]


def test_what_nobody_knows_is_told(tab: Tab, dashboard: Served) -> None:
    tab.go(dashboard.at("/logs?of=nobody"))
    tab.until("document.querySelector('#page .notice.bad')")
    assert "'nobody' names no decision" in tab.text("#page")
