"""All accounts of the configuration on one page, each with the way to its own."""

from collections.abc import Mapping, Sequence
from typing import Final

from dash import html
from dash.development.base_component import Component

from gamma.complaints import without_password
from gamma.dashboard import parts
from gamma.dashboard.sight import link
from gamma.dashboard.watching import Watcher
from gamma.errors import GammaError
from gamma.overview import Glance, standing_of

PATH: Final = "/accounts"
TITLE: Final = "Accounts"
_KINDS: Final = {"ACTIVE": "good", "HALTED": "bad"}


def glances(watchers: Mapping[str, Watcher], faults: Mapping[str, str]) -> tuple[Glance, ...]:
    """Each account as it stands now; those of `faults` have no configuration that could be read."""
    watched = [_glance(name, watcher) for name, watcher in watchers.items()]
    return (*watched, *(Glance(account=name, problem=why) for name, why in faults.items()))


def _glance(name: str, watcher: Watcher) -> Glance:
    mode, ledger = watcher.config.gamma.mode, without_password(watcher.config.gamma.database)
    try:
        with watcher.look() as sight:
            standing = standing_of(sight.now.book, sight.reader)
            return Glance(account=name, mode=mode, ledger=ledger, daemon_pid=sight.pulse.pid, standing=standing)
    except GammaError as error:
        return Glance(account=name, mode=mode, ledger=ledger, problem=str(error))


def show(found: Sequence[Glance]) -> list[Component]:
    """The page."""
    rows = [_row(one) for one in found]
    titles = ("account", "?mode", "state", ">equity", ">room", ">today", ">held", ">?alerts", "?daemon", "?as of")
    told = parts.card("Accounts [usd]", parts.table(titles, rows), wide=True, id="accounts")
    wrong = [parts.notice([html.Strong(one.account), f": {one.problem}"], "bad") for one in found if one.problem]
    return [told, *([parts.card("What is wrong", *wrong, wide=True, id="problems")] if wrong else [])]


def _row(one: Glance) -> Sequence[parts.Cell]:
    standing = one.standing
    if standing is None:
        ledger = parts.badge("not known", "bad")
        return (one.account, one.mode or "-", ledger, *("-" for _ in range(4)), "-", "-", "-")
    return (
        parts.link(one.account, link("/", one.account)),
        one.mode,
        parts.badge(standing.state, _KINDS.get(standing.state, "warn")),
        parts.usd(standing.equity_usd),
        parts.usd(standing.room_usd),
        parts.signed(standing.day_pnl_usd),
        str(standing.positions),
        f"{standing.alerts:,}",
        "-" if one.daemon_pid is None else f"process {one.daemon_pid}",
        parts.when(standing.ts_event_utc_ns),
    )
