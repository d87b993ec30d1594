"""`gamma db`: the ledger's file itself."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli.output import DEFAULT_CONFIG, INVARIANT, AsJson, ConfigPath, console, group, print_json

if TYPE_CHECKING:
    from gamma.ledger.verify import Report

app = group("The ledger's database: bring it up to date, back it up, check it.")


@app.command()
def upgrade(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Bring the database to this gamma's schema; a backup is taken first where there is something to lose.

    Example: gamma db upgrade
    """
    from gamma.ledger.upgrade import upgrade as bring_up

    done = bring_up(_url(path))
    if as_json:
        print_json({"before": done.before, "after": done.after, "backup": str(done.backup) if done.backup else None})
    else:
        console().print("up to date" + (f"; backed up to {done.backup}" if done.backup else ""))


@app.command()
def backup(
    target: Annotated[Path | None, typer.Argument(help="Where to; the backups folder by default.")] = None,
    *,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Copy the ledger while it is in use, and check the copy.

    Example: gamma db backup
    """
    import time

    from gamma.config import load
    from gamma.ledger.backup import backup as copy

    config = load(path, os.environ)
    if target is None:
        folder = Path(config.paths.backups)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{config.account.name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
    report = copy(config.gamma.database, target)
    if as_json:
        print_json({"target": str(target), "events": report.events, "sound": report.sound})
    else:
        console().print(f"{target}: {report.events:,} events, checked in {report.seconds:.2f} s")


@app.command()
def verify(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check the hash chain over every event, and that every other table says what the events say.

    Example: gamma db verify
    """
    from gamma.ledger.verify import verify as check

    report = check(_url(path))
    if as_json:
        print_json({"events": report.events, "seconds": report.seconds, "problems": list(report.problems)})
    else:
        _show(report)
    if not report.sound:
        raise typer.Exit(INVARIANT)


def _show(report: "Report") -> None:
    out = console()
    if report.sound:
        out.print(f"[green]sound[/]: {report.events:,} events, chain and tables agree ({report.seconds:.2f} s)")
        return
    out.print(f"[bold red]not sound[/]: {len(report.problems)} problem(s) in {report.events:,} events")
    for problem in report.problems:
        out.print(f"  {problem}")


def _url(path: Path) -> str:
    from gamma.config import load

    return load(path, os.environ).gamma.database
