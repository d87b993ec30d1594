"""What a report is made of: sections with words, pictures and tables. The page and the PDF both show these."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

from matplotlib.figure import Figure

WIDE_IN: Final = 7.1
NARROW_IN: Final = 3.9


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A picture with what it shows in words: `caption` for all, `alt` for those who do not see it."""

    name: str
    figure: Figure
    caption: str
    alt: str
    height_in: float = 3.0

    @property
    def wide_in(self) -> tuple[float, float]:
        """Its size on a page [inches]."""
        return WIDE_IN, self.height_in

    @property
    def narrow_in(self) -> tuple[float, float]:
        """Its size on a telephone [inches]."""
        return NARROW_IN, max(2.8, self.height_in * 0.9)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under named columns; those of `numbers` stand to the right."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, what is to be said, and what is to be seen."""

    name: str
    title: str
    words: Sequence[str] = ()
    pictures: Sequence[Picture] = field(default_factory=tuple)
    tables: Sequence[Table] = field(default_factory=tuple)
