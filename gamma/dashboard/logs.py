"""Logs: every event of one decision or order, in order, with its facts; or the newest events of all."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from dash import html
from dash.development.base_component import Component

from gamma.codec import plain
from gamma.dashboard import parts
from gamma.dashboard.sight import Choice, Query, Sight
from gamma.dashboard.wording import seconds, to_the_second, wrapped
from gamma.errors import InputInvalid
from gamma.ledger.records import Kept
from gamma.ledger.sequel import Sequel, Step, newest, sequel

ROWS: Final = 60
# A decision's view and trace fill a page of their own; the time stands in a column.
_ELSEWHERE: Final = {"view", "steps", "ts_event_utc_ns", "config_hash"}


def filters(_: Sight, __: Query) -> Sequence[Choice]:
    """What is looked for."""
    return (Choice(name="of", title="Decision, order, execution or trade id, or event number"),)


def show(sight: Sight, query: Query) -> Any:
    """What followed upon what was asked for; without a question the newest events."""
    word = query.get("of", "").strip()
    if not word:
        steps = newest(sight.reader, ROWS)
        return parts.card(f"The newest {len(steps):,} events", _table(sight, steps), wide=True)
    try:
        found = sequel(sight.reader, word)
    except InputInvalid as error:
        return parts.notice(str(error), "bad")
    return [_about(sight, word, found), parts.card("Events", _table(sight, found.steps), _more(found), wide=True)]


def _about(sight: Sight, word: str, found: Sequel) -> Component:
    unit = f"gamma@{sight.account}" if len(sight.accounts) > 1 else "gamma"
    rows: list[tuple[str, Any]] = []
    if found.decision_id:
        rows.append(("Decision", parts.link(found.decision_id, sight.link("/decisions", id=found.decision_id))))
    if found.orders:
        rows.append(("Orders", ", ".join(found.orders)))
    if found.decision_id:
        rows.append(("Trade", found.trade_id or "none, or still open"))
    if found.decision_id or found.orders:
        searched = shlex.quote(found.decision_id or word)
        rows.append(("In the log", html.Code(f"journalctl -u {unit} -o cat | grep -F {searched}")))
    return parts.card("What is asked for", parts.figures(rows), wide=True)


def _more(found: Sequel) -> Any:
    return parts.notice(f"{found.more:,} later events are left out here.") if found.more else ""


def _table(sight: Sight, steps: Sequence[Step]) -> Component:
    lines = [_line(sight, step) for step in steps]
    return parts.table(("event, ET", "what happened"), lines, empty="No events.")


def _line(sight: Sight, step: Step) -> tuple[parts.Cell, ...]:
    return (
        html.Span([parts.link(f"{step.seq:,}", sight.link("/logs", of=step.seq)), html.Br(), _when(step)]),
        wrapped(html.Strong(said(type(step.event).__name__)), _facts(step.event)),
    )


def _when(step: Step) -> parts.Cell:
    late_s = (step.ts_recorded_utc_ns - step.ts_event_utc_ns) / 1e9
    shown = seconds(step.ts_event_utc_ns)
    # A simulator's time is not the machine's.
    if not 0.001 <= late_s < 3_600:
        return shown
    return html.Span([shown, html.Br(), html.Small(f"written {late_s:,.3f} s later", className="quiet")])


def said(kind: str) -> str:
    """`OrderFilled` as people say it."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind).strip()
    return words[:1].upper() + words[1:]


def _facts(event: Kept) -> Component:
    tree = plain(event)
    told = {f.name: tree[f.name] for f in fields(event) if f.name not in _ELSEWHERE}
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in _flat(told)], className="event")


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every value that says something, by its dotted name; what is empty, or not so, is left out."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for number, one in enumerate(value, start=1):
                yield from _flat(one, f"{prefix}{name}.{number}.")
        elif value not in ("", 0, False, None, []) and name != "ts_event_utc_ns":
            yield f"{prefix}{name}", _value(name, value)


def _value(name: str, value: Any) -> str:
    if name.endswith("_utc_ns") and isinstance(value, int):
        return to_the_second(value)
    if name.endswith("_microusd") and isinstance(value, int):
        return f"{value / 1e6:,.2f} usd"
    if isinstance(value, float):
        return f"{value:,.10g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
