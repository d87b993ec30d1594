"""Pictures of the dashboard's pages, taken in Chromium of an account that a simulated market made: docs/pictures.

.venv/bin/python docs/take_pictures.py [NAME ...]
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.dashboard.chromium import BROWSER, DESKTOP, PHONE, opened
from tests.dashboard.conftest import START, gamma, served, sign_in

OUT: Final = Path(__file__).parent / "pictures"
BARS: Final = 1_800
NEWEST: Final = "#page tbody a"
# Name, page, what to press there, size, and light or dark.
PICTURES: Final = (
    ("dashboard-overview", "/", "", DESKTOP, "light"),
    ("dashboard-phone", "/", "", PHONE, "dark"),
    ("dashboard-decision", "/decisions?outcome=cut", NEWEST, DESKTOP, "light"),
    ("dashboard-risk", "/risk", "", DESKTOP, "dark"),
    ("dashboard-trades", "/trades", "", DESKTOP, "light"),
    ("dashboard-models", "/models", "", DESKTOP, "light"),
    ("dashboard-compliance", "/compliance", "", DESKTOP, "dark"),
    ("dashboard-alerts", "/alerts", "", PHONE, "light"),
    ("dashboard-logs", "/logs", "", PHONE, "dark"),
    ("dashboard-halt", "/halt", "", PHONE, "light"),
)


def main() -> None:
    """Take those that are named, or all."""
    wanted = [picture for picture in PICTURES if not sys.argv[1:] or picture[0] in sys.argv[1:]]
    if BROWSER is None:
        sys.exit("no chromium here")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "account"
        folder.mkdir()
        gamma(folder, "init", "--defaults")
        gamma(folder, "run", "--speed", "max", "--bars", str(BARS), "--json", env=START)
        with served(folder) as running, opened(BROWSER, Path(name)) as tab:
            sign_in(tab, running)
            for title, path, press, size, scheme in wanted:
                tab.size(*size)
                tab.prefer(scheme)
                tab.go(running.at(path))
                tab.until("document.querySelector('#page > *')")
                if press:
                    tab.click(press)
                    tab.until("document.querySelector('#verdict')")
                tab.settle()
                file = OUT / f"{title}.webp"
                file.write_bytes(tab.picture("webp"))
                print(f"{file}: {file.stat().st_size:,} bytes")  # noqa: T201 - its only output


if __name__ == "__main__":
    main()
