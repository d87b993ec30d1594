"""The pages that a user reads, and what stands in them: fenced blocks, commands with their output, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE: Final = re.compile(r"^```(?P<info>[^`\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as a page shows it: what it prints, where that is shown, and how it ends."""

    page: str
    line: int
    text: str
    output: str
    exit_code: int


def name_of(page: Path) -> str:
    """The page's path under the root."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, kind: str) -> Iterator[tuple[int, str, str]]:
    """Line, info string and body of each fenced block of one kind."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        info = match["info"].strip()
        if info.split(" ")[0] == kind:
            yield text.count("\n", 0, match.start()) + 2, info, match["body"]


def without_blocks(page: Path) -> str:
    """The text of a page outside its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page: Path) -> list[Command]:
    """Every command of a page in its order: of `console` blocks after `$ `, of `sh` blocks each line.

    ```console exit=1 marks a block whose commands end with that code.
    """
    found: list[tuple[int, Command]] = []
    for line, info, body in blocks(page, "console"):
        code = int(info.partition("exit=")[2] or 0)
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            text, _, output = part.partition("\n")
            found.append(
                (line, Command(page=name_of(page), line=line, text=text, output=output, exit_code=code)),
            )
    for line, _, body in blocks(page, "sh"):
        found.extend(
            (line, Command(page=name_of(page), line=line, text=text, output="", exit_code=0))
            for text in (one.partition("#")[0].strip() for one in body.splitlines())
            if text
        )
    return [command for _, command in sorted(found, key=lambda one: one[0])]
