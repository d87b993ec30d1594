"""The one act, in a real browser: it halts a real ledger and a real daemon, and nothing else does."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from gamma.dashboard.halting import ACTOR
from gamma.ledger import Reader
from gamma.ledger.reader import Record
from tests.dashboard.chromium import Tab
from tests.dashboard.conftest import GAMMA, START, Served, gamma, served, sign_in

pytestmark = pytest.mark.slow


def press(tab: Tab, running: Served, typed: str, why: str = "") -> str:
    """Type the name and press; what it answers."""
    tab.go(running.at("/halt"))
    tab.until("document.querySelector('#halt')")
    if why:
        tab.type("#halt-why", why)
    tab.type("#halt-name", typed)
    tab.click("#halt")
    tab.until("document.querySelector('#halt-answer .notice')")
    return tab.text("#halt-answer")


def halts(folder: Path) -> list[Record]:
    with Reader.open(f"sqlite:///{folder}/gamma.db") as reader:
        return [row for row in reader.standing_halts() if row["actor"] == ACTOR]


def test_without_a_daemon_it_halts_the_ledger_and_says_who_and_why(stranger: Tab, own: Path) -> None:
    with served(own) as running:
        sign_in(stranger, running)
        assert press(stranger, running, "HALT paper", "I do not like <b>it</b>") == "the account is reducing."
        stranger.go(running.at("/"))
        stranger.until("document.querySelector('#state')")
        assert "REDUCING" in stranger.text("#state")
        assert "I do not like <b>it</b>" in stranger.text("#page")
        assert "gamma resume --ack" in stranger.text("#page")
    (halt,) = halts(own)
    assert (halt["scope"], halt["level"], halt["reason"]) == ("account", "reducing", "operator")
    gamma(own, "resume", "--ack", halt["halt_id"])
    assert halts(own) == []


def test_a_running_daemon_is_asked_and_answers(stranger: Tab, own: Path) -> None:
    daemon = subprocess.Popen(
        [GAMMA, "run", "--plain", "--speed", "300"],
        cwd=own,
        env={**os.environ, **START},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with served(own) as running:
            sign_in(stranger, running)
            stranger.until(f"document.querySelector('#pulse').innerText.includes('daemon {daemon.pid} runs')")
            assert press(stranger, running, "paper") == "the account is reducing."
            stranger.until("document.querySelector('#top').innerText.includes('REDUCING')")
            assert daemon.poll() is None
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=60)
    assert len(halts(own)) == 1


@pytest.mark.parametrize("typed", ["", "Paper", "HALT", "papers"])
def test_another_name_halts_nothing(tab: Tab, dashboard: Served, typed: str) -> None:
    assert "Nothing was done" in press(tab, dashboard, typed)
    assert halts(dashboard.folder) == []


def test_what_is_typed_stands_while_the_page_refreshes(tab: Tab, dashboard: Served) -> None:
    tab.go(dashboard.at("/halt"))
    tab.until("document.querySelector('#halt')")
    tab.type("#halt-name", "pap")
    at = tab.run("document.querySelector('#fresh').dataset.at")
    tab.until(f"document.querySelector('#fresh').dataset.at !== '{at}'")
    assert tab.run("document.querySelector('#halt-name').value") == "pap"
