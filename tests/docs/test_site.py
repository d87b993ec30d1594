"""The site is built without a warning, has every page, and leads nowhere that there is not."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.docs.pages import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # what its makers have to say of its next version
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=quiet)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class _Page(HTMLParser):
    """What a page leads to, what it loads, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.places |= {told[name] for name in ("id", "name") if name in told}
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        elif tag in ("script", "img") and "src" in told:
            self.loads.append(told["src"])
        elif tag == "link" and told.get("rel", "") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loads.append(told["href"])


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere_in_it_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 30
    for path, page in pages.items():
        for load in page.loads:
            assert not urlsplit(load).netloc, f"{path.name} loads {load}"
            assert load.startswith("data:") or (path.parent / urlsplit(load).path).exists(), f"{path.name} loads {load}"
        for link in page.links:
            found = urlsplit(link)
            if found.scheme or found.netloc:
                continue
            target = (path.parent / unquote(found.path)).resolve() if found.path else path
            assert target in pages or target.exists(), f"{path.name} leads to {link}"
            if target in pages:
                assert unquote(found.fragment) in pages[target].places, f"{path.name} leads to {link}"


def test_every_page_stands_in_the_menu() -> None:
    menu = set(
        re.findall(r"[\w/-]+\.md", str(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    )
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    wanted = {page for page in pages if not page.startswith("adr/0")}
    assert menu == wanted, f"nav in mkdocs.yml: {sorted(menu ^ wanted)}"
