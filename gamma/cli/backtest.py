"""`gamma backtest`: recorded bars through the engine that trades, in one account, with a ledger of its own."""

import os
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli.chosen import configuration
from gamma.cli.evaluation_view import HOLE_TOLD_MIN
from gamma.cli.output import DEFAULT_CONFIG, AsJson, console, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.rehearsal.backtest import Done, Task
    from gamma.rehearsal.promotion import BarFile, Held

Configs = Annotated[
    list[Path],
    typer.Option(
        "--config", "-c", envvar="GAMMA_CONFIG", help="The configuration; may be given again.", metavar="FILE"
    ),
]
BarFiles = Annotated[
    list[str],
    typer.Option(
        "--bars", "-b", help="CSV or Parquet; without a market the first strategy's.", metavar="[MARKET=]FILE"
    ),
]
Spans = Annotated[
    list[str] | None, typer.Option("--span", help="Trading days, both ends with them; may be given again.")
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Keep the ledger: a folder, or a name.db.", metavar="FOLDER|FILE")
]
BarLength = Annotated[int | None, typer.Option(help="Merge finer bars up to this length.", metavar="SECONDS")]
Jobs = Annotated[int, typer.Option(help="Backtests at once; 0 for one a core.", min=0, max=1_024)]
SHOWN = ("trades", "net_pnl_usd", "sharpe_annual", "profit_factor", "drawdown_max_usd")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest)


def backtest(  # noqa: PLR0913 - each option is a parameter
    bars: BarFiles,
    *,
    span: Spans = None,
    out: Out = None,
    apart: Annotated[bool, typer.Option("--apart", help="Each market in an account of its own.")] = False,
    bar_s: BarLength = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows of a file out, and count them.")] = False,
    jobs: Jobs = 0,
    paths: Configs = [DEFAULT_CONFIG],  # noqa: B006 - typer reads it, and nobody changes it
    as_json: AsJson = False,
) -> None:
    """Trade recorded bars through the engine and the paper broker: all strategies in one account, by event time.

    It trades what `gamma run --feed` trades on the same bars, trade for trade; the hash of the trades tells. The
    ledger that --out keeps is like any other, with a configuration beside it. Each configuration is played over each
    span, several at once.

    Example: gamma backtest -b MNQ=NQ_5m.parquet --span 2025-04-01..2025-06-30 --out bt
    """
    from gamma.rehearsal.backtest import backtest_all

    tasks = _tasks(paths, _named(bars), span or [], out, (apart, bar_s, skip_bad))
    done = {}
    with _progress(len(tasks), quiet=as_json) as progress:
        task = progress.add_task("backtests", total=len(tasks))
        for one in backtest_all(tasks, jobs or os.cpu_count() or 1):
            done[one.task.name] = one
            progress.advance(task)
    ordered = [done[one.name] for one in tasks]
    shapes = [_shape(one) for one in ordered]
    if as_json:
        print_json(shapes)
    elif len(shapes) == 1:
        _show_one(ordered[0], shapes[0])
    else:
        _show_all(shapes)


def _tasks(
    paths: Sequence[Path],
    files: Sequence[tuple[str, Path]],
    spans: Sequence[str],
    out: Path | None,
    how: tuple[Any, ...],
) -> "list[Task]":
    """Each configuration over each span, of all markets together or apart; each name says what is its own."""
    from gamma.rehearsal.backtest import Task, on_paper, place

    apart, bar_s, skip_bad = how
    tasks: list[Task] = []
    read: dict[str, list[BarFile]] = {}
    for path in paths:
        config = configuration(path)
        markets = _markets(config, files)
        for market, own in markets.items():
            if market not in read:
                read[market] = _read(own, market, bar_s, skip_bad=skip_bad)
        groups = [[market] for market in markets] if apart else [list(markets)]
        for group, text in product(groups, spans or [""]):
            parts = [path.stem] * (len(paths) > 1) + ["-".join(group)] * apart + [text] * (len(spans) > 1)
            name = "_".join(parts) or "all"
            ledger = None if out is None else out / name if parts else out
            if ledger is not None:
                place(ledger)
            tasks.append(
                Task(
                    name=name,
                    config=on_paper(config, group),
                    bars={market: _held(read[market], market, text) for market in group},
                    ledger=ledger,
                )
            )
    if len({task.name for task in tasks}) < len(tasks):
        raise InputInvalid("two backtests would have one name; give configurations and spans of different names")
    return tasks


def _named(bars: Sequence[str]) -> list[tuple[str, Path]]:
    """Each file with its market, "" where none is given."""
    found = []
    for text in bars:
        market, equals, file = text.rpartition("=")
        found.append((market if equals else "", Path(file)))
    return found


def _markets(config: "Config", files: Sequence[tuple[str, Path]]) -> dict[str, list[Path]]:
    markets: dict[str, list[Path]] = {}
    for market, file in files:
        markets.setdefault(market or config.strategies[0].market, []).append(file)
    return markets


def _read(paths: Sequence[Path], market: str, bar_s: int | None, *, skip_bad: bool) -> "list[BarFile]":
    from gamma.cli.output import working
    from gamma.rehearsal.promotion import load

    with working(f"reading {market} ..."):
        return load(paths, market, bar_s, skip_bad=skip_bad)


def _held(files: "list[BarFile]", market: str, span: str) -> "Held":
    from gamma.cli.evaluate import span_of
    from gamma.rehearsal.promotion import held, whole

    return held(files, span_of(span, market)) if span else whole(files)


def _progress(total: int, *, quiet: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = quiet or not sys.stderr.isatty() or total == 0
    return Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True)


def _shape(done: "Done") -> dict[str, Any]:
    from gamma.cli.evaluated import figure
    from gamma.rehearsal.backtest import place_of
    from gamma.rehearsal.evaluation import missing
    from gamma.rehearsal.figures import figures

    task, played = done.task, done.played
    ledger, config = place_of(task.ledger) if task.ledger is not None else (None, None)
    return {
        "name": task.name,
        "markets": sorted(task.bars),
        "strategies": [one.name for one in task.config.strategies],
        "span": f"{played.history.sessions[0]}..{played.history.sessions[-1]}",
        "sessions": len(played.history.sessions),
        "bars": played.bars,
        "seconds": round(done.seconds, 3),
        "trades_sha256": done.trades_sha256,
        "ledger": str(ledger or ""),
        "config": str(config or ""),
        "figures": [figure(one) for one in figures([played])],
        "missing": {
            market: {one.name: one.value for one in missing(held.series)} for market, held in sorted(task.bars.items())
        },
    }


def _show_one(done: "Done", shape: dict[str, Any]) -> None:
    from gamma.cli.evaluated import show

    names = ", ".join(shape["strategies"])
    show(f"{names}: {shape['sessions']} sessions of {done.played.market}, {shape['span']}", shape["figures"])
    out = console()
    for market, found in shape["missing"].items():
        if found["hole_longest_min"] >= HOLE_TOLD_MIN:
            out.print(
                f"[yellow]{market}: {found['bars_missing']:,} bars are missing, {found['hole_longest_min']:,.0f} "
                f"minutes on end at the worst: what is held over a hole leaves at its far end, stop or not; look at "
                f"them with: gamma bars check[/]"
            )
    out.print(f"{shape['bars']:,} bars in {done.seconds:,.1f} s, {shape['bars'] / done.seconds:,.0f} a second")
    out.print(f"hash of the trades: [bold]{shape['trades_sha256']}[/]")
    if shape["ledger"]:
        out.print(f"ledger: {shape['ledger']}; look at it with: gamma trades --config {shape['config']}")
    else:
        out.print("[dim]no ledger was kept; --out FOLDER keeps it[/]")


def _show_all(shapes: Sequence[dict[str, Any]]) -> None:
    from gamma.cli.tables import table

    rows = []
    for shape in shapes:
        found = {one["name"]: one["value"] for one in shape["figures"]}
        told = [f"{found[name]:,.2f}".removesuffix(".00") if name in found else "" for name in SHOWN]
        rows.append((shape["name"], f"{shape['sessions']:,}", *told, shape["trades_sha256"][:12]))
    titles = (
        "backtest",
        "?>sessions",
        ">trades",
        ">net usd",
        ">Sharpe",
        ">profit factor",
        "?>drawdown usd",
        "trades hash",
    )
    out = console()
    out.print(table(titles, rows, out.width))
