"""The JSON shapes in docs/cli.md are those that the commands print."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma import plugins
from gamma.cli import app
from gamma.feeds.importer import write_bars
from tests.gamma import stranger
from tests.gamma.feeds.series_case import made, moved

DOCS = (Path(__file__).parents[3] / "docs/cli.md").read_text()
BARS = "time,open,high,low,close,volume\n" + "".join(f"2026-03-02T15:{m:02}:00Z,9,9,9,9,1\n" for m in (0, 5, 10))
HAND = ("size", "--dry-run", "--sizer", "half", "--balance", "20000", "--trades", "trades.csv", "--risk", "50")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stranger.install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("trades.csv").write_text("time,pnl_usd,lots\n2026-03-02,50,1\n")
    Path("bars.csv").write_text(BARS)
    plugins.find.cache_clear()
    yield
    plugins.find.cache_clear()


def documented(heading: str, block: int = 0) -> Any:
    section = DOCS.split(f"\n## {heading}")[1].split("\n## ")[0]
    return json.loads(re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)[block])


def printed(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def same_keys(left: Any, right: Any) -> None:
    if isinstance(left, list) and isinstance(right, list):
        same_keys(left[0], right[0])
    elif isinstance(left, dict) and isinstance(right, dict):
        assert list(left) == list(right)
        for key in left:
            if key not in ("facts", "quality"):
                same_keys(left[key], right[key])


def test_init_config_show_and_check_print_their_shapes() -> None:
    same_keys(documented("gamma init"), printed("init", "--defaults"))
    same_keys(documented("gamma config show"), printed("config", "show"))
    same_keys(documented("gamma config show", 1), printed("config", "check"))


def test_bars_print_their_shapes() -> None:
    for name, gap_points in (("NQZ24", 0.0), ("NQH25", 296.0)):
        write_bars(moved(made("NQ", "2024-12-09", "2024-12-20", 300), gap_points), Path(f"{name}.parquet"))
    joined = printed("bars", "join", "NQZ24.parquet", "NQH25.parquet", "-m", "NQ", "-o", "NQ.parquet")
    assert list(documented("gamma bars join")) == list(joined)
    assert list(documented("gamma bars join")["rolls"][0]) == list(joined["rolls"][0])
    (documented_file,) = documented("gamma bars check")["files"]
    assert list(documented_file) == list(joined["files"][0])


def test_size_prints_its_shape() -> None:
    same_keys(documented("gamma size"), printed(*HAND))
    shape = printed(*HAND, "--what-if")
    assert list(shape) == [*documented("gamma size"), "curve"]
    same_keys(documented("gamma size", 1), shape["curve"][1])


@pytest.mark.parametrize("command", [("markets",), ("brokers", "list")], ids=" ".join)
def test_lists_print_their_shapes(command: tuple[str, ...]) -> None:
    same_keys(documented(f"gamma {' '.join(command)}"), printed(*command))


def test_feed_import_prints_its_shape() -> None:
    same_keys(documented("gamma feed import"), printed("feed", "import", "bars.csv", "--market", "MNQ"))
