"""`gamma accounts`: all accounts of the configuration at a glance."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from gamma.cli.chosen import chosen_account
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json, working
from gamma.cli.wording import usd

if TYPE_CHECKING:
    from rich.text import Text

    from gamma.overview import Glance


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("accounts")(accounts)


def accounts(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show every account of the configuration: its state, money, positions and ledger.

    What is wrong with one account is told below the table, and the others are shown.

    Example: gamma accounts
    """
    from gamma.overview import overview

    with working("reading the ledgers"):
        found = overview(path, os.environ, (chosen_account(),) if chosen_account() else ())
    if as_json:
        print_json({"accounts": [_row(one) for one in found]})
        return
    _show(found)


def _row(one: "Glance") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(one)


def _show(found: Sequence["Glance"]) -> None:
    from rich.markup import escape

    from gamma.cli.tables import table

    out = console()
    titles = ("account", "mode", "state", ">equity", ">room", ">today", ">held", "?daemon", "?ledger")
    out.print(table(titles, [_cells(one) for one in found], out.width))
    for one in found:
        if one.problem:
            out.print(f"[yellow]{escape(one.account)}[/]: {escape(one.problem)}", soft_wrap=True)
        elif one.standing and (waiting := one.standing.alerts):
            text = f"{waiting:,} critical {'alert waits' if waiting == 1 else 'alerts wait'} for: gamma ack"
            out.print(f"[dim]{escape(one.account)}: {text}{_named(one, found)}[/]", soft_wrap=True)


def _named(one: "Glance", found: Sequence["Glance"]) -> str:
    return f" --account {one.account}" if len(found) > 1 else ""


def _cells(one: "Glance") -> "list[str | Text]":
    from rich.text import Text

    standing, pid = one.standing, str(one.daemon_pid or "-")
    if standing is None:
        return [one.account, one.mode or "-", "-", "-", "-", "-", "-", pid, one.ledger or "-"]
    colour = "green" if standing.state == "ACTIVE" else "yellow"
    room = "-" if standing.room_usd is None else f"{standing.room_usd:,.2f}"
    money = [f"{standing.equity_usd:,.2f}", room, usd(standing.day_pnl_usd)]
    return [one.account, one.mode, Text(standing.state, style=colour), *money, str(standing.positions), pid, one.ledger]
