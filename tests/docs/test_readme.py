"""What the pages show is what gamma does: every command runs, every output is real, every link leads somewhere."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gamma import plugins
from gamma.config import load
from tests.docs.pages import PAGES, ROOT, Command, commands, name_of, without_blocks

BIN = Path(sys.executable).parent
SHOWN = [page for page in PAGES if commands(page)]


def _run(command: Command, folder: Path) -> None:
    text = command.text
    if text.startswith("make "):
        # What a target does is the Makefile's own affair; that it exists, and what it would do, is told by -n.
        text = f"make -n -C {ROOT} {text.removeprefix('make ')}"
    environment = {"PATH": f"{BIN}:{os.defpath}", "HOME": str(folder), "PYTHONPATH": "site", "TZ": "UTC"}
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=environment | _exported(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    where = f"{command.page}:{command.line}: $ {command.text}"
    assert done.returncode == command.exit_code, f"{where}\n{done.stdout}"
    if command.output:
        _same(command.output, done.stdout, where)


def _exported(folder: Path) -> dict[str, str]:
    exports = folder / ".exports"
    return dict(line.split("=", 1) for line in exports.read_text().splitlines()) if exports.exists() else {}


def _same(want: str, got: str, where: str) -> None:
    want, got = _stripped(want), _stripped(got)
    if not doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS):
        pytest.fail(f"{where}\nshown:\n{want}\nprinted:\n{got}")


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


@pytest.mark.parametrize("page", SHOWN, ids=name_of)
def test_every_command_of_a_page_runs_and_prints_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    for name in ("docs", "config.example.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    for command in commands(page):
        if command.text.startswith("export "):
            with (tmp_path / ".exports").open("a") as exports:
                exports.write(command.text.removeprefix("export ") + "\n")
        else:
            _run(command, tmp_path)


def test_the_readme_shows_commands() -> None:
    assert SHOWN[0].name == "README.md"


def test_the_example_configuration_can_be_traded_with() -> None:
    plugins.check(load(ROOT / "config.example.toml", {}))


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
