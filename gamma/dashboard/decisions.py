"""Decisions: a list to search in, and each with its trace: what every step let through, and which one bound."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from gamma.dashboard import parts
from gamma.dashboard.course import BLUE, LAYOUT, RED
from gamma.dashboard.sight import Choice, Query, Sight
from gamma.events import DecisionMade
from gamma.ledger.reader import OUTCOMES, Record, Wanted
from gamma.reasons import Reason, Step

SHOWN: Final = 50
DAY_NS: Final = 86_400_000_000_000
_SIDES: Final = {1: "buy", -1: "sell"}
_SPANS: Final = (("1", "a day"), ("7", "a week"), ("30", "30 days"), ("365", "a year"))
_OUTCOME_WORDS: Final = {
    "ordered": "ordered whole",
    "cut": "cut by a guard",
    "refused": "refused",
    "fault": "a sizer or guard failed",
}
_ROW_PX: Final = 26


def choices(sight: Sight, query: Query) -> list[Choice]:
    """What the list can be narrowed by; one decision has nothing to choose."""
    if query.get("id"):
        return []
    strategies = sight.config.strategies
    markets = sorted({each.market for each in strategies})
    steps = dict.fromkeys(name for each in strategies for name in (*each.sizers, *each.guards))
    return [
        Choice(name="strategy", title="strategy", options=_plain(each.name for each in strategies)),
        Choice(name="market", title="market", options=_plain(markets)),
        Choice(name="outcome", title="outcome", options=list(_OUTCOME_WORDS.items())),
        Choice(name="bound_by", title="bound by", options=_plain((*steps, "standing"))),
        Choice(name="days", title="of the last", options=_SPANS),
    ]


def _plain(names: Any) -> list[tuple[str, str]]:
    return [(name, parts.words(name)) for name in names]


def show(sight: Sight, query: Query) -> list[Component]:
    """The list, or the one decision that the address names."""
    if named := query.get("id"):
        return _one(sight, sight.reader.decision(named))
    outcome, days, before = query.get("outcome", ""), query.get("days", ""), query.get("before", "")
    since = sight.now.book.ts_event_utc_ns - int(days) * DAY_NS if days.isdecimal() else 0
    wanted = Wanted(
        after_seq=sight.reader.seq_at(since) if since > 0 else 0,
        before_seq=int(before) if before.isdecimal() else 0,
        strategy=query.get("strategy", ""),
        market=query.get("market", ""),
        limit=SHOWN + 1,
    )
    outcome = outcome if outcome in OUTCOMES else ""
    rows = sight.reader.decisions(wanted, bound_by=query.get("bound_by", ""), outcome=outcome)[::-1]
    return [parts.card("Decisions, newest first", _list(sight, rows[:SHOWN]), *_older(sight, rows, query), wide=True)]


def _list(sight: Sight, rows: Sequence[Record]) -> Component:
    title, times = parts.times("New York", [row["ts_event_utc_ns"] for row in rows])
    return parts.table(
        (title, "?strategy", "market", "side", "?>sized", ">lots", "bound by", "?why"),
        [
            (
                parts.link(at, sight.link("/decisions", id=row["id"])),
                row["strategy"],
                row["market"],
                _SIDES.get(row["side"], "-"),
                str(row["sized_lots"]),
                str(row["lots"]),
                parts.words(row["bound_by"]),
                "" if row["reason"] == Reason.OK else parts.words(row["reason"]),
            )
            for at, row in zip(times, rows, strict=True)
        ],
        empty="no decision is like that",
    )


def _older(sight: Sight, rows: Sequence[Record], query: Query) -> list[Component]:
    """The way to what comes before, where there is more."""
    if len(rows) <= SHOWN:
        return []
    kept = {name: value for name, value in query.items() if name not in ("account", "before")}
    return [html.P(parts.link("older", sight.link("/decisions", **kept, before=rows[SHOWN - 1]["seq"])), id="older")]


def _one(sight: Sight, made: DecisionMade) -> list[Component]:
    lots = f"{_SIDES.get(made.side, 'hold')} {made.lots} {'lot' if made.lots == 1 else 'lots'} of {made.market}"
    why = "" if made.reason in (Reason.OK, made.bound_by) else f", {parts.words(made.reason)}"
    inside: list[Any] = [
        html.P([html.Strong(lots), ", bound by ", html.Strong(parts.words(made.bound_by)), why], id="verdict"),
        html.P(f"{made.strategy}, {parts.when(made.ts_event_utc_ns)}, {made.decision_id}", className="quiet"),
        _order(sight, made),
        html.P([parts.link("all decisions", sight.link("/decisions")), " · ", _logs(sight, made)]),
    ]
    if made.fault:
        inside.append(parts.notice(f"fault: {made.fault}", "bad"))
    sizers = _sizers(sight, made)
    cards = [
        parts.card("Decision", *inside, wide=True),
        parts.card("From the first size to the last", _drawn(made, sizers), wide=True, id="waterfall"),
        parts.card("Sizers", _steps(made, made.steps[:sizers]), wide=True, id="sizers"),
        parts.card("Guards", _steps(made, made.steps[sizers:]), wide=True, id="guards"),
    ]
    if made.notes:
        saw = [(parts.words(name), parts.number(value)) for name, value in made.notes.items()]
        cards.append(parts.card("What the signal saw", parts.figures(saw), wide=True))
    return cards


def _logs(sight: Sight, made: DecisionMade) -> Component:
    return parts.link("its log", sight.link("/logs", of=made.decision_id))


def _order(sight: Sight, made: DecisionMade) -> Component:
    order = sight.reader.entry_of(made.decision_id)
    if order is None:
        return html.P("No order was made of it.")
    at = "at the market"
    if order["price_ticks"]:
        market = sight.now.book.market(made.market)
        at = f"at {market.shown(market.points(order['price_ticks']))}"
    told = f"Order {order['id']}: {order['lots']} {at}, {order['filled_lots']} filled, {order['state']}."
    return html.P(told, id="order")


def _sizers(sight: Sight, made: DecisionMade) -> int:
    """How many of the steps are sizers: the chain comes first, and its last answer is not whole yet."""
    known = {name for each in sight.config.strategies if each.name == made.strategy for name in each.sizers}
    return next((place for place, step in enumerate(made.steps) if step.name not in known), len(made.steps))


def _steps(made: DecisionMade, steps: Sequence[Step]) -> Component:
    rows: list[Sequence[parts.Cell]] = [
        (
            html.Strong(f"▶ {parts.words(step.name)}") if step.name == made.bound_by else parts.words(step.name),
            "-" if step.lots_before is None else _lots(step.lots_before),
            _lots(step.lots_after),
            parts.words(step.reason),
            html.Span(_facts(step.facts), className="facts"),
        )
        for step in steps
    ]
    return parts.table(("step", ">in", ">out", "reason", "numbers"), rows, empty="none was asked")


def _facts(facts: Mapping[str, Any]) -> str:
    return " · ".join(f"{parts.words(name)} {parts.number(value)}" for name, value in facts.items())


def _lots(lots: float) -> str:
    return f"{lots:,.0f}" if lots == int(lots) else f"{lots:,.3f}"


def _drawn(made: DecisionMade, sizers: int) -> Component:
    """A bar a sizer, and of the guards one each that took something; those that did not say nothing here."""
    names, lots = [], []
    for place, step in enumerate(made.steps):
        changed = step.lots_before is None or step.lots_after != step.lots_before
        if place < sizers or changed or step.name == made.bound_by:
            names.append(f"▶ {parts.words(step.name)}" if step.name == made.bound_by else parts.words(step.name))
            lots.append(step.lots_after)
        if place == sizers - 1 and made.sized_lots != step.lots_after:
            names.append("whole lots")
            lots.append(made.sized_lots)
    if not lots:
        return html.P("No step was asked.", className="quiet")
    taken = [after - before for before, after in pairwise(lots)]
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            y=[*names, "ordered"],
            x=[lots[0], *taken, made.lots],
            measure=["absolute", *["relative"] * len(taken), "total"],
            text=[_lots(value) for value in (*lots, made.lots)],
            textposition="outside",
            cliponaxis=False,
            decreasing={"marker": {"color": RED}},
            increasing={"marker": {"color": BLUE}},
            totals={"marker": {"color": BLUE}},
            connector={"line": {"color": "#999999", "width": 1}},
            hoverinfo="skip",
        ),
        layout={
            **LAYOUT,
            "height": 70 + _ROW_PX * (len(names) + 1),
            "hovermode": False,
            "xaxis": {"title": {"text": "lots"}, "fixedrange": True, "rangemode": "tozero", "automargin": True},
            "yaxis": {"autorange": "reversed", "fixedrange": True, "automargin": True},
            "margin": {"l": 8, "r": 48, "t": 8, "b": 8},
        },
    )
    return dcc.Graph(figure=figure, config={"displayModeBar": False, "staticPlot": True}, id="steps")
