"""`gamma feed`: recorded bars."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli.output import AsJson, console, group, print_json, working

if TYPE_CHECKING:
    from gamma.feeds.importer import Imported

app = group("Recorded bars, checked and made ready.")


@app.callback()
def _feed() -> None:
    """Recorded bars, checked and made ready."""


@app.command("import")
def import_file(
    source: Annotated[Path, typer.Argument(help="CSV or Parquet with time, open, high, low, close.", metavar="FILE")],
    *,
    market: Annotated[str, typer.Option("--market", "-m", help="What the bars are of.", metavar="SYMBOL")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.", metavar="FOLDER")] = Path("bars"),
    bar_s: Annotated[int | None, typer.Option(help="Merge finer bars up to this length.", metavar="SECONDS")] = None,
    timezone: Annotated[str, typer.Option(help="Of times that name none.", metavar="ZONE")] = "UTC",
    symbol: Annotated[str | None, typer.Option(help="Pick its rows from a file of several.", metavar="SYMBOL")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Set bad rows aside instead of refusing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a file of bars and write it as one Parquet that the file feed reads quickly.

    Example: gamma feed import NQ_1m.csv --market NQ --bar-s 300 --timezone America/New_York
    """
    from dataclasses import asdict

    from gamma.feeds.bar_file import Wanted
    from gamma.feeds.importer import import_bars

    wanted = Wanted(skip_bad=skip_bad, bar_s=bar_s, timezone=timezone, symbol=symbol)
    with working(f"reading {source}"):
        imported = import_bars(source, market, out, wanted)
    if as_json:
        paths = {"source": str(imported.source), "bars": str(imported.bars)}
        bad = str(imported.quarantine) if imported.quarantine else None
        print_json(asdict(imported) | paths | {"quarantine": bad})
        return
    _show(imported)


def _show(imported: "Imported") -> None:
    from rich.markup import escape
    from rich.table import Table

    quality = imported.quality
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    rows = {
        "bars": f"{imported.rows:,} of {imported.bar_s} s",
        "from": imported.first,
        "to": imported.last,
        "off tick": f"{imported.off_tick_frac:.2%}",
        "outside sessions": f"{quality.rows_outside_session:,}",
        "gaps": f"{quality.gaps:,}, {quality.bars_missing:,} bars in all",
        "sessions missing": f"{quality.sessions_missing:,}",
        "bad rows": f"{quality.rows_bad:,}" + (f", in {imported.quarantine}" if imported.quarantine else ""),
    }
    for name, value in rows.items():
        table.add_row(name, escape(value))
    out = console()
    out.print(f"[green]✓[/] {escape(str(imported.source))} is now [bold]{escape(str(imported.bars))}[/]")
    out.print(table)
    for note in imported.notes:
        out.print(f"[yellow]note[/] {escape(note)}")
    out.print(
        f'\nTrade on it: [bold]\\[feed][/] use = "file", '
        f'files = \\[{{ path = "{escape(str(imported.bars))}", market = "{imported.market}" }}]'
    )
