"""The JSON shapes of the account's commands, as docs/cli.md has them, are those that a traded account prints."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gamma.cli import app
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
COMMANDS = (
    ("status",),
    ("positions",),
    ("orders",),
    ("trades",),
    ("decisions",),
    ("replay", "--verify"),
    ("doctor",),
    ("db", "verify"),
    ("halt", "a test"),
)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an account that traded for a day and a half and holds a position."""
    folder = tmp_path_factory.mktemp("account")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("GAMMA__FEED__START", "2026-03-02")
        assert printed("init", "--defaults") == {"written": "config.toml"}
        status = printed("run", "--speed", "max", "--bars", "470")
    assert status["positions"]
    return folder


def printed(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def shown(heading: str, block: int = 0) -> Any:
    section = re.split(rf"^## gamma {heading}\b.*$", PAGE, flags=re.MULTILINE)[1].partition("\n## ")[0]
    return json.loads(re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)[block])


def keys(value: Any) -> Any:
    """The names in a shape, and those of the first row of each list in it that has rows."""
    if isinstance(value, list):
        return keys(value[0]) if value else None
    return {key: keys(item) for key, item in value.items()} if isinstance(value, dict) else None


def alike(page: Any, real: Any) -> bool:
    """Whether both have the same names in the same order; a list that is empty on the page has rows of any shape."""
    if not isinstance(page, dict) or not isinstance(real, dict):
        return True
    return list(page) == list(real) and all(alike(page[key], real[key]) for key in page)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_prints_the_shape_on_the_page(
    command: tuple[str, ...], account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(account)
    monkeypatch.setenv("GAMMA__FEED__START", "2026-03-02")
    assert alike(keys(shown(command[0])), keys(printed(*command)))


@pytest.mark.slow
def test_the_other_shapes_of_a_command_are_those_on_the_page(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(account)
    monkeypatch.setenv("GAMMA__FEED__START", "2026-03-02")
    assert alike(keys(shown("replay", 1)), keys(printed("replay", "--at", "2026-03-03T12:00")))
    assert alike(keys(shown("db", 1)), keys(printed("db", "backup")))
    assert alike(keys(shown("db", 3)), keys(printed("db", "upgrade")))
    whole = printed("decisions", printed("decisions")[0]["id"])
    assert {*shown("decisions")[0], "steps", "view"} - {"seq"} <= set(whole)


def test_every_command_has_a_place_on_the_page() -> None:
    import typer

    group: Any = typer.main.get_command(app)
    titles = " ".join(re.findall(r"^## gamma (.*)$", PAGE, flags=re.MULTILINE))
    assert not [name for name in group.commands if not re.search(rf"\b{name}\b", titles)]
