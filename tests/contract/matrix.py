"""The table of docs/brokers.md: what each broker can do, and which points of the suite it is held to.

    python -m tests.contract.matrix

prints it, to be put on the page between its two marks.
"""

import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.contract.cases import CASES
from tests.contract.points import Point

BEGIN, END = "<!-- matrix: made by python -m tests.contract.matrix -->", "<!-- /matrix -->"
_FLAGS = ("multi_leg", "bracket", "replace", "reduce_only", "direct_lookup", "order_stream")


def table() -> str:
    """Both tables and the reasons below them, in Markdown."""
    names = [case.name for case in CASES]
    with tempfile.TemporaryDirectory() as folder:
        told = [case.open(_made(Path(folder) / case.name)).broker.capabilities for case in CASES]
    can = [
        ["remembers an order id", *(str(one.dedupe).replace("_", " ") for one in told)],
        *([flag.replace("_", " "), *("yes" if getattr(one, flag) else "no" for one in told)] for flag in _FLAGS),
        ["quiet window", *(f"{one.quiet_window_s:g} s" for one in told)],
        ["complete looks that prove absence", *(str(one.absence_listings) for one in told)],
    ]
    points = [[str(point), *("-" if point in case.lacks else "proved" for case in CASES)] for point in Point]
    why = [f"- {case.name}, {point}: {reason}." for case in CASES for point, reason in case.lacks.items()]
    parts = [_markdown(["can", *names], can), _markdown(["the suite proves that", *names], points)]
    return "\n\n".join([*parts, "What is no point of a broker's, and why:\n\n" + "\n".join(why)])


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(f"{BEGIN}\n\n{table()}\n\n{END}\n")
