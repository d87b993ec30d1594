"""The overview in a real browser says what `gamma status` says."""

import json

import pytest

from tests.dashboard.chromium import Tab
from tests.dashboard.conftest import Served, gamma

pytestmark = pytest.mark.slow


def test_it_says_what_gamma_status_says(tab: Tab, dashboard: Served) -> None:
    told = json.loads(gamma(dashboard.folder, "status", "--json"))
    shown = tab.text("#page")
    assert told["state"] in tab.text("#state")
    for name in ("equity_usd", "balance_usd", "peak_usd", "floor_usd", "room_usd", "fees_usd"):
        assert f"{told[name]:,.2f}" in shown, name
    for name in ("pnl_usd", "day_pnl_usd"):
        assert f"{told[name]:+,.2f}" in shown, name
    assert f"{told['trades']:,} ({told['wins']:,} won)" in shown
    for row in told["positions"]:
        assert f"{row['lots']:+d}" in tab.text("#positions")
        assert row["market"] in tab.text("#positions")


def test_equity_is_drawn_with_its_floor_and_drawdown(tab: Tab) -> None:
    tab.until("document.querySelectorAll('#equity .scatterlayer .trace').length === 3")
    assert tab.run("document.querySelector('#equity .legend').textContent") == "equityfloordrawdown"
    equity = tab.run("document.querySelector('#equity .js-plotly-plot').calcdata[0].length")
    assert 2 < equity <= 700
