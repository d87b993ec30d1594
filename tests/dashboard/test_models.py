"""Models in a real browser: the card of each checkpoint, and live results beside validated ones."""

import json
from collections.abc import Iterator

import pytest

from tests.dashboard.chromium import PHONE, Tab
from tests.dashboard.conftest import Served, gamma, served, traded

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The shipped example, whose policy is watched by the drift guard."""
    folder = tmp_path_factory.mktemp("shipped")
    gamma(folder, "init", "--defaults")
    path = folder / "config.toml"
    path.write_text(path.read_text().replace('"model_sanity",', '"model_sanity", "drift",'))
    with served(traded(folder, 200)) as running:
        yield running


def test_a_checkpoint_is_told_as_its_card_tells_it(tab: Tab, dashboard: Served) -> None:
    told = json.loads(gamma(dashboard.folder, "models", "show", "mnq-phase2", "--json"))
    tab.size(*PHONE)
    tab.go(dashboard.at("/models"))
    tab.until("document.querySelector('#page .card')")
    shown = tab.run("document.querySelector('#page').textContent")
    assert "mnq-phase2: signals of mnq" in shown
    assert told["sha256"] in shown
    assert "For paper only" in shown
    for bars in told["card"]["training"]["bars"]:
        assert bars["name"] in shown
    for one in told["card"]["evaluations"]:
        assert f"{one['name']}: {'out of sample' if one['out_of_sample'] else 'in sample'}" in shown


def test_live_results_stand_beside_validated_ones_as_gamma_status_has_them(tab: Tab, dashboard: Served) -> None:
    [told] = json.loads(gamma(dashboard.folder, "status", "--json"))["validated"]
    tab.go(dashboard.at("/models"))
    tab.until("document.querySelector('#page .card')")
    shown = tab.text("#page")
    assert f"{told['trades']:,} trades here; validated by {told['source']}" in shown
    [win_rate] = [one for one in told["figures"] if one["name"] == "win_rate_frac"]
    assert f"{win_rate['validated']:.1%}" in shown
    assert "The drift guard" in shown
    assert "win rate p" in shown


def test_where_rules_alone_trade_it_says_so(stranger: Tab, busy_dashboard: Served) -> None:
    stranger.go(busy_dashboard.at(f"/?token={busy_dashboard.token}"))
    stranger.until("document.querySelector('#page > *')")
    stranger.go(busy_dashboard.at("/models"))
    stranger.until("document.querySelector('#page').innerText.includes('rules alone trade here')")
