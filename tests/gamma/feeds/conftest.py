from collections.abc import Callable
from pathlib import Path

import pytest

HEADER = "ts,open,high,low,close,volume"


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    """Write lines under the usual header, or under another."""

    def write(*lines: str, header: str = HEADER, name: str = "bars.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
        return path

    return write
