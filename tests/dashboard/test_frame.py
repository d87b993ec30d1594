"""The frame in a real browser: it fits, it is light or dark, it shows what is new, and it says when it is old."""

import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from gamma.dashboard.pages import PAGES
from tests.dashboard.chromium import DESKTOP, PHONE, Tab
from tests.dashboard.conftest import GAMMA, START, Served, configured, gamma, served, sign_in, traded

pytestmark = pytest.mark.slow
LISTED = [page.path for page in PAGES if page.listed]


@pytest.mark.parametrize("path", LISTED)
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_a_page_fits_its_window_and_names_itself_among_the_others(
    tab: Tab, dashboard: Served, path: str, size: tuple[int, int]
) -> None:
    tab.size(*size)
    tab.go(dashboard.at(path))
    tab.until("document.querySelector('#page > *')")
    assert tab.run("document.documentElement.scrollWidth") <= size[0]
    wide = "[...document.querySelectorAll('#page > *, .scroll, nav a, header *, #filters > *')]"
    assert tab.run(f"{wide}.filter(e => e.getBoundingClientRect().right > innerWidth + 1).length") == 0
    assert tab.text("nav a.here") == next(page.title for page in PAGES if page.path == path)


def test_a_page_that_is_not_there_says_so(tab: Tab, dashboard: Served) -> None:
    tab.go(dashboard.at("/nowhere"))
    tab.until("document.querySelector('#page .notice')")
    assert tab.text("#page") == "There is no page /nowhere."


GROUND = "getComputedStyle(document.body).backgroundColor"


def test_it_is_dark_where_the_system_is_and_the_switch_turns_it(tab: Tab, dashboard: Served) -> None:
    light = tab.run(GROUND)
    tab.prefer("dark")
    dark = tab.run(GROUND)
    assert dark != light
    tab.click("#theme")
    assert tab.run(GROUND) == light
    tab.go(dashboard.at("/"))
    tab.until("document.querySelector('#page > *')")
    assert tab.run(GROUND) == light
    tab.run("localStorage.clear()")


def test_what_the_ledger_gains_is_shown_without_loading_anew(stranger: Tab, own: Path) -> None:
    with served(own) as running:
        sign_in(stranger, running)
        stranger.run("window.kept = true")
        gamma(own, "halt", "a test of it")
        stranger.until("document.querySelector('#state').innerText.includes('REDUCING')")
        assert "a test of it" in stranger.text("#page")
        assert stranger.run("window.kept")


def test_without_a_ledger_it_says_so_and_goes_on_when_there_is_one(stranger: Tab, tmp_path: Path) -> None:
    with served(configured(tmp_path)) as running:
        sign_in(stranger, running)
        assert "start the daemon once" in stranger.text("#page")
        traded(tmp_path, 5)
        stranger.until("document.querySelector('#state')")


def test_a_ledger_of_another_version_is_not_guessed_at(stranger: Tab, own: Path) -> None:
    with served(own) as running:
        with sqlite3.connect(own / "gamma.db") as db:
            db.execute("UPDATE alembic_version SET version_num = '9999'")
        db.close()
        sign_in(stranger, running)
        assert "9999" in stranger.text("#page")


def test_another_ledger_in_the_place_of_the_first_is_read_from_its_beginning(stranger: Tab, own: Path) -> None:
    with served(own) as running:
        sign_in(stranger, running)
        for path in own.glob("gamma*.db*"):
            path.unlink()
        traded(own, 5)
        stranger.until("document.querySelector('#page').innerText.includes('0 (0 won)')")


def test_a_daemon_that_is_stopped_in_its_tracks_is_told_of_as_silent(
    stranger: Tab, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAMMA__SCHEDULE__HEARTBEAT_S", "1")
    command = [GAMMA, "run", "--plain", "--speed", "300"]
    quiet = subprocess.DEVNULL
    daemon = subprocess.Popen(command, cwd=own, env={**os.environ, **START}, stdout=quiet, stderr=quiet)
    pulse = "document.querySelector('#pulse').innerText"
    try:
        with served(own) as running:
            sign_in(stranger, running)
            stranger.until(f"{pulse}.includes('daemon {daemon.pid} runs, last sign of life')")
            daemon.send_signal(signal.SIGSTOP)
            stranger.until(f"{pulse}.includes('daemon {daemon.pid} is silent')")
            daemon.send_signal(signal.SIGCONT)
            stranger.until(f"{pulse}.includes('daemon {daemon.pid} runs')")
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=60)
            stranger.until(f"{pulse}.includes('no daemon runs here')")
    finally:
        daemon.kill()
        daemon.wait(timeout=60)


def test_it_says_when_nobody_answers_any_more(stranger: Tab, ledger: Path) -> None:
    with served(ledger) as running:
        sign_in(stranger, running)
        # The page's own clock goes on by a minute at a look: nobody waits for it here.
        stranger.run("{ const real = Date.now; let more = 0; Date.now = () => real() + (more += 60000); }")
    stranger.until("getComputedStyle(document.querySelector('#stale')).display === 'block'")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly_when_it_is_told_to(ledger: Path, stop: signal.Signals) -> None:
    with served(ledger, stop) as running:
        assert running.url.startswith("http://127.0.0.1:")
