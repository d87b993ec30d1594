"""The one act: halt the account, by the name of it typed out, on the way that `gamma halt` goes."""

import secrets
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from gamma.asking import ask
from gamma.dashboard import parts
from gamma.dashboard.sight import Query, Sight
from gamma.dashboard.watching import Watcher
from gamma.errors import GammaError
from gamma.events import HaltRequested, Level

ACTOR: Final = "dashboard"
ANSWER_S: Final = 30.0
_WHY_MAX: Final = 200


def show(sight: Sight, _: Query) -> list[Component]:
    """The page."""
    name = sight.account
    return [
        parts.card(
            f"Halt {name}",
            html.P("No new risk is taken from then on; exits and stops go on working. It stands in the ledger."),
            _field("Why", "halt-why"),
            _field(f"Type {name} to confirm", "halt-name"),
            html.P(html.Button("Halt", id="halt", n_clicks=0, className="danger")),
            html.Div(id="halt-answer"),
        ),
        parts.card(
            "What is not done from here",
            html.P("A halt is lifted at a terminal, by whoever has looked at its cause:"),
            html.Pre(f"gamma status{sight.told}\ngamma resume --ack ID{sight.told}"),
            html.P("When the daemon hangs, and its answer does not come, the kill switch works all the same:"),
            html.Pre(f"gamma halt --kill{sight.told}"),
        ),
    ]


def _field(title: str, named: str) -> Component:
    field = dcc.Input(id=named, type="text", maxLength=_WHY_MAX, autoComplete="off")
    return html.Label([html.Span(title), field], className="choice")


def halt_on(app: Dash, watchers: Mapping[str, Watcher]) -> None:
    """Have the button halt the account that the address names."""

    @app.callback(
        Output("halt-answer", "children"),
        Output("halt-name", "value"),
        Input("halt", "n_clicks"),
        State("halt-name", "value"),
        State("halt-why", "value"),
        State("where", "search"),
        prevent_initial_call=True,
        running=[(Output("halt", "disabled"), True, False)],
    )
    def _(pressed: int | None, typed: str | None, why: str | None, search: str | None) -> tuple[Any, str]:
        query = dict(parse_qsl((search or "").removeprefix("?")))
        watcher = watchers.get(query.get("account", ""), next(iter(watchers.values())))
        return (_halted(watcher, typed or "", why or "") if pressed else ""), ""


def _halted(watcher: Watcher, typed: str, why: str) -> Component:
    """Carry it out where the name is right."""
    name = watcher.config.account.name
    if typed.strip() not in (name, f"HALT {name}"):
        return parts.notice(f"Nothing was done: type {name}, the name of the account.")
    command = HaltRequested(
        command_id=secrets.token_hex(6),
        actor=ACTOR,
        text=why.strip()[:_WHY_MAX],
        level=Level.REDUCING,
        ts_event_utc_ns=time.time_ns(),
    )
    try:
        answer = ask(watcher.config, command, ANSWER_S)
    except GammaError as error:
        return parts.notice(f"Not halted: {error}", "bad")
    return parts.notice(f"{answer.text}." if answer.ok else f"Refused: {answer.text}", "good" if answer.ok else "bad")
