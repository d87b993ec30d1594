"""Decisions in a real browser: every filter narrows the list, and each opens to its trace."""

import json
from typing import Any

import pytest

from gamma.dashboard.decisions import SHOWN
from tests.dashboard.chromium import Tab
from tests.dashboard.conftest import Served, gamma

pytestmark = pytest.mark.slow
ROWS = "[...document.querySelectorAll('#page tbody tr')].map(r => [...r.cells].map(c => c.innerText))"


@pytest.fixture(scope="session")
def rows(dashboard: Served) -> list[dict[str, Any]]:
    """Every decision of the ledger, newest first, as the command line lists them."""
    told: list[dict[str, Any]] = json.loads(gamma(dashboard.folder, "decisions", "-n", "100000", "--json"))
    return told[::-1]


def shown(tab: Tab) -> list[tuple[str, int, int, str]]:
    """Of each row that is listed: side, sized lots, lots, and what bound."""
    return [(row[3], int(row[4]), int(row[5]), row[6]) for row in tab.run(ROWS)]


def told(rows: list[dict[str, Any]]) -> list[tuple[str, int, int, str]]:
    side = {1: "buy", -1: "sell", 0: "-"}
    return [(side[r["side"]], r["sized_lots"], r["lots"], r["bound_by"].replace("_", " ")) for r in rows[:SHOWN]]


def choose(tab: Tab, title: str, words: str) -> None:
    """Choose in one of the filters, as a person does."""
    fields = "[...document.querySelectorAll('#filters .choice')]"
    tab.until(f"{fields}.length > 4")
    place = tab.run(f"{fields}.findIndex(e => e.innerText.startsWith({json.dumps(title)}))")
    tab.click(f"#filters .choice:nth-child({place + 1}) button")
    option = f"[...document.querySelectorAll('[role=option]')].find(e => e.innerText.trim() === {json.dumps(words)})"
    tab.until(option)
    tab.run(f"{option}.dataset.wanted = 'yes'")
    tab.click("[data-wanted=yes]")


def test_the_newest_are_listed_first(tab: Tab, dashboard: Served, rows: list[dict[str, Any]]) -> None:
    tab.go(dashboard.at("/decisions"))
    tab.until("document.querySelector('#page tbody tr')")
    assert shown(tab) == told(rows)


@pytest.mark.parametrize(
    ("choice", "kept", "address"),
    [
        (("strategy", "mes"), lambda r: r["strategy"] == "mes", "strategy=mes"),
        (("market", "MES"), lambda r: r["market"] == "MES", "market=MES"),
        (("outcome", "refused"), lambda r: r["lots"] == 0, "outcome=refused"),
        (("outcome", "ordered whole"), lambda r: r["lots"] == r["sized_lots"] > 0, "outcome=ordered"),
        (("outcome", "cut by a guard"), lambda r: 0 < r["lots"] < r["sized_lots"], "outcome=cut"),
        (("outcome", "a sizer or guard failed"), lambda r: bool(r["fault"]), "outcome=fault"),
        (("bound by", "atr risk"), lambda r: r["bound_by"] == "atr_risk", "bound_by=atr_risk"),
        (("of the last", "a day"), None, "days=1"),
    ],
)
def test_a_filter_narrows_the_list(
    tab: Tab, dashboard: Served, rows: list[dict[str, Any]], *, choice: tuple[str, str], kept: Any, address: str
) -> None:
    if kept is None:
        status = json.loads(gamma(dashboard.folder, "status", "--json"))
        since = status["ts_event_utc_ns"] - 86_400 * 10**9
        wanted = [row for row in rows if row["ts_event_utc_ns"] >= since]
        assert 0 < len(wanted) < len(rows)
    else:
        wanted = [row for row in rows if kept(row)]
    tab.go(dashboard.at("/decisions"))
    choose(tab, *choice)
    tab.until(f"location.search.includes({json.dumps(address)})")
    lines = f"{ROWS}.length === {len(wanted[:SHOWN])}" if wanted else "document.querySelector('#page .quiet')"
    tab.until(lines)
    assert (shown(tab) if wanted else []) == told(wanted)
    # What was chosen stands in the address: opened anew, the list is the same.
    tab.go(dashboard.at(f"/decisions?{address}"))
    tab.until(lines)
    assert (shown(tab) if wanted else []) == told(wanted)


def test_what_came_before_is_a_page_away(tab: Tab, dashboard: Served, rows: list[dict[str, Any]]) -> None:
    assert len(rows) > SHOWN
    tab.go(dashboard.at("/decisions"))
    tab.until("document.querySelector('#older a')")
    tab.click("#older a")
    tab.until(f"{ROWS}.length === {len(rows[SHOWN : 2 * SHOWN])} && location.search.includes('before')")
    assert shown(tab) == told(rows[SHOWN:])


def test_a_decision_opens_to_its_trace(tab: Tab, dashboard: Served, rows: list[dict[str, Any]]) -> None:
    cut = next(row for row in rows if row["lots"] > 0)
    whole = json.loads(gamma(dashboard.folder, "decisions", cut["id"], "--json"))
    tab.go(dashboard.at("/decisions?outcome=ordered"))
    tab.until("document.querySelector('#page tbody a')")
    tab.click("#page tbody a")
    tab.until("document.querySelector('#verdict')")
    assert f"{cut['lots']} lot" in tab.text("#verdict")
    assert cut["bound_by"].replace("_", " ") in tab.text("#verdict")
    steps = [row[0] for card in ("#sizers", "#guards") for row in tab.run(ROWS.replace("#page", card))]
    assert [name.removeprefix("▶ ") for name in steps] == [s["name"].replace("_", " ") for s in whole["steps"]]
    assert [name for name in steps if name.startswith("▶")] == [f"▶ {cut['bound_by'].replace('_', ' ')}"]
    assert tab.text("#order").startswith("Order g")
    tab.until("document.querySelectorAll('#steps .waterfalllayer .point').length > 3")
    drawn = tab.run("document.querySelector('#steps .js-plotly-plot').calcdata[0].map(p => p.p)")
    assert len(drawn) == tab.run("document.querySelectorAll('#steps .yaxislayer-above text').length")


def test_a_decision_that_made_no_order_says_so(tab: Tab, dashboard: Served, rows: list[dict[str, Any]]) -> None:
    refused = next(row for row in rows if row["lots"] == 0)
    tab.go(dashboard.at(f"/decisions?id={refused['id']}"))
    tab.until("document.querySelector('#verdict')")
    assert "No order was made of it." in tab.text("#page")


def test_a_decision_that_is_not_there_says_so(tab: Tab, dashboard: Served) -> None:
    tab.go(dashboard.at("/decisions?id=mes%401"))
    tab.until("document.querySelector('#page .notice')")
    assert "no decision is called 'mes@1'" in tab.text("#page")


@pytest.mark.parametrize("search", ["outcome=nonsense", "days=x", "before=-1", "bound_by=%3Cb%3E", "market=%27"])
def test_nonsense_in_the_address_does_no_harm(tab: Tab, dashboard: Served, search: str) -> None:
    tab.go(dashboard.at(f"/decisions?{search}"))
    tab.until("document.querySelector('#page .card')")
    assert "Decisions" in tab.text("#page")
