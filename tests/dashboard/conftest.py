"""A dashboard as its user starts it, over a ledger that the real daemon wrote, and a browser to look at it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gamma.ledger import Ledger
from gamma.notices import Notice, Severity
from tests.daemon_case import ledger_in, trade, write_config
from tests.dashboard.chromium import BROWSER, DESKTOP, Tab, opened

BARS = 700
START = {"GAMMA__FEED__START": "2026-03-02"}
GAMMA = str(Path(sys.executable).with_name("gamma"))
T0 = 1_772_500_000_000_000_000
BUSY = """
[sizers.two]
use = "fixed"
lots = 2

[alerts.paper]
discord_critical = "http://127.0.0.1:9/webhooks/1/critical"
"""
RULES = """profile = "own_50k"
overrides = { target_usd = 3000, minis_evaluation = [{ from_usd = 0.0, minis = 0.2 }], news_window_s = 60 }
"""


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
    gamma(folder, "run", "--speed", "max", "--bars", str(bars), "--json", env=START)
    return folder


def _told(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What the command prints once it answers."""
    assert process.stdout is not None
    text = ""
    while line := process.stdout.readline():
        text += line
        if line == "}\n":
            return dict(json.loads(text))
    raise AssertionError(f"the dashboard ended: {process.communicate()}")


@contextmanager
def served(folder: Path, stop: signal.Signals = signal.SIGTERM) -> Iterator[Served]:
    """The dashboard of a folder, stopped as a service is."""
    command = [GAMMA, "dashboard", "--port", "0", "--json"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        told = _told(process)
        url, _, token = told["url"].partition("/?token=")
        yield Served(url=url, token=token, folder=folder)
    finally:
        process.send_signal(stop)
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
    tab.until("!document.querySelector('#page').innerText.includes('is shown in a moment')")


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two strategies that trade often, one lot and two, under rules of which some are broken; alerts of all kinds."""
    folder = tmp_path_factory.mktemp("busy")
    path = write_config(folder, more=BUSY)
    text = path.read_text().replace("[feed]", f"{RULES}\n[feed]")
    path.write_text(text.replace('"fixed"', '"two"', 1))
    path.chmod(0o600)
    trade(folder, bars=700)
    with closing(Ledger.open(ledger_in(folder), account="paper", mode="paper")) as ledger:
        numbers = []
        for number in range(6):
            severity = Severity.CRITICAL if number < 4 else Severity.WARNING
            told = Notice(key=f"made:{number}", severity=severity, title=f"Made {number}", text="x", ts_event_utc_ns=T0)
            ledger.append([], [told])
            numbers.append(ledger.head[0])
        ledger.commit()
        ledger.outbox.delivered(numbers[:3], T0)
        ledger.outbox.ack(str(numbers[0]), T0)
        ledger.outbox.dropped(numbers[4:5], T0, "refused by Discord: made")
        ledger.commit()
    return folder


@pytest.fixture(scope="session")
def busy_dashboard(busy: Path) -> Iterator[Served]:
    with served(busy) as running:
        yield running
