"""Trades in a real browser: each filter narrows the table, the sums and the file; each trade leads to its decision."""

import csv
import io
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest

from gamma.clock import NS
from gamma.dashboard.trades import COLUMNS, ROWS, plain_text
from gamma.ledger import EVERY, Reader
from gamma.ledger.trade_search import opened_by
from tests.dashboard.chromium import PHONE, Tab
from tests.dashboard.conftest import Served

pytestmark = pytest.mark.slow
Row = dict[str, Any]
FILTERS: list[tuple[str, Callable[[Row], bool]]] = [
    ("market=MES", lambda row: row["market"] == "MES"),
    ("strategy=mnq", lambda row: row["strategy"] == "mnq"),
    ("side=short", lambda row: row["side"] < 0),
    ("outcome=won", lambda row: row["pnl_microusd"] > 0),
    ("outcome=lost", lambda row: row["pnl_microusd"] < 0),
    ("lots_min=2", lambda row: row["lots_max"] >= 2),
    ("lots_max=1", lambda row: row["lots_max"] <= 1),
    # A day of New York in March begins five hours after Greenwich's.
    ("since=2026-03-03", lambda row: row["ts_close_utc_ns"] >= 1_772_514_000 * NS),
    ("until=2026-03-02", lambda row: row["ts_close_utc_ns"] < 1_772_514_000 * NS),
    ("span=1", lambda row: row["ts_close_utc_ns"] >= 1_772_514_000 * NS),
    ("market=MES&side=long&outcome=lost", lambda r: r["market"] == "MES" and r["side"] > 0 > r["pnl_microusd"]),
]


@pytest.fixture(scope="session")
def dashboard(busy_dashboard: Served) -> Served:
    return busy_dashboard


def trades_in(dashboard: Served) -> list[Row]:
    with closing(Reader.open(f"sqlite:///{dashboard.folder}/gamma.db")) as reader:
        return reader.trades(EVERY)


def fetched(dashboard: Served, path: str) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        client.get(dashboard.at(f"/?token={dashboard.token}"))
        return client.get(dashboard.at(path))


@pytest.mark.parametrize(("asked", "fits"), FILTERS, ids=[asked for asked, _ in FILTERS])
def test_each_filter_narrows_the_table_the_sums_and_the_file(
    tab: Tab, dashboard: Served, asked: str, fits: Callable[[Row], bool]
) -> None:
    every = trades_in(dashboard)
    rows = [row for row in every if fits(row)]
    assert 0 < len(rows) < len(every)
    tab.go(dashboard.at(f"/trades?{asked}"))
    tab.until("document.querySelector('#together')")
    assert tab.run("document.querySelectorAll('#trades tbody tr').length") == min(len(rows), ROWS)
    net = sum(row["pnl_microusd"] for row in rows) / 1e6
    assert f"Trades\n{len(rows)}\n" in tab.text("#together")
    assert f"{net:+,.2f}" in tab.text("#together")
    written = list(csv.DictReader(io.StringIO(fetched(dashboard, f"/trades.csv?{asked}").text)))
    assert [row["trade_id"] for row in written] == [row["id"] for row in reversed(rows)]
    assert sum(float(row["pnl_usd"]) for row in written) == pytest.approx(net, abs=0.005 * len(rows))


def test_what_is_chosen_on_the_page_stands_in_the_address_and_narrows_it(tab: Tab, dashboard: Served) -> None:
    tab.go(dashboard.at("/trades"))
    tab.until("document.querySelector('#trades tbody tr')")
    for name, value in (("market", "MES"), ("outcome", "lost")):
        tab.choose(name, value)
        tab.until(f"location.search.includes('{name}={value}')")
    rows = [row for row in trades_in(dashboard) if row["market"] == "MES" and row["pnl_microusd"] < 0]
    tab.until(f"document.querySelectorAll('#trades tbody tr').length === {len(rows)}")
    tab.type("[id*='until']", "2026-03-02", enter=True)
    tab.until("location.search.includes('until=2026-03-02')")
    fewer = [row for row in rows if row["ts_close_utc_ns"] < 1_772_514_000 * NS]
    tab.until(f"document.querySelectorAll('#trades tbody tr').length === {len(fewer)}")


def test_older_trades_are_on_the_next_page(tab: Tab, dashboard: Served) -> None:
    every = trades_in(dashboard)
    tab.go(dashboard.at("/trades"))
    tab.until("document.querySelector('#trades .pages')")
    assert f"1 to {ROWS} of {len(every)}" in tab.text("#trades .pages")
    tab.click("#trades .pages a")
    tab.until(f"document.querySelectorAll('#trades tbody tr').length === {len(every) - ROWS}")
    assert f"{ROWS + 1} to {len(every)} of {len(every)}" in tab.text("#trades .pages")


def test_a_slip_of_the_pen_is_told_and_nothing_is_guessed(tab: Tab, dashboard: Served) -> None:
    for asked, told in (("since=tomorrow", "YYYY-MM-DD"), ("lots_min=two", "digits"), ("side=up", "long, short")):
        tab.go(dashboard.at(f"/trades?{asked}"))
        tab.until("document.querySelector('#page .notice.bad')")
        assert told in tab.text("#page")
    tab.go(dashboard.at("/trades?market=%27%3B+DROP+TABLE+trades"))
    tab.until("document.querySelector('#together')")
    assert "No trade fits" in tab.text("#trades")


def test_a_refused_filter_gives_no_file(dashboard: Served) -> None:
    refused = fetched(dashboard, "/trades.csv?since=tomorrow")
    assert (refused.status_code, "YYYY-MM-DD" in refused.text) == (400, True)
    assert httpx.get(dashboard.at("/trades.csv"), trust_env=False).status_code == 401


def test_the_file_has_every_column_and_its_text_is_no_formula(dashboard: Served) -> None:
    answer = fetched(dashboard, "/trades.csv")
    assert answer.headers["Content-Disposition"] == "attachment; filename=trades-paper.csv"
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == COLUMNS
    assert {len(row) for row in rows} == {len(COLUMNS)}
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1"):
        assert plain_text(text) == f"'{text}"
    assert [plain_text(text) for text in ("mes#1", "stop", "")] == ["mes#1", "stop", ""]


def test_a_trade_leads_to_its_decision_on_a_phone_too(tab: Tab, dashboard: Served) -> None:
    tab.size(*PHONE)
    tab.go(dashboard.at("/trades"))
    tab.click("#trades tbody tr a")
    tab.until("location.pathname === '/decisions' && document.querySelector('#guards')")
    last = trades_in(dashboard)[-1]
    with closing(Reader.open(f"sqlite:///{dashboard.folder}/gamma.db")) as reader:
        row = {**last, "trade_id": last["id"], "seq": reader.head[0]}
        assert opened_by(reader, [row])[last["id"]] in tab.text("#page")
