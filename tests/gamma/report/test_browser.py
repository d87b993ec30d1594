"""The page in a real browser: it fits, it is whole, and it asks nothing of anybody."""

import os
import re
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gamma.report import page, sections
from tests.gamma.report.case import subject

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-dev-shm-usage",
)  # fmt: skip
# The page allows no script: what measures it is put into a copy from which that rule is taken.
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
MEASURE = """<script>addEventListener('load', () => {
  const shown = [...document.querySelectorAll('svg')].filter(one => one.getBoundingClientRect().width > 0);
  const wide = [...document.querySelectorAll('h1, h2, p, figure, svg, .scroll')]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1);
  document.body.innerHTML = '<pre>' + JSON.stringify([innerWidth, document.documentElement.scrollWidth,
    document.querySelectorAll('h2').length, shown.length, wide.length]) + '</pre>';
});</script></head>"""


@pytest.fixture
def browser() -> str:
    if BROWSER is None:
        if os.environ.get("GAMMA_NEED_BROWSER") == "1":
            pytest.fail("GAMMA_NEED_BROWSER is 1, and there is no chromium")
        pytest.skip("no chromium here")
    return BROWSER


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    about = subject(tmp_path_factory.mktemp("page"))
    return page(about, sections(about))


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A proxy that answers nothing, and what it was asked; a browser asks for things of its own too."""
    lines: list[str] = []

    class Asked(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines.append(self.rfile.readline().decode("latin-1").strip())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Asked) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", lines
        server.shutdown()
        serving.join()


def dom(browser: str, folder: Path, content: str, *more: str) -> str:
    """What the browser made of a page."""
    path = folder / "page.html"
    path.write_text(content)
    command = [browser, *QUIET, f"--user-data-dir={folder}/profile", *more, "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits_its_window_and_shows_every_picture(browser: str, tmp_path: Path, text: str, width: int) -> None:
    copy = POLICY.sub("", text).replace("</head>", MEASURE)
    # A window may not be as narrow as a telephone: the page stands in a frame that is.
    (tmp_path / "inner.html").write_text(copy)
    frame = (
        f"<body style='margin:0'><iframe style='border:0' width={width} height=900 src='inner.html'></iframe></body>"
    )
    reach = ("--window-size=1400,1000", "--virtual-time-budget=5000", "--allow-file-access-from-files")
    lift = "<script>addEventListener('load', () => { document.title = frames[0].document.body.innerText })</script>"
    found = re.search(r"\[(\d+),(\d+),(\d+),(\d+),(\d+)\]", dom(browser, tmp_path, frame + lift, *reach))
    assert found is not None
    inner, whole, headings, pictures, too_wide = map(int, found.groups())
    assert inner == width
    assert whole <= width
    assert too_wide == 0
    assert headings == text.count("<h2 ")
    assert pictures == text.count("<figure>") > 4


@pytest.mark.slow
def test_no_request_leaves_the_page(browser: str, tmp_path: Path, text: str, asked: tuple[str, list[str]]) -> None:
    proxy, lines = asked
    through = (f"--proxy-server={proxy}", "--virtual-time-budget=5000")
    dom(browser, tmp_path, text, *through)
    # Its rule holds for what somebody smuggles in, and without the rule this test would see it.
    smuggled = text.replace("</main>", '<img src="http://elsewhere.example/seen.png" alt=""></main>')
    dom(browser, tmp_path, smuggled, *through)
    assert not [line for line in lines if "elsewhere" in line]
    dom(browser, tmp_path, POLICY.sub("", smuggled), *through)
    assert {line.split(" ")[1] for line in lines if "elsewhere" in line} == {"http://elsewhere.example/seen.png"}
