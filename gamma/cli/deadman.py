"""`gamma deadman`: a process beside the daemon that closes positions when that falls silent at a bad moment."""

import asyncio
import signal
import sys
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli.chosen import configuration
from gamma.cli.output import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, console, print_json

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.deadman.process import Look


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deadman")(deadman)


def deadman(
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once; what is to be closed is closed first.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look once, and say what it would do: nothing is sent or written.")
    ] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Watch the daemon; when it is silent near the close or at a limit, cancel, close, and page a person.

    Example: gamma deadman --dry-run
    """
    config = configuration(path)
    last = asyncio.run(_run(config, once=once, dry=dry_run, quiet=as_json))
    if last is None or not (once or dry_run):
        return
    if as_json:
        print_json(asdict(last))
    else:
        _show(last, dry=dry_run)
    if last.lots or last.waits:
        raise typer.Exit(FAILED if not last.flat else 0)


async def _run(config: "Config", *, once: bool, dry: bool, quiet: bool) -> "Look | None":
    from contextlib import nullcontext

    from gamma.alerts import Sign, open_client
    from gamma.clock import MACHINE
    from gamma.config import secrets
    from gamma.deadman.journal import Journal
    from gamma.deadman.pager import Pager
    from gamma.deadman.process import Deadman
    from gamma.deadman.session import check, folder_of, session_of
    from gamma.deadman.sight import Sight, prefixes
    from gamma.deadman.watch import Watch
    from gamma.logs import set_up
    from gamma.messengers import sender_of
    from gamma.vitals import sign_path

    brief = once or dry
    level, stream = ("critical", sys.stderr) if quiet or brief else (config.gamma.log_level, sys.stdout)
    drain = set_up(level, stream, secrets(config))
    looks: deque[Look] = deque(maxlen=1)
    broker = session_of(config, None)
    try:
        check(config, broker)
        folder, mine = folder_of(config), prefixes(config)
        async with open_client() as client:
            with nullcontext() if dry else Journal(folder, mine[1]) as journal:
                if journal is not None:
                    broker = session_of(config, folder / "session.db")
                sign = Sign(account=f"{config.account.name}, dead-man", mode=config.gamma.mode)
                pager = Pager(None if dry else sender_of(config, client), sign, MACHINE)
                watch = Watch(sign_path(config.gamma.database, config.account.name), MACHINE)
                watcher = Deadman(Sight(config, broker, MACHINE), watch, journal, pager, clock=MACHINE)
                await watcher.run(_stopping(), looks.append, once=brief)
    finally:
        await broker.close()
        drain()
    return looks[-1] if looks else None


def _stopping() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _show(look: "Look", *, dry: bool) -> None:
    verb = "would act" if dry else "acts"
    console().print(f"[bold]{verb if look.acts else 'nothing to do'}[/]: {look.why}", soft_wrap=True)
    for market, lots in look.lots.items():
        console().print(f"  {lots:+d} {market}")
    for wait in look.waits:
        console().print(f"  {wait}", soft_wrap=True)
