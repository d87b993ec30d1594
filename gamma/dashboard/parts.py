"""What pages are made of: cards, tables, bars, words and numbers, links."""

from collections.abc import Sequence
from typing import Any, Final

from dash import dcc, html
from dash.development.base_component import Component

from gamma.screen import clock

Cell = str | Component
MINUTE_S: Final = 60
HOUR_S: Final = 3_600


def card(title: str, *inside: Any, wide: bool = False, id: str = "") -> Component:  # noqa: A002 - Dash's word
    """A part of a page, under a heading."""
    named: dict[str, Any] = {"id": id} if id else {}
    return html.Section([html.H2(title), *inside], className="card wide" if wide else "card", **named)


def figures(rows: Sequence[tuple[str, Cell]]) -> Component:
    """Names and values side by side."""
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in rows], className="figures")


def table(titles: Sequence[str], rows: Sequence[Sequence[Cell]], *, empty: str = "nothing") -> Component:
    """Rows under titles: one that begins with `>` stands to the right, one with `?` is left out on a phone."""
    if not rows:
        return html.P(empty, className="quiet")
    kinds = [_kind(title) for title in titles]
    head = html.Tr([html.Th(t.lstrip("?>"), className=k, scope="col") for t, k in zip(titles, kinds, strict=True)])
    lines = [html.Tr([html.Td(cell, className=k) for cell, k in zip(row, kinds, strict=True)]) for row in rows]
    return html.Div(html.Table([html.Thead(head), html.Tbody(lines)]), className="scroll")


def _kind(title: str) -> str:
    marks = title[: len(title) - len(title.lstrip("?>"))]
    return " ".join(name for mark, name in ((">", "number"), ("?", "minor")) if mark in marks)


def notice(text: Any, kind: str = "warn") -> Component:
    """Something that has to be seen; `kind` is warn, bad or good."""
    return html.P(text, className=f"notice {kind}", role="status")


def badge(text: str, kind: str) -> Component:
    """One word that stands out; the word itself says what the colour does."""
    return html.Span(text, className=f"badge {kind}")


def link(text: str, to: str) -> Component:
    """A way to another page, without loading everything anew."""
    return dcc.Link(text, href=to)


def bar(share: float, kind: str, label: str) -> Component:
    """A bar that is filled by so much of its length [1]."""
    width = f"{100 * max(0.0, min(1.0, share)):.1f}%"
    spoken: dict[str, Any] = {"aria-label": label}
    return html.Div(html.Div(className=f"fill {kind}", style={"width": width}), className="bar", role="img", **spoken)


def usd(value: float | None) -> str:
    """Dollars and cents; `-` where unknown."""
    return "-" if value is None or value != value else f"{value:,.2f}"


def signed(value: float) -> Component:
    """Dollars won or lost, with their sign."""
    rounded = round(value, 2) + 0.0
    return html.Span(f"{rounded:+,.2f}", className="up" if rounded > 0 else "down" if rounded < 0 else "")


def words(code: str) -> str:
    """`safety_halt` as people say it."""
    return code.replace("_", " ")


def number(value: object) -> str:
    """A number as short as it can be told; `-` where unknown."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value) if value else "-"
    if value != value:
        return "-"
    return f"{value:.2g}" if 0 < abs(value) < 0.005 else f"{round(value, 2) + 0.0:,.10g}"


def age(seconds: float) -> str:
    """How long ago: `5 s`, `3 min`, `2 h`, `4 days`."""
    if seconds < MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:.0f} h" if seconds < 48 * HOUR_S else f"{seconds / 86_400:.0f} days"


def times(title: str, at_utc_ns: Sequence[int]) -> tuple[str, list[str]]:
    """A column of instants, New York, and its title: `06-02 09:35` where the title can name the year of all."""
    shown = [when(ts)[4:20] or "-" for ts in at_utc_ns]
    years = {text[:4] for text in shown if text != "-"}
    return (f"{title} {years.pop()}", [text[5:] or text for text in shown]) if len(years) == 1 else (title, shown)


def when(ts_utc_ns: int) -> str:
    """An instant as `Tue 2026-06-02 09:35 ET`; `-` where there is none."""
    return clock(ts_utc_ns) if ts_utc_ns else "-"
