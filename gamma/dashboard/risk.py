"""Risk: every guard's limit, where it stands, and how much is left; which are near, and which acted today."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from dash import html
from dash.development.base_component import Component

from gamma import account
from gamma.dashboard import parts
from gamma.dashboard.sight import Query, Sight

NEAR_FRAC: Final = 0.2
# Those whose dial is in dollars.
_MONEY: Final = frozenset({"G6", "G7", "G8", "G9", "G18", "G19", "G20", "G31"})
Row = Mapping[str, Any]


def show(sight: Sight, _: Query) -> list[Component]:
    """The page."""
    rows = sorted(_merged(account.guards(sight.now)), key=_left)
    near = [row for row in rows if _left(row) <= NEAR_FRAC]
    known = [row for row in rows if row["leeway_frac"] is not None]
    others = [row for row in rows if row["leeway_frac"] is None]
    return [
        _near(near),
        parts.card("Acted today", _acted(sight), id="acted"),
        parts.card("How much is left", *[_bar(row) for row in known], wide=True, id="margins"),
        parts.card("Guards without a dial", _plain(others), wide=True, id="others"),
    ]


def _left(row: Row) -> float:
    return 2.0 if row["leeway_frac"] is None else float(row["leeway_frac"])


def _merged(rows: Sequence[Row]) -> list[Row]:
    """What one guard says alike of several strategies, once, with the names of these."""
    found: list[Row] = []
    for _, same in groupby(sorted(rows, key=lambda row: row["name"]), key=lambda row: row["name"]):
        dials: dict[tuple[str, ...], list[Row]] = {}
        for row in same:
            dials.setdefault((parts.number(row["now"]), parts.number(row["limit"])), []).append(row)
        found += [{**each[0], "strategies": ", ".join(one["strategy"] for one in each)} for each in dials.values()]
    return found


def _near(rows: Sequence[Row]) -> Component:
    if not rows:
        return parts.card("Near a limit", html.P("No guard is within 20 % of its limit."), id="near")
    told = [parts.notice(f"{_name(row)}: {_dial(row)}", "bad" if not row["leeway_frac"] else "warn") for row in rows]
    return parts.card("Near a limit", *told, id="near")


def _acted(sight: Sight) -> Component:
    rows = account.acted(sight.reader, sight.now.rules, sight.day_seq)
    return parts.table(
        ("guard", "why", ">times"),
        [(parts.words(row["name"]), parts.words(row["reason"]), f"{row['times']:,}") for row in rows],
        empty="none",
    )


def _bar(row: Row) -> Component:
    """A guard that has a dial: what is left of the way to its limit."""
    left = float(row["leeway_frac"])
    kind = "bad" if not left else "warn" if left <= NEAR_FRAC else "good"
    return html.Div(
        [
            html.Div([html.Strong(_name(row)), html.Span(_dial(row), className="dial")], className="ends"),
            parts.bar(left, kind, f"{_name(row)}: {left:.0%} left"),
            html.P(f"{row['measures']}; {_latches(row)}", className="quiet small"),
        ],
        className="margin",
    )


def _latches(row: Row) -> str:
    return f"latches: {row['latches']}"


def _name(row: Row) -> str:
    return f"{parts.words(row['name'])} ({row['strategies']})"


def _dial(row: Row) -> str:
    now, limit, left = row["now"], row["limit"], row["leeway_frac"]
    if row["id"] in _MONEY:
        spare = abs(limit - now) if left else 0.0
        return f"now {parts.usd(now)}, limit {parts.usd(limit)}: {parts.usd(spare)} usd left, {left:.0%}"
    return f"now {parts.number(now)}, limit {parts.number(limit)}: {left:.0%} left"


def _plain(rows: Sequence[Row]) -> Component:
    return parts.table(
        ("guard", "strategies", ">limit", "?measures", "?latches"),
        [
            (
                parts.words(row["name"]),
                row["strategies"],
                parts.usd(row["limit"]) if row["id"] in _MONEY else parts.number(row["limit"]),
                html.Span(row["measures"], className="facts"),
                html.Span(row["latches"], className="facts"),
            )
            for row in rows
        ],
        empty="none",
    )
