"""The page around the pages: what stands above each, its filters, and how it is all shown anew as the ledger grows."""

import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from gamma.dashboard import accounts, parts
from gamma.dashboard.files import files_on
from gamma.dashboard.halting import halt_on
from gamma.dashboard.pages import PAGES, Page, page_at
from gamma.dashboard.sight import Choice, Pulse, Query, Sight, link
from gamma.dashboard.watching import Watcher
from gamma.errors import GammaError
from gamma.vitals import Vital

REFRESH_S: Final = 3.0
# A daemon gives a sign of life with each heartbeat, `schedule.heartbeat_s`: four that are missed are silence.
BEATS_MISSED: Final = 4
FILTER: Final = "filter"


def frame(watchers: Mapping[str, Watcher], faults: Mapping[str, str] | None = None) -> Dash:
    """The whole application over these accounts, by name; the first is shown where the address names none.

    `faults` says of other accounts why they cannot be shown.
    """
    app = Dash(
        __name__,
        title="gamma",
        update_title="",
        serve_locally=True,
        use_pages=False,
        suppress_callback_exceptions=True,
        enable_mcp=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = _layout()
    _show_on(app, watchers, faults or {})
    _filter_on(app)
    files_on(app.server, watchers)
    halt_on(app, watchers)
    return app


def _layout() -> Component:
    spoken: dict[str, Any] = {"aria-label": "Pages"}
    return html.Div(
        [
            dcc.Location(id="where", refresh="callback-nav"),
            dcc.Interval(id="tick", interval=round(1000 * REFRESH_S)),
            dcc.Store(id="stamp"),
            html.Header(
                [
                    html.Div(id="top"),
                    html.Button("Light or dark", id="theme", title="Switch between light and dark", n_clicks=0),
                ]
            ),
            html.Nav(id="nav", **spoken),
            html.P("The dashboard no longer answers: what stands here is old.", id="stale", role="alert"),
            html.Div(id="filters"),
            html.Main(id="page"),
        ],
        id="frame",
    )


def _show_on(app: Dash, watchers: Mapping[str, Watcher], faults: Mapping[str, str]) -> None:
    @app.callback(
        Output("top", "children"),
        Output("nav", "children"),
        Output("filters", "children"),
        Output("page", "children"),
        Output("stamp", "data"),
        Input("where", "pathname"),
        Input("where", "search"),
        Input("tick", "n_intervals"),
        State("stamp", "data"),
    )
    def _(path: str | None, search: str | None, _: int | None, stamp: str | None) -> tuple[Any, ...]:
        page, query = page_at(path), dict(parse_qsl((search or "").removeprefix("?")))
        first = next(iter(watchers.values()))
        watcher = watchers.get(query.get("account", ""), first)
        arrived = ctx.triggered_id != "tick"
        if _of_all((path or "").rstrip("/"), query, first):
            return _everyone(watchers, faults, "" if arrived else stamp or "")
        if query.get("account", first.config.account.name) not in watchers:
            return _absent(query["account"], first, faults)
        nav = _nav(watcher, page.path if page else "") if arrived else no_update
        if page is None:
            return _alone(watcher), nav, [], parts.notice(f"There is no page {path}."), ""
        try:
            with watcher.look() as sight:
                seen = f"{path}{search}#{sight.head_seq}#{sight.aside.count}"
                filters = _filters(page, sight, query) if arrived else no_update
                again = arrived or (page.live and seen != stamp)
                return _top(sight), nav, filters, page.show(sight, query) if again else no_update, seen
        except GammaError as error:
            return _alone(watcher), nav, [] if arrived else no_update, parts.notice(str(error), "bad"), ""


def _of_all(path: str, query: Query, first: Watcher) -> bool:
    """Whether all accounts are wanted: where there are several, they are what is seen first."""
    return path == accounts.PATH or (not path and len(first.accounts) > 1 and not query.get("account"))


def _everyone(watchers: Mapping[str, Watcher], faults: Mapping[str, str], stamp: str) -> tuple[Any, ...]:
    """The page over all accounts, shown anew where one of them has changed since the stamp."""
    found = accounts.glances(watchers, faults)
    seen, watcher = sha256(str(found).encode()).hexdigest(), next(iter(watchers.values()))
    nav = _nav(watcher, accounts.PATH) if not stamp else no_update
    page = accounts.show(found) if seen != stamp else no_update
    return [_who("all accounts", watcher.accounts), _fresh()], nav, [], page, seen


def _absent(name: str, first: Watcher, faults: Mapping[str, str]) -> tuple[Any, ...]:
    """An account that the address names and that cannot be shown: never another one in its place."""
    why = faults.get(name, f"There is no account {name}; known: {', '.join(first.accounts)}.")
    return [_who(name, first.accounts), _fresh()], _nav(first, ""), [], parts.notice(why, "bad"), ""


def _top(sight: Sight) -> list[Component]:
    book = sight.now.book
    kind = {"ACTIVE": "good", "HALTED": "bad"}.get(book.state, "warn")
    return [
        _who(sight.account, sight.accounts),
        parts.badge(book.setup.mode, "live" if book.setup.mode == "live" else "plain"),
        parts.badge(book.state, kind),
        _pulse(sight.pulse, BEATS_MISSED * sight.config.schedule.heartbeat_s),
        parts.link("Halt ...", sight.link("/halt")),
        _fresh(),
    ]


def _alone(watcher: Watcher) -> list[Component]:
    return [_who(watcher.config.account.name, watcher.accounts), _fresh()]


def _who(account: str, names: Sequence[str]) -> Component:
    """The account; where there are several, a way to each of the others."""
    if len(names) == 1:
        return html.Strong(names[0], id="account")
    ways = [parts.link(name, link("/", name)) for name in names]
    return html.Details([html.Summary(html.Strong(account)), html.Div(ways)], id="account")


def _fresh() -> Component:
    """When the server last answered, for the script that tells when it no longer does."""
    told: dict[str, Any] = {"data-at": str(round(time.time()))}
    return html.Span(id="fresh", **told)


def _pulse(pulse: Pulse, silent_s: float) -> Component:
    """What is known of the daemon, in a line."""
    sign, wrote = pulse.sign, f"last wrote {parts.age(pulse.written_age_s)} ago" if pulse.written_age_s else ""
    age = "before this machine was started" if pulse.sign_age_s is None else f"{parts.age(pulse.sign_age_s)} ago"
    told, kind = [wrote], "quiet"
    if sign and sign.state is Vital.FAILED:
        told, kind = [f"daemon failed {age}: {sign.why}", wrote], "bad"
    elif pulse.pid is None:
        told = ["no daemon runs here", wrote]
    elif sign and sign.pid == pulse.pid and (pulse.sign_age_s or 0.0) > silent_s:
        told, kind = [f"daemon {pulse.pid} is silent: last sign of life {age}", wrote], "bad"
    elif sign and sign.pid == pulse.pid and sign.state is Vital.ILL:
        told, kind = [f"daemon {pulse.pid} is ill: {sign.why}", wrote], "warn"
    elif sign and sign.pid == pulse.pid:
        told = [f"daemon {pulse.pid} runs, last sign of life {age}", wrote]
    else:
        told = [f"daemon {pulse.pid} starts", wrote]
    return html.Span(" · ".join(text for text in told if text), id="pulse", className=kind)


def _nav(watcher: Watcher, here: str) -> list[Component]:
    """A way to each page; where there are several accounts, to that of all of them first."""
    several = len(watcher.accounts) > 1
    account = watcher.config.account.name if several else ""
    ways = [(accounts.PATH, accounts.TITLE, "")] if several else []
    ways += [(page.path, page.title, account) for page in PAGES if page.listed]
    return [dcc.Link(title, href=link(path, of), className="here" if path == here else "") for path, title, of in ways]


def _filters(page: Page, sight: Sight, query: Query) -> list[Component]:
    return [_filter(choice, query.get(choice.name)) for choice in (page.choices(sight, query) if page.choices else ())]


def _filter(choice: Choice, value: str | None) -> Component:
    named = {"type": FILTER, "name": choice.name}
    field: Component
    if choice.options:
        options: list[Any] = [{"value": value, "label": label} for value, label in choice.options]
        field = dcc.Dropdown(id=named, options=options, value=value, placeholder="any", searchable=False)
    else:
        field = dcc.Input(id=named, value=value or "", debounce=True, type="text", placeholder="any")
    return html.Label([html.Span(choice.title), field], className="choice")


def _filter_on(app: Dash) -> None:
    """What is chosen goes into the address, so that it can be kept and gone back from."""

    @app.callback(
        Output("where", "search"),
        Input({"type": FILTER, "name": ALL}, "value"),
        State("where", "search"),
        prevent_initial_call=True,
    )
    def _(_: Sequence[Any], search: str | None) -> Any:
        before = dict(parse_qsl((search or "").removeprefix("?")))
        chosen = {each["id"]["name"]: each["value"] or "" for each in ctx.inputs_list[0] if "value" in each}
        after = link("", **{**before, **chosen})
        return after if after != link("", **before) else no_update
