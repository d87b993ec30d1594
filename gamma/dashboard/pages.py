"""The table of pages. To add one: a module with a function from `Sight` and `Query` to components, and a line here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from gamma.dashboard import alerts, compliance, decisions, halting, logs, models, overview, risk, trades
from gamma.dashboard.sight import Choice, Query, Sight


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What stands at a path. A `live` one is shown anew when the ledger grows; `listed` ones stand above each page."""

    path: str
    title: str
    show: Callable[[Sight, Query], Any]
    choices: Callable[[Sight, Query], Sequence[Choice]] | None = None
    live: bool = True
    listed: bool = True


PAGES: Final[tuple[Page, ...]] = (
    Page(path="/", title="Overview", show=overview.show),
    Page(path="/decisions", title="Decisions", show=decisions.show, choices=decisions.choices),
    Page(path="/risk", title="Risk", show=risk.show),
    Page(path="/trades", title="Trades", show=trades.show, choices=trades.filters),
    Page(path="/models", title="Models", show=models.show),
    Page(path="/compliance", title="Compliance", show=compliance.show),
    Page(path="/alerts", title="Alerts", show=alerts.show, choices=alerts.filters),
    Page(path="/logs", title="Logs", show=logs.show, choices=logs.filters),
    Page(path="/halt", title="Halt", show=halting.show, live=False, listed=False),
)


def ahead(sight: Sight) -> None:
    """Begin what takes long, before anybody looks."""
    models.ahead(sight, patience_s=0)
    compliance.ahead(sight, patience_s=0)


def page_at(path: str | None) -> Page | None:
    """The page of a path; None where there is none."""
    wanted = (path or "/").rstrip("/") or "/"
    return next((page for page in PAGES if page.path == wanted), None)
