"""`gamma db`: the ledger's file itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gamma.cli.chosen import configuration
from gamma.cli.output import DEFAULT_CONFIG, INVARIANT, AsJson, ConfigPath, console, group, print_json, working

if TYPE_CHECKING:
    from gamma.ledger.restore import Restored
    from gamma.ledger.verify import Report

app = group("The ledger's database: bring it up to date, back it up and put it back, check it.")
ORDERS_SHOWN: Final = 12


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
    """Copy the ledger while it is in use, and check the copy; of the backups folder the newest are kept.

    Example: gamma db backup
    """
    import time

    from gamma.ledger.backup import backup as copy
    from gamma.ledger.backup import kept

    config = configuration(path)
    folder, removed = Path(config.paths.backups), list[Path]()
    chosen = target
    if chosen is None:
        folder.mkdir(parents=True, exist_ok=True)
        chosen = folder / f"{config.account.name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
    with working("copying the ledger, and checking the copy"):
        report = copy(config.gamma.database, chosen)
    if target is None:  # only now: the new one has passed its check
        removed = kept(folder, config.account.name, config.paths.backups_kept)
    if as_json:
        told = {"target": str(chosen), "events": report.events, "sound": report.sound}
        print_json({**told, "removed": [str(one) for one in removed]})
        return
    console().print(f"{chosen}: {report.events:,} events, checked in {report.seconds:.2f} s")
    for one in removed:
        console().print(f"[dim]removed {one}: \\[paths] backups_kept = {config.paths.backups_kept}[/]")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `gamma db backup` wrote.", metavar="FILE")],
    *,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of the ledger; stop the daemon first. The ledger that was there is kept aside.

    What was ordered since the backup is told, as far as the old ledger still tells it: the broker knows the rest.

    Example: gamma db restore backups/paper-20261120T210000Z.db
    """
    from gamma.ledger.restore import restore as put_back

    config = configuration(path)
    with working("checking the backup"):
        done = put_back(config.gamma.database, source, account=config.account.name, mode=config.gamma.mode)
    since = done.since
    if as_json:
        shape = {"events": since.events, "fills": since.fills, "orders": list(since.orders)} if since else None
        aside = str(done.aside) if done.aside else None
        print_json({"source": str(source), "events": done.report.events, "aside": aside, "since": shape})
    else:
        _show_restored(done)


@app.command()
def verify(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check the hash chain over every event, and that every other table says what the events say.

    Example: gamma db verify
    """
    from gamma.ledger.verify import verify as check

    with working("checking every event"):
        report = check(_url(path))
    if as_json:
        print_json({"events": report.events, "seconds": report.seconds, "problems": list(report.problems)})
    else:
        _show(report)
    if not report.sound:
        raise typer.Exit(INVARIANT)


def _show_restored(done: "Restored") -> None:
    from gamma.cli.tables import table
    from gamma.cli.wording import clock

    out = console()
    out.print(f"[green]restored[/]: {done.report.events:,} events, checked in {done.report.seconds:.2f} s")
    if done.aside is not None:
        out.print(f"the ledger that was there: {done.aside}")
    since = done.since
    if since is None:
        out.print("[yellow]what came after the backup is not known here: the broker knows it[/]")
    elif since.events:
        out.print(f"it knew {since.events:,} events more: {len(since.orders):,} orders, {since.fills:,} fills")
        newest = [
            (clock(o["ts_event_utc_ns"]), o["id"], o["market"], o["kind"], f"{o['side'] * o['lots']:+d}", o["state"])
            for o in since.orders[-ORDERS_SHOWN:]
        ]
        if newest:
            out.print(table(("ordered", "id", "market", "kind", ">lots", "was"), newest, out.width))
        if len(since.orders) > ORDERS_SHOWN:
            out.print(f"[dim]and {len(since.orders) - ORDERS_SHOWN:,} before these; --json lists all[/]")
    out.print(
        "Next: gamma reconcile. It books what the broker filled since; orders that this ledger does not know are told "
        "of, and halt."
    )


def _show(report: "Report") -> None:
    out = console()
    if report.sound:
        out.print(f"[green]sound[/]: {report.events:,} events, chain and tables agree ({report.seconds:.2f} s)")
        return
    out.print(f"[bold red]not sound[/]: {len(report.problems)} problem(s) in {report.events:,} events")
    for problem in report.problems:
        out.print(f"  {problem}")


def _url(path: Path) -> str:

    return configuration(path).gamma.database
