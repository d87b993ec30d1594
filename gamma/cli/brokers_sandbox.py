"""`gamma brokers sandbox`: a broker on this machine, to trade at without money and without a network."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from gamma.cli.output import AsJson, console
from gamma.errors import ConfigInvalid

if TYPE_CHECKING:
    from gamma.ports import BrokerSandbox, SandboxAnswered, SandboxOpened

_FAULTS = (
    "Shares of requests by what goes wrong with them, as lose_answer=0.1,late=0.05. Known: lose_request, lose_answer, "
    "cut_answer, error_before, error_after, busy, slow, late."
)
_METHODS = {"GET": "cyan", "POST": "bold green", "PUT": "yellow", "DELETE": "yellow"}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sandbox")(sandbox)


def sandbox(
    name: Annotated[str, typer.Argument(help="The broker.")],
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on loopback; 0 for any that is free.")] = 8787,
    seed: Annotated[int, typer.Option(min=0, help="Of its market; the same as the feed's, and both see one.")] = 1,
    capital_usd: Annotated[float, typer.Option(min=1, max=1e9, help="What the account begins with.")] = 50_000.0,
    faults: Annotated[str, typer.Option(help=_FAULTS)] = "",
    state: Annotated[Path | None, typer.Option(help="Keep the account in this file.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a broker's protocol on this machine until Ctrl-C, with a market that is made up; say what is asked.

    Example: gamma brokers sandbox tradier --state sandbox.db --faults lose_answer=0.1
    """
    import asyncio

    from gamma.ports import SandboxOrder

    served = _installed(name)
    order = SandboxOrder(port=port, seed=seed, capital_usd=capital_usd, faults=faults, state_path=state)
    opened: Callable[[SandboxOpened], None] = _line if as_json else lambda told: _greet(name, told)
    answered: Callable[[SandboxAnswered], None] = _line if as_json else _show
    try:
        asyncio.run(served.serve(order, opened, answered))
    except KeyboardInterrupt:
        if not as_json:
            console().print("\nstopped" + ("" if state is None else f"; the account is in {state}"))


def _installed(name: str) -> "BrokerSandbox":
    """The sandbox of a broker.

    Raises: ConfigInvalid when there is none, or what it needs is not installed.
    """
    from gamma import plugins
    from gamma.ports import BrokerSandbox

    try:
        made = plugins.named(plugins.SANDBOXES, name).load()()
    except ConfigInvalid as error:
        if "aiohttp" in str(error):
            raise ConfigInvalid(f"{error}; install it: pip install 'gamma-daemon[sandboxes]'") from None
        raise
    if not isinstance(made, BrokerSandbox):
        raise ConfigInvalid(f"gamma.sandboxes {name!r} is no sandbox: it cannot serve")
    return made


def _line(told: "SandboxOpened | SandboxAnswered") -> None:
    sys.stdout.write(json.dumps(asdict(told)) + "\n")
    sys.stdout.flush()


def _greet(name: str, told: "SandboxOpened") -> None:
    from gamma.complaints import toml

    out = console()
    out.print(f"[bold]{name}[/] on this machine: [cyan]{told.url}[/]\n\nTo trade there, put into config.toml:\n")
    out.print(f"  \\[brokers.{name}]", soft_wrap=True)
    for key, value in told.settings.items():
        out.print(f"  {key} = {toml(value)}", soft_wrap=True)
    if told.markets:
        out.print(f"\nMarkets: {', '.join(told.markets)}", soft_wrap=True)
    out.print("\nIt takes no real order. [dim]Ctrl-C stops it.[/]\n")


def _show(told: "SandboxAnswered") -> None:
    style = "green" if 0 < told.status < 300 else "red"
    fault = f"  [bold red]{told.fault}[/]" if told.fault else ""
    status = str(told.status or "---")
    said = escape("  ".join(filter(None, (told.asked, told.text))))
    head = f"[{_METHODS.get(told.method, 'white')}]{told.method:<6}[/] [{style}]{status}[/]"
    console().print(f"{head} {escape(told.path)}  [dim]{said}[/]{fault}", soft_wrap=True)
