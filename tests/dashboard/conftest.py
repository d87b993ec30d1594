"""A dashboard as its user starts it, over a ledger that the real daemon wrote, and a browser to look at it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.chromium import BROWSER, DESKTOP, Tab, opened

BARS = 700
GAMMA = str(Path(sys.executable).with_name("gamma"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A dashboard that answers, and the folder that it was started in."""

    url: str
    token: str
    folder: Path

    def at(self, path: str) -> str:
        return f"{self.url}{path}"


def gamma(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end, and give what it prints."""
    told = {**os.environ, **(env or {})}
    command = [GAMMA, *words]
    done = subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configured(folder: Path) -> Path:
    """A folder with the shipped example, of which the plain rule alone trades, and often: no model need be loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    gamma(folder, "init", "--defaults")
    path = folder / "config.toml"
    text = re.sub(r'\[\[strategies\]\]\nname = "mnq".*?(?=\[\[strategies\]\])', "", path.read_text(), flags=re.DOTALL)
    path.write_text(text.replace("entry_bars = 55", "entry_bars = 12"))
    return folder


def traded(folder: Path, bars: int) -> Path:
    """The ledger of so many bars, on the same simulated market always."""
    gamma(folder, "run", "--speed", "max", "--bars", str(bars), "--json", env={"GAMMA__FEED__START": "2026-03-02"})
    return folder


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """The dashboard of a folder, stopped as a service is."""
    command = [GAMMA, "dashboard", "--port", "0", "--json"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told: dict[str, Any] = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        url, _, token = told["url"].partition("/?token=")
        yield Served(url=url, token=token, folder=folder)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


@pytest.fixture(scope="session")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traded(configured(tmp_path_factory.mktemp("traded")), BARS)


@pytest.fixture
def own(ledger: Path, tmp_path: Path) -> Path:
    """The same ledger once more, to do something with."""
    return Path(shutil.copytree(ledger, tmp_path / "own", ignore=shutil.ignore_patterns("*.token")))


@pytest.fixture(scope="session")
def dashboard(ledger: Path) -> Iterator[Served]:
    with served(ledger) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> str:
    if BROWSER is None:
        if os.environ.get("GAMMA_NEED_BROWSER") == "1":
            pytest.fail("GAMMA_NEED_BROWSER is 1, and there is no chromium")
        pytest.skip("no chromium here")
    return BROWSER


@pytest.fixture(scope="session")
def _tab(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with opened(browser, tmp_path_factory.mktemp("chromium")) as one:
        yield one


@pytest.fixture
def stranger(_tab: Tab) -> Tab:
    """A tab that nobody is signed in with."""
    _tab.go("about:blank")
    _tab.ask("Network.clearBrowserCookies")
    _tab.size(*DESKTOP)
    _tab.prefer("light")
    _tab.complaints.clear()
    _tab.replies.clear()
    return _tab


@pytest.fixture
def tab(stranger: Tab, dashboard: Served) -> Iterator[Tab]:
    """A tab that is signed in, whose pages have nothing to complain of."""
    sign_in(stranger, dashboard)
    yield stranger
    assert stranger.complaints == []
    assert [reply for reply in stranger.replies if reply[0] >= 400] == []
    assert {url.split("/")[2] for _, url in stranger.replies if url.startswith("http")} <= {dashboard.url.split("/")[2]}


def sign_in(tab: Tab, running: Served) -> None:
    tab.go(running.at(f"/?token={running.token}"))
    tab.until("location.search === '' && document.querySelector('#page > *')")
