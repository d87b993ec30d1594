"""`gamma size-picker fit`: the simulated market fitted to real bars, and how well it fits."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli.output import AsJson, console, print_json
from gamma.cli.size_picker_generate import MARKET, followed, read

if TYPE_CHECKING:
    from gamma.ports import FitRow, Fitted, MarketFit


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fit")(fit)


def fit(
    *,
    bars: Annotated[
        list[Path],
        typer.Option("--bars", "-b", help="CSV or Parquet of years of it; again for more.", metavar="FILE"),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The TOML to write.", metavar="FILE.toml")],
    days: Annotated[
        list[str] | None, typer.Option(help="Of these days alone; again for each --bars.", metavar="FROM..TO")
    ] = None,
    symbol: Annotated[str, typer.Option(help="The market that the bars are of.", metavar="MARKET")] = MARKET,
    picture: Annotated[Path | None, typer.Option(help="Draw real beside simulated bars.", metavar="FILE.png")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the simulated market to real hours, of gold unless --symbol says another, and hold it against them.

    The table has each measure of the real bars beside simulated markets of the same length: their middle, and where
    nine of ten of them lie. What is outside does not fit. gamma size-picker generate --market takes what is written.

    Example: gamma size-picker fit --bars XAUUSD_1h.parquet --out gold.toml --picture fit.png
    """
    from gamma import plugins
    from gamma.ports import FitOrder, Fitted

    fitter: MarketFit = plugins.named(plugins.SIZE_PICKERS, "fit").load()()
    order = FitOrder(
        bars=read(bars, days or (), symbol=symbol), sources=tuple(str(file) for file in bars), out=out, picture=picture
    )
    found = followed(fitter.fit(order), quiet=as_json)
    assert isinstance(found, Fitted)  # noqa: S101 - what is told last is how well it fits
    if as_json:
        print_json({"market": str(out), "picture": str(picture or ""), "rows": _rows(found), "shape": found.shape})
        return
    _show(found, out, picture)


def _rows(found: "Fitted") -> list[dict[str, object]]:
    return [
        {
            "measure": row.name,
            "real": row.real,
            "low": row.low,
            "simulated": row.simulated,
            "high": row.high,
            "within": row.low <= row.real <= row.high,
        }
        for row in found.rows
    ]


def _show(found: "Fitted", out: Path, picture: Path | None) -> None:
    from rich.markup import escape

    from gamma.cli.tables import table

    say = console()
    rows = [
        (row.name, _number(row.real), _number(row.simulated), f"{_number(row.low)} to {_number(row.high)}", _where(row))
        for row in found.rows
    ]
    say.print(table(("measure", ">real", ">simulated", ">9 of 10", "?"), rows, say.width))
    for path in (out, picture):
        if path is not None:
            say.print(f"[green]✓[/] {escape(str(path))}")


def _number(value: float) -> str:
    return f"{value:.3f}"


def _where(row: "FitRow") -> str:
    if row.real < row.low:
        return "real is lower"
    return "real is higher" if row.real > row.high else ""
