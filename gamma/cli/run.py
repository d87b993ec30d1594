"""`gamma run`: the daemon, with a live table in a terminal and JSON lines elsewhere."""

import asyncio
import os
import sys
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.daemon import Daemon
    from gamma.screen import Screen

REFRESH_S = 0.25


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(  # noqa: PLR0913 - each option is a parameter
    *,
    mode: Annotated[str, typer.Option(help="paper or live; live must be armed too.", metavar="MODE")] = "",
    feed: Annotated[
        list[str] | None,
        typer.Option(help="Trade recorded bars: FILE, or MARKET=FILE; repeatable.", metavar="[MARKET=]FILE"),
    ] = None,
    speed: Annotated[str, typer.Option(help="Market time by wall time; max: as fast as it goes.", metavar="X")] = "",
    once: Annotated[bool, typer.Option("--once", help="End with the feed; the simulator's ends after a day.")] = False,
    bars: Annotated[int, typer.Option(help="End after so many bars; 0: never.", min=0, metavar="N")] = 0,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows of a file out, and count them.")] = False,
    supervised: Annotated[
        bool, typer.Option("--supervised", help="Something starts it again: after three crashes it takes no new risk.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Log lines in place of the live table.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Trade until Ctrl-C: recover, reconcile with the broker, then decide on each closed bar.

    Example: gamma run --feed MNQ=bars.parquet --speed max --once
    """
    from gamma.account import opened, summary
    from gamma.cli.setting import configured
    from gamma.cli.status import show_status

    config = configured(path, mode=mode, feed=feed or [], speed=speed, skip_bad=skip_bad)
    live = not plain and not as_json and sys.stdout.isatty()
    ends = Ends(once=once, bars_max=bars)
    asyncio.run(_run(config, ends, live=live, quiet=as_json, supervised=supervised))
    with opened(config) as reader:
        told = summary(config, reader)
    if as_json:
        print_json(told)
    else:
        show_status(config, told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """When a run ends by itself: with the feed, or after so many bars; 0 is never."""

    once: bool
    bars_max: int


async def _run(config: "Config", ends: Ends, *, live: bool, quiet: bool, supervised: bool = False) -> None:
    """Trade; when a contract has rolled, begin again with the new month's history."""
    while await _traded(config, ends, live=live, quiet=quiet, supervised=supervised):
        pass


async def _traded(config: "Config", ends: Ends, *, live: bool, quiet: bool, supervised: bool) -> bool:
    """Trade until the daemon ends; whether that was because a contract rolled."""
    from gamma.alerts import open_client
    from gamma.assembly import assemble, paper_state_path
    from gamma.config import secrets
    from gamma.daemon import Daemon
    from gamma.ledger import Ledger
    from gamma.logs import Chronicle, set_up
    from gamma.messengers import Messengers
    from gamma.metrics import Metrics
    from gamma.monitor import monitored
    from gamma.screen import Screen
    from gamma.service.manager import ServiceManager
    from gamma.service.pulse import attended

    level, stream = ("error", sys.stderr) if live or quiet else (config.gamma.log_level, sys.stdout)
    drain = set_up(level, stream, secrets(config))
    screen = Screen(f"{config.gamma.mode} · {config.account.name}")
    opened = Ledger.open(config.gamma.database, account=config.account.name, mode=config.gamma.mode)
    with closing(opened) as ledger:
        assembly = assemble(config, state_path=paper_state_path(config))
        async with open_client() as client:
            messengers = Messengers(config, ledger, client)
            metrics = Metrics() if config.metrics.port is not None else None
            looking = (screen, Chronicle(), *(() if metrics is None else (metrics,)))
            daemon = Daemon(assembly, ledger, observers=looking, messengers=messengers, supervised=supervised)
            daemon.watch_signals()
            manager = ServiceManager.listening(os.environ)
            told = nullcontext() if metrics is None else monitored(daemon, metrics, config.metrics.port or 0)
            async with told, attended(daemon, manager):
                trading = asyncio.create_task(
                    daemon.run(_times(config.feed.speed), once=ends.once, bars_max=ends.bars_max)
                )
                if live:
                    await _draw(daemon, screen, trading)
                await trading
    drain()
    return daemon.rolled


async def _draw(daemon: "Daemon", screen: "Screen", trading: "asyncio.Task[None]") -> None:
    """Draw the table while the daemon trades."""
    from rich.live import Live

    with Live(screen.draw(daemon.shell.book), console=console(), screen=False, auto_refresh=False) as table:
        while not trading.done():
            # A terminal that stands still must not stop the trading.
            await asyncio.to_thread(table.update, screen.draw(daemon.shell.book), refresh=True)
            await asyncio.wait([trading], timeout=REFRESH_S)
        table.update(screen.draw(daemon.shell.book), refresh=True)


def _times(speed: float | str) -> float:
    return float("inf") if isinstance(speed, str) else speed
