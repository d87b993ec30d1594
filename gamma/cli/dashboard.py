"""`gamma dashboard`: what the ledger tells, in a browser on this machine."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli.chosen import configuration, wanted_accounts
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json
from gamma.errors import ConfigInvalid

if TYPE_CHECKING:
    from gamma.config import Config


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("dashboard")(dashboard)


def dashboard(
    *,
    port: Annotated[
        int | None, typer.Option(help="Where it answers on 127.0.0.1; 0: any free port.", min=0, max=65_535)
    ] = None,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show the account, or all of them, in a browser until Ctrl-C: it reads the ledger, and its one act is to halt.

    Example: gamma dashboard --port 8050
    """
    from rich.markup import escape

    from gamma.dashboard.gate import token_at
    from gamma.dashboard.pages import ahead
    from gamma.dashboard.serving import HOST, serve
    from gamma.dashboard.watching import Watcher

    configs, faults = _configured(path)
    first, names = configs[0], [config.account.name for config in configs]
    watchers = {config.account.name: Watcher(config, [*names, *faults]) for config in configs}
    file = Path(first.dashboard.token_file).absolute()
    token = token_at(file)

    def ready(taken: int) -> None:
        for watcher in watchers.values():
            watcher.read_ahead(ahead)
        url = f"http://{HOST}:{taken}/?token={token}"
        if as_json:
            print_json({"url": url, "token_file": str(file)})
        else:
            out = console()
            out.print(f"dashboard of {', '.join(names)}: [bold]{url}[/]", soft_wrap=True)
            for name, why in faults.items():
                out.print(f"[yellow]{name}[/]: {escape(why)}", soft_wrap=True)
            out.print(f"[dim]the token is kept in {file}; Ctrl-C stops[/]", soft_wrap=True)
        sys.stdout.flush()  # whoever started it through a pipe waits for the link

    serve(watchers, token, first.dashboard.port if port is None else port, ready, faults)


def _configured(path: Path) -> "tuple[list[Config], dict[str, str]]":
    """Each account's configuration, and why others have none: a fault in one does not hide the rest.

    Raises: ConfigInvalid when there is none at all.
    """
    configs: list[Config] = []
    faults: dict[str, str] = {}
    for name in wanted_accounts(path):
        try:
            configs.append(configuration(path, account=name))
        except ConfigInvalid as error:
            faults[name] = str(error)
    if not configs:
        raise ConfigInvalid("\n".join(faults.values()))
    return configs, faults
