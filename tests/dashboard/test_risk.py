"""Risk in a real browser says of every guard what `gamma status --guards` says."""

import json

import pytest

from tests.dashboard.chromium import Tab
from tests.dashboard.conftest import Served, gamma

pytestmark = pytest.mark.slow


def test_every_guard_has_its_dial_and_what_is_left(tab: Tab, dashboard: Served) -> None:
    told = json.loads(gamma(dashboard.folder, "status", "--json"))
    tab.go(dashboard.at("/risk"))
    tab.until("document.querySelector('#margins .bar')")
    margins = tab.text("#margins")
    for row in told["guards"]:
        named, left = f"{row['name'].replace('_', ' ')} (mes)", row["leeway_frac"]
        if left is None:
            assert row["name"].replace("_", " ") in tab.text("#others")
            continue
        assert named in margins
        width = tab.run(f"document.querySelector('[aria-label^={json.dumps(named)}] .fill').style.width")
        assert float(width.removesuffix("%")) == pytest.approx(100 * left, abs=0.06)
    floor = next(row for row in told["guards"] if row["name"] == "trailing_drawdown")
    assert f"{floor['now'] - floor['limit']:,.2f} usd left" in margins


def test_the_fullest_comes_last_and_what_is_near_is_named(tab: Tab, dashboard: Served) -> None:
    told = json.loads(gamma(dashboard.folder, "status", "--json"))
    near = {row["name"].replace("_", " ") for row in told["guards"] if (row["leeway_frac"] or 1) <= 0.2}
    near |= {row["name"].replace("_", " ") for row in told["guards"] if row["leeway_frac"] == 0}
    tab.go(dashboard.at("/risk"))
    tab.until("document.querySelector('#margins .bar')")
    widths = tab.run("[...document.querySelectorAll('#margins .fill')].map(e => parseFloat(e.style.width))")
    assert widths == sorted(widths)
    assert tab.run("document.querySelectorAll('#near .notice').length") == len(near)
    for name in near:
        assert name in tab.text("#near")
