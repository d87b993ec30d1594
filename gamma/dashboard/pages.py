"""The table of pages. To add one: a module with a function from `Sight` and `Query` to components, and a line here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from gamma.dashboard import overview
from gamma.dashboard.sight import Query, Sight


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One filter: what stands in the address under `name`, chosen among `options` (value and words), or typed."""

    name: str
    title: str
    options: Sequence[tuple[str, str]] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What stands at a path; it is shown anew when the ledger grows, unless it is not `live`."""

    path: str
    title: str
    show: Callable[[Sight, Query], Any]
    choices: Callable[[Sight, Query], Sequence[Choice]] | None = None
    live: bool = True
    listed: bool = True


PAGES: Final[tuple[Page, ...]] = (Page(path="/", title="Overview", show=overview.show),)


def page_at(path: str | None) -> Page | None:
    """The page of a path; None where there is none."""
    wanted = (path or "/").rstrip("/") or "/"
    return next((page for page in PAGES if page.path == wanted), None)
