"""Tables of the commands: no lines, and what does not fit is left out by column, never cut."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

RIGHT: Final = ">"
SPARE: Final = "?"
GAP: Final = 2

Cell = str | Text


def table(titles: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> Table:
    """A table at most `width` columns wide; words are shown as they are, without markup.

    A title that begins with > is a column of numbers. One that begins with ? is left out where the row would be too
    long, the last such column first. Where that is not enough, the last column is broken into lines.
    """
    kept = _fitting(titles, rows, width)
    shown = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for at in kept:
        title, numbers = _plain(titles[at]), RIGHT in _marks(titles[at])
        shown.add_column(title, justify="right" if numbers else "left", no_wrap=at != kept[-1], overflow="fold")
    for row in rows:
        shown.add_row(*(_text(row[at]) for at in kept))
    return shown


def _fitting(titles: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    widths = [max(cell_len(_plain(t)), *(_length(row[at]) for row in rows), 0) for at, t in enumerate(titles)]
    kept = list(range(len(titles)))
    for at in reversed(range(len(titles))):
        if sum(widths[one] + GAP for one in kept) - GAP <= width:
            break
        if SPARE in _marks(titles[at]):
            kept.remove(at)
    return kept


def _marks(title: str) -> str:
    return title[: len(title) - len(_plain(title))]


def _plain(title: str) -> str:
    return title.lstrip(RIGHT + SPARE)


def _length(cell: Cell) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(cell)


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)
