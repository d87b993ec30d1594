"""What the pages show is what gamma does: commands run, outputs are real, links lead somewhere, pages are fresh."""

import ast
import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer

from docs import make_pages
from gamma import plugins
from gamma.cli import app
from gamma.config import load
from tests.docs.pages import PAGES, ROOT, blocks, commands, name_of, opened, same, without_blocks

SHOWN = [page for page in PAGES if commands(page)]
README = ROOT / "README.md"
ROOM = re.compile(r"^\| (?P<names>`[a-z_`, ]+`) \|", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("page", SHOWN, ids=name_of)
def test_every_command_of_a_page_runs_and_prints_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    place = opened(tmp_path)
    for command in commands(page):
        code, printed = place.run(command)
        where = f"{command.where}: $ {command.text}"
        assert code == command.exit_code, f"{where}\n{printed}"
        assert same(command.output, printed), (
            f"{where}\nshown:\n{command.output}\nprinted:\n{printed}\nif that is right: python -m tests.docs.pages"
        )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    texts = re.findall(r"`(gamma\s[^`]+)`", without_blocks(page)) + [c.text for c in commands(page)]
    for text in texts:
        if text.startswith("gamma "):
            _exists(text.split()[1:], f"{name_of(page)}: {text}")


def _exists(words: list[str], where: str) -> None:
    """Walk down the groups of commands, then look for each option."""
    command: Any = typer.main.get_command(app)
    for word in takewhile(lambda one: re.fullmatch(r"[a-z]+([|-][a-z]+)*", one), words):
        if not hasattr(command, "commands"):
            break
        assert word in command.commands, f"{where}: no command {word!r}"
        command = command.commands[word]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help", "-h"}
    for word in words:
        if word.startswith("-") and len(word) > 1:
            assert word in known, f"{where}: no option {word}"


@pytest.mark.parametrize("name", make_pages.pages())
def test_the_pages_made_from_the_code_are_fresh(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == make_pages.pages()[name], "make them again: python docs/make_pages.py"


def test_a_page_names_every_guard_sizer_and_reason() -> None:
    sizers, guards = (ROOT / "docs" / name for name in ("sizers.md", "guards.md"))
    for page, group in ((sizers, plugins.SIZERS), (guards, plugins.GUARDS)):
        ours = {name for name, plugin in plugins.find(group).items() if plugin.distribution == plugins.OURS}
        assert ours == set(re.findall(r"^## ([a-z_]+)$", page.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_example_configuration_can_be_traded_with() -> None:
    plugins.check(load(ROOT / "config.example.toml", {}))


@pytest.mark.parametrize("page", [README, ROOT / "docs/own-sizer.md"], ids=name_of)
def test_the_sizer_on_a_page_is_the_one_that_is_installed(page: Path) -> None:
    shown = next(block["body"] for block in blocks(page) if block["info"] == "python")
    example = (ROOT / "docs/examples/my_sizers/my_sizers.py").read_text(encoding="utf-8")
    assert ast.unparse(ast.parse(shown)) == ast.unparse(ast.Module(ast.parse(example).body[1:], []))
    assert len(shown.strip().splitlines()) <= 25


def _rooms() -> list[set[str]]:
    """The rows of the map of the rooms, from the bottom up."""
    table = README.read_text(encoding="utf-8").partition("## Map of the rooms")[2].partition("\n## ")[0]
    return [set(re.findall(r"`([a-z_]+)`", row["names"])) for row in ROOM.finditer(table)]


def test_the_map_shows_every_room_once() -> None:
    found = {p.stem for p in (ROOT / "gamma").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    shown = [room for row in _rooms() for room in row]
    assert sorted(shown) == sorted(found - {"__init__"})


def test_a_room_imports_only_what_stands_beside_or_above_it_in_the_map() -> None:
    rows = _rooms()
    for height, row in enumerate(rows):
        allowed = set().union(*rows[: height + 1])
        for room in row:
            assert _imported(room) <= allowed, f"{room} imports {sorted(_imported(room) - allowed)}"


def _imported(room: str) -> set[str]:
    """The rooms of gamma that a room names in its imports."""
    path = ROOT / "gamma" / room
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "gamma":
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gamma."):
                found.add(str(node.module).split(".")[1])
    return found


def test_every_decision_stands_in_the_index() -> None:
    index = ROOT / "docs/adr/README.md"
    linked = set(re.findall(r"\(([^)]+\.md)\)", index.read_text(encoding="utf-8")))
    assert linked == {page.name for page in index.parent.glob("0*.md")}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{name_of(page)} links to {target}"
        if anchor:
            assert anchor in _anchors(linked), f"{name_of(page)} links to {target}, which is no heading there"


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", without_blocks(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
