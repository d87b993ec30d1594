"""Alerts: what was told to whom and when, whether it arrived, and what is still to be acknowledged."""

from collections.abc import Sequence
from typing import Any, Final

from dash import html
from dash.development.base_component import Component

from gamma.config import Config
from gamma.dashboard import parts
from gamma.dashboard.filters import one_of, whole
from gamma.dashboard.sight import Choice, Query, Sight
from gamma.dashboard.wording import at, wrapped
from gamma.errors import InputInvalid
from gamma.ledger import Record
from gamma.ledger.alert_search import STANDINGS, found, tally
from gamma.notices import Severity

ROWS: Final = 50
_KINDS: Final = {"critical": "bad", "warning": "warn", "info": "plain"}


def filters(_: Sight, __: Query) -> Sequence[Choice]:
    """What the list can be narrowed by."""
    return (
        Choice(name="severity", title="Severity", options=[(one.value, one.value) for one in reversed(Severity)]),
        Choice(name="standing", title="Standing", options=[(one, one) for one in STANDINGS]),
    )


def show(sight: Sight, query: Query) -> Any:
    """What waits for a person, then the list, newest first."""
    try:
        severity = one_of(query, "severity", [one.value for one in Severity])
        standing, skip = one_of(query, "standing", STANDINGS), whole(query, "skip")
    except InputInvalid as error:
        return parts.notice(str(error), "bad")
    rows = found(sight.reader, severity=severity, standing=standing, limit=ROWS + 1, skip=skip)
    more = len(rows) > ROWS
    way = sight.link("/alerts", severity=severity, standing=standing, skip=skip + ROWS)
    return [
        _to_acknowledge(sight),
        parts.card(
            f"Where they go: [alerts.{sight.config.gamma.mode}]", _ways(sight.config, tally(sight.reader)), wide=True
        ),
        parts.card(
            "Alerts",
            parts.table(
                ("when, ET", "what", "standing", "?to"),
                [_line(sight.config, row) for row in rows[:ROWS]],
                empty="No alert fits this filter.",
            ),
            html.P(parts.link("older", way)) if more else "",
            wide=True,
            id="alerts",
        ),
    ]


def _to_acknowledge(sight: Sight) -> Component:
    rows = sight.reader.standing_alerts()
    if not rows:
        return parts.notice("Nothing waits to be acknowledged.", "good")
    lines = [
        (at(row["ts_event_utc_ns"]), _said(row), html.Code(sight.typed(f"gamma ack {row['id']}")))
        for row in reversed(rows[-ROWS:])
    ]
    return parts.card(
        f"To acknowledge: {len(rows):,}",
        html.P("Each is sent again every ten minutes until a person has seen it. In a terminal, type:"),
        parts.table(("when, ET", "what", "type"), lines),
        html.P(["All of them at once: ", html.Code(sight.typed("gamma ack"))]),
        wide=True,
        id="to-acknowledge",
    )


def _said(row: Record, facts: str = "") -> Component:
    more = [html.Br(), html.Small(facts, className="quiet")] if facts else []
    return wrapped(html.Strong(row["title"]), html.Br(), row["text"], *more)


def _ways(config: Config, counts: dict[tuple[str, str], int]) -> Component:
    rows = []
    for severity in reversed(Severity):
        told = {standing: counts.get((severity.value, standing), 0) for standing in STANDINGS}
        arrived = told["delivered"] + told["acknowledged"]
        rows.append(
            (severity.value, way(config, severity.value), f"{arrived:,}", f"{told['pending']:,}", f"{told['failed']:,}")
        )
    return parts.table(("severity", "to", "?>delivered", ">pending", ">failed"), rows)


def way(config: Config, severity: str) -> str:
    """The webhook that alerts of this severity go to, by its name; addresses are secret."""
    hooks = getattr(config.alerts, config.gamma.mode)
    own, other = ("critical", "routine") if severity == Severity.CRITICAL else ("routine", "critical")
    for name in (own, other):
        if getattr(hooks, f"discord_{name}").get_secret_value():
            return f"discord_{name}"
    return "nowhere: no webhook"


def _line(config: Config, row: Record) -> tuple[parts.Cell, ...]:
    facts = ", ".join(f"{parts.words(name)} {parts.number(value)}" for name, value in row["facts"].items())
    return (
        html.Span([at(row["ts_event_utc_ns"]), html.Br(), parts.badge(row["severity"], _KINDS[row["severity"]])]),
        _said(row, facts),
        _standing(row),
        way(config, row["severity"]),
    )


def _standing(row: Record) -> Component:
    """Where it is on its way, when that came about, and the last error."""
    standing = row["standing"]
    ts = {"acknowledged": row["acked_utc_ns"], "delivered": row["delivered_utc_ns"], "failed": row["dropped_utc_ns"]}
    told: list[Any] = [parts.words(standing)]
    if ts.get(standing):
        told += [html.Br(), html.Small(at(ts[standing]))]
    if row["error"]:
        tried = f" ({row['attempts']:,} tried)" if row["attempts"] else ""
        told += [html.Br(), html.Small(f"{row['error']}{tried}")]
    return wrapped(*told)
