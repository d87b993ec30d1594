"""`gamma dashboard`: what the ledger tells, in a browser on this machine."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from gamma.cli.chosen import configuration, wanted_accounts
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json, working


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
    """Show the account in a browser until Ctrl-C: it reads the ledger, and its one act is to halt.

    Example: gamma dashboard --port 8050
    """
    from gamma.dashboard.gate import token_at
    from gamma.dashboard.pages import ahead
    from gamma.dashboard.serving import HOST, serve
    from gamma.dashboard.watching import Watcher
    from gamma.errors import GammaError

    configs = [configuration(path, account=name) for name in wanted_accounts(path)]
    first, names = configs[0], [config.account.name for config in configs]
    watchers = {config.account.name: Watcher(config, names) for config in configs}
    file = Path(first.dashboard.token_file).absolute()
    token = token_at(file)
    with working("reading the ledger"):
        for watcher in watchers.values():
            with suppress(GammaError), watcher.look() as sight:  # the page says what is wrong, and goes on
                ahead(sight)

    def ready(taken: int) -> None:
        url = f"http://{HOST}:{taken}/?token={token}"
        if as_json:
            print_json({"url": url, "token_file": str(file)})
        else:
            out = console()
            out.print(f"dashboard of {', '.join(names)}: [bold]{url}[/]", soft_wrap=True)
            out.print(f"[dim]the token is kept in {file}; Ctrl-C stops[/]", soft_wrap=True)
        sys.stdout.flush()  # whoever started it through a pipe waits for the link

    serve(watchers, token, first.dashboard.port if port is None else port, ready)
