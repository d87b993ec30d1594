"""How long each page of the dashboard takes to stand in a browser, over a ledger as large as years make it.

    .venv/bin/python benchmarks/large_ledger.py big
    .venv/bin/python benchmarks/dashboard.py big [--loads 7]

A real Chromium opens each page with nothing in its cache: the first time, and again. A page stands when all that was
asked for is there. What takes longer than that is made aside, once for many looks: of it the page says that it comes.
It ends with 1 where a page took longer than 2 s.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gamma.config import load
from gamma.ledger import Reader
from tests.dashboard.chromium import BROWSER, DESKTOP, PHONE, Tab, opened
from tests.dashboard.conftest import Served, served, sign_in

LIMIT_S = 2.0
STANDS = "document.querySelector('#page > *') && !document.querySelector('[data-dash-is-loading=true]')"
ASIDE = {"/compliance": "#rules", "/models": "#page .card, #page > .notice"}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--loads", type=int, default=7)
    given = asked.parse_args()
    assert BROWSER is not None, "there is no chromium"
    url = load(given.folder / "config.toml", {}).gamma.database
    with Reader.open(url if ":////" in url else f"sqlite:///{given.folder / 'gamma.db'}") as reader:
        paths, events = paths_of(reader), reader.head[0]
    begun = time.monotonic()
    with served(given.folder) as running, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        print(f"{events:,} events; the dashboard answers after {time.monotonic() - begun:.1f} s\n")
        with opened(BROWSER, Path(profile)) as tab:
            tab.size(*DESKTOP)
            sign_in(tab, running)
            aside(tab, running, begun)
            print(f"\n{'page':44} {'first':>7} {'median':>7} {'slowest':>8}  [s]")
            worst = max(row(tab, running, path, given.loads) for path in paths)
            tab.size(*PHONE)
            worst = max(worst, row(tab, running, "/", given.loads))
    sys.exit(worst > LIMIT_S)


def paths_of(reader: Reader) -> list[str]:
    """Every page, and the filters that have the most to look through."""
    [trade] = reader.trades()[-1:]
    [decision] = reader.decisions()[-1:]
    return [
        "/", "/decisions", "/decisions?outcome=refused", f"/decisions?id={decision['id']}", "/risk", "/trades",
        f"/trades?market={trade['market']}&side=long&outcome=won", "/models", "/compliance", "/alerts",
        "/alerts?severity=critical", "/logs", f"/logs?of={trade['id'].replace('#', '%23')}",
        "/logs?of=" + reader.trades()[0]["id"].replace("#", "%23"), "/halt",
    ]  # fmt: skip


def aside(tab: Tab, running: Served, begun: float) -> None:
    """How long after the start what is made aside is there."""
    for path, made in ASIDE.items():
        tab.go(running.at(path))
        while not tab.run(f"!!document.querySelector({made!r})"):
            time.sleep(0.2)
        print(f"{path} is filled {time.monotonic() - begun:.1f} s after the start")


def row(tab: Tab, running: Served, path: str, loads: int) -> float:
    """Load a page so many times, and print a line of it."""
    took = [load_s(tab, running.at(path)) for _ in range(loads)]
    print(f"{path[:44]:44} {took[0]:7.2f} {statistics.median(took):7.2f} {max(took):8.2f}")
    return max(took)


def load_s(tab: Tab, url: str) -> float:
    tab.go("about:blank")
    begun = time.monotonic()
    tab.ask("Page.navigate", url=url)
    tab.until(STANDS)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
