"""One dashboard over several accounts, in a real browser: all at a glance, each by itself, none in another's place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.chromium import PHONE, Tab
from tests.dashboard.conftest import Served, configured, gamma, served, sign_in

pytestmark = pytest.mark.slow
SEVERAL = """
[accounts.apex1.feed]
seed = 1

[accounts.topstep.feed]
seed = 2

[accounts.unstarted.feed]
seed = 3

[accounts.broken.gamma]
mode = "x"
"""


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two accounts that traded, one that never did, and one whose configuration is wrong."""
    folder = configured(tmp_path_factory.mktemp("several"))
    path = folder / "config.toml"
    path.write_text(path.read_text().replace('name = "paper"  ', '# name = "paper"  ', 1) + SEVERAL)
    for name, bars in (("apex1", "300"), ("topstep", "5")):
        day = {"GAMMA__FEED__START": "2026-03-02"}
        gamma(folder, "run", "--account", name, "--speed", "max", "--bars", bars, "--json", env=day)
    return folder


@pytest.fixture(scope="module")
def over_all(several: Path) -> Iterator[Served]:
    with served(several) as running:
        yield running


@pytest.fixture
def signed(stranger: Tab, over_all: Served) -> Tab:
    sign_in(stranger, over_all)
    return stranger


def status(folder: Path, account: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(gamma(folder, "status", "--account", account, "--json"))
    return told


def test_all_accounts_are_on_one_page_with_what_is_wrong_with_any(signed: Tab, over_all: Served) -> None:
    signed.go(over_all.at("/"))
    signed.until("document.querySelector('#accounts tbody tr')")
    shown = signed.text("#accounts")
    for name in ("apex1", "topstep"):
        told = status(over_all.folder, name)
        assert f"{told['equity_usd']:,.2f}" in shown
        assert f"{told['room_usd']:,.2f}" in shown
    assert shown.count("NOT KNOWN".lower()) + shown.count("NOT KNOWN") == 2
    wrong = signed.text("#problems")
    assert "unstarted: database: there is no gamma-unstarted.db" in wrong
    assert '[accounts.broken.gamma] mode = "x"' in wrong
    assert signed.text("nav a.here") == "Accounts"
    assert signed.complaints == []


def test_the_way_from_all_accounts_leads_to_one_and_stays_with_it(signed: Tab, over_all: Served) -> None:
    signed.go(over_all.at("/accounts"))
    signed.until("document.querySelector('#accounts tbody a[href*=topstep]')")
    signed.click("#accounts tbody a[href*=topstep]")
    signed.until("document.querySelector('#room')")
    assert "topstep" in signed.text("#account")
    assert f"{status(over_all.folder, 'topstep')['room_usd']:,.2f}" == signed.text("#room")
    signed.click("nav a[href*='/risk']")
    signed.until("location.pathname === '/risk' && location.search.includes('topstep')")


def test_the_picker_leads_to_another_account(signed: Tab, over_all: Served) -> None:
    signed.go(over_all.at("/?account=topstep"))
    signed.until("document.querySelector('#room')")
    signed.click("#account summary")
    signed.click("#account a[href*=apex1]")
    signed.until("document.querySelector('#account summary').innerText.includes('apex1')")
    signed.until(f"document.querySelector('#room').innerText === '{status(over_all.folder, 'apex1')['room_usd']:,.2f}'")


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ("unstarted", "start the daemon once"),
        ("broken", '[accounts.broken.gamma] mode = "x"'),
        ("nobody", "There is no account nobody; known: apex1, topstep, unstarted, broken."),
    ],
)
def test_an_account_that_cannot_be_shown_says_why_and_no_other_is_shown_for_it(
    signed: Tab, over_all: Served, account: str, said: str
) -> None:
    signed.go(over_all.at(f"/?account={account}"))
    signed.until("document.querySelector('#page .notice')")
    assert said in signed.text("#page")
    assert account in signed.text("#account")
    assert signed.run("document.querySelector('#room')") is None


def test_the_page_of_all_accounts_fits_a_phone(signed: Tab, over_all: Served) -> None:
    signed.size(*PHONE)
    signed.go(over_all.at("/accounts"))
    signed.until("document.querySelector('#accounts tbody tr')")
    assert signed.run("document.documentElement.scrollWidth") <= PHONE[0]
