"""The pages that a user reads, and what stands in them: commands with their output, links, headings.

`python -m tests.docs.pages` runs every command shown and writes what it printed into the page.
"""

import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
from typer.testing import CliRunner

from gamma import plugins
from gamma.cli import app

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE: Final = re.compile(r"^```(?P<info>[^`\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT: Final = re.compile(r"^\$ (?P<text>.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_INSTALL: Final = re.compile(r"pip install (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as a page shows it: what it prints there, where that stands in the page, and how it ends."""

    where: str
    text: str
    output: str
    span: tuple[int, int]
    exit_code: int = 0
    terminal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder in which a page's commands run one after the other, as they would in one shell."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, command: Command) -> tuple[int, str]:
        """The exit code, and all that was printed.

        Of `make` it is asked only what it would do; `pip install FOLDER` is done by the build backend alone.
        """
        text = command.text
        if text.startswith("export "):
            name, _, value = shlex.split(text)[1].partition("=")
            self.environment[name] = value
            return 0, ""
        if found := _INSTALL.fullmatch(text):
            _install(self.folder / found[1], self.folder / "site")
            return 0, ""
        if text.startswith("make "):
            done = subprocess.run(
                ["make", "-n", "-C", ROOT, *text.split()[1:]], capture_output=True, text=True, check=False
            )
            return done.returncode, done.stdout + done.stderr
        run = _in_terminal if command.terminal else _called
        code, printed = run(text, self.folder, self.environment)
        return code, stripped(printed)


def _called(text: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Call a command of gamma's in this process, which is quick; `> FILE` takes what it prints."""
    text, _, target = text.partition(" > ")
    program, *words = shlex.split(text)
    assert program == "gamma", f"{text}: only gamma, make, export and pip install can be run"
    given = {"COLUMNS": None, "LOGNAME": "anna", **environment}
    with chdir(folder), _installed(folder / "site"):
        result = CliRunner().invoke(app, words, env=given, prog_name=program)
        structlog.reset_defaults()
        if target:
            Path(target).write_text(result.output, encoding="utf-8")
    return result.exit_code, "" if target else result.output


@contextmanager
def _installed(site: Path) -> Iterator[None]:
    """What was installed there can be found, for a while."""
    before = list(sys.path)
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    plugins.find.cache_clear()
    yield
    sys.path[:] = before
    plugins.find.cache_clear()


def _in_terminal(text: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run in a plain terminal of 100 columns, where a live table is drawn once, at its end."""
    ours, theirs = os.openpty()
    program, *words = shlex.split(text)
    given = {"HOME": str(folder), "LOGNAME": "anna", "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "100", "LINES": "60"}
    script = Path(sys.executable).with_name(program)
    process = subprocess.Popen([script, *words], cwd=folder, env=given | environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = b""
    with suppress(OSError):  # how a terminal tells that nobody is at the other end
        while some := os.read(ours, 65_536):
            printed += some
    os.close(ours)
    return process.wait(timeout=60), printed.decode().replace("\r\n", "\n")


def opened(folder: Path) -> Place:
    """A folder with what a working copy has beside gamma."""
    for name in ("docs", "config.example.toml"):
        (folder / name).symlink_to(ROOT / name)
    return Place(folder=folder)


def name_of(page: Path) -> str:
    """The page's path under the root."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[re.Match[str]]:
    """The fenced blocks of a page."""
    return _FENCE.finditer(page.read_text(encoding="utf-8"))


def without_blocks(page: Path) -> str:
    """The text of a page outside its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page: Path) -> list[Command]:
    """Every command of a page in its order: of `console` blocks after `$ `, of `sh` blocks each line.

    A block that is marked `console exit=1` shows commands that end so, one marked `console tty` what a terminal shows.
    """
    found: list[Command] = []
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        kind, _, mark = block["info"].strip().partition(" ")
        where = f"{name_of(page)}:{text.count(chr(10), 0, block.start()) + 1}"
        code, tty = int(mark[5:]) if mark.startswith("exit=") else 0, mark == "tty"
        lines = _PROMPT.finditer(text, block.start("body"), block.end("body")) if kind == "console" else ()
        found += [
            Command(
                where=where,
                text=one["text"],
                output=one["output"],
                span=one.span("output"),
                exit_code=code,
                terminal=tty,
            )
            for one in lines
        ]
        for line in block["body"].splitlines() if kind == "sh" else ():
            if said := line.partition("#")[0].strip():
                found.append(Command(where=where, text=said, output="", span=(0, 0)))
    return found


def same(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; `...` stands for anything. A page need not show any of it."""
    return not shown or doctest.OutputChecker().check_output(stripped(shown), stripped(printed), doctest.ELLIPSIS)


def stripped(text: str) -> str:
    """The text without the blanks at the ends of its lines."""
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    return "\n".join([*lines, ""]) if lines else ""


def _install(source: Path, site: Path) -> None:
    """Put a distribution beside gamma, as an installer does."""
    with tempfile.TemporaryDirectory() as folder:
        build = "import sys, hatchling.build as backend; backend.build_wheel(sys.argv[1])"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        subprocess.run([sys.executable, "-c", build, folder], cwd=source, check=True, **quiet)  # type: ignore[call-overload]
        for wheel in Path(folder).glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(site)


def refresh(page: Path) -> None:
    """Write what the page's commands print into the page, where it shows something else or nothing yet."""
    text, shift = page.read_text(encoding="utf-8"), 0
    with tempfile.TemporaryDirectory() as folder:
        place = opened(Path(folder))
        for command in commands(page):
            code, printed = place.run(command)
            if code != command.exit_code:
                sys.exit(f"{command.where}: $ {command.text}: exit {code}\n{printed}")
            start, end = command.span
            if end and not (command.output and same(command.output, printed)):
                text = text[: start + shift] + printed + text[end + shift :]
                shift += len(printed) - (end - start)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for one in PAGES:
        if commands(one):
            refresh(one)
