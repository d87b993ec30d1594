"""A real Chromium without a window, driven by its own DevTools protocol."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, final

from websockets.sync.client import ClientConnection, connect

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip
PATIENCE_S = 30.0
PHONE = (390, 844)
DESKTOP = (1280, 900)


@final
class Tab:
    """One tab; what the page complained of is kept."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._number = 0
        self.complaints: list[str] = []
        self.replies: list[tuple[int, str]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Network.setCacheDisabled", cacheDisabled=True)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask the browser, and wait for its answer."""
        self._number += 1
        self._line.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            told = json.loads(self._line.recv(timeout=PATIENCE_S))
            if told.get("id") == self._number:
                assert "error" not in told, (method, told)
                return dict(told["result"])
            self._hear(told)

    def _hear(self, told: dict[str, Any]) -> None:
        match told.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["params"]["exceptionDetails"])[:600])
            case "Log.entryAdded" if told["params"]["entry"]["level"] == "error":
                self.complaints.append(told["params"]["entry"]["text"])
            case "Network.responseReceived":
                response = told["params"]["response"]
                self.replies.append((response["status"], response["url"]))

    def run(self, script: str) -> Any:
        """What an expression comes to in the page."""
        told = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait until an expression is true in the page, and give it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            once = f"const found = {script}; return found instanceof Node ? true : found"
            # Between two pages there is none to ask.
            with suppress(AssertionError):
                if found := self.run(f"(() => {{ try {{ {once} }} catch {{ return null }} }})()"):
                    return found
            time.sleep(0.05)
        raise AssertionError(f"never came true: {script}\n{self.text()[:3000]}\n{self.complaints}")

    def go(self, url: str) -> None:
        """Open an address."""
        self.ask("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def text(self, selector: str = "body") -> str:
        """The text that a part of the page shows."""
        return str(self.run(f"document.querySelector({selector!r})?.innerText ?? ''"))

    def click(self, selector: str) -> None:
        """Press what is there, in its middle, as a finger would, once it has come to rest: a list unfolds."""
        where, before = self._middle(selector), None
        while where != before:
            time.sleep(0.1)
            where, before = self._middle(selector), where
        x, y = where
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _middle(self, selector: str) -> tuple[float, float]:
        x, y = self.until(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();"
            f" return [r.x + r.width / 2, r.y + r.height / 2] }})(document.querySelector({selector!r}))"
        )
        return x, y

    def choose(self, name: str, value: str) -> None:
        """Choose a word of a filter's list."""
        self.click(f'.dash-dropdown[id*="{name}"]')
        self.click(f'.dash-dropdown-option:has(input[value="{value}"])')

    def type(self, selector: str, text: str, *, enter: bool = False) -> None:
        """Type into a field."""
        self.click(selector)
        self.ask("Input.insertText", text=text)
        if enter:
            for kind in ("keyDown", "keyUp"):
                key = {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
                self.ask("Input.dispatchKeyEvent", type=kind, **key)

    def size(self, width: int, height: int) -> None:
        """How large the window is [CSS pixels]."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str) -> None:
        """What the system prefers: light or dark."""
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def settle(self) -> None:
        """Wait until nothing is loaded any more, every picture is drawn, and the browser has painted twice since."""
        self.until("!document.querySelector('[data-dash-is-loading=true]')")
        self.until("[...document.querySelectorAll('.dash-graph')].every(e => e.querySelector('.main-svg'))")
        self.run("document.fonts.ready.then(() => new Promise(d => requestAnimationFrame(() => setTimeout(d, 100))))")

    def picture(self, form: str = "png") -> bytes:
        """What the window shows, as a PNG or a small WebP."""
        quality = {} if form == "png" else {"quality": 50}
        return base64.b64decode(self.ask("Page.captureScreenshot", format=form, **quality)["data"])


@contextmanager
def opened(browser: str, folder: Path) -> Iterator[Tab]:
    """A browser with a profile of its own, and its first tab."""
    profile = folder / "profile"
    command = [browser, *QUIET, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_address(profile, process), max_size=None, ping_interval=None) as line:
            yield Tab(line)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


def _address(profile: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where the first tab listens; the browser writes its port into its profile."""
    from httpx import get

    file, deadline = profile / "DevToolsActivePort", time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the browser ended"
        if file.exists() and (lines := file.read_text().splitlines()):
            tabs = get(f"http://127.0.0.1:{lines[0]}/json/list", trust_env=False).json()
            if tabs := [tab for tab in tabs if tab["type"] == "page"]:
                return str(tabs[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("the browser never listened")
