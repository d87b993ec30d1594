"""`gamma bench`: how fast gamma is on this machine."""

from typing import Annotated

import typer

from gamma.cli.output import AsJson, console, group, print_json, working

app = group("Measure how fast gamma is on this machine.")


@app.callback()
def _bench() -> None:
    """Measure how fast gamma is on this machine."""


@app.command()
def train(
    *,
    rounds: Annotated[int, typer.Option(help="Runs of each program; they take turns.", min=1)] = 15,
    only: Annotated[
        str, typer.Option(help="Only what begins so: env, small, wide or large; all by default.", metavar="NAME")
    ] = "",
    beside: Annotated[
        bool, typer.Option("--beside", help="Time Stable-Baselines3 too: it is installed, 3 GB, and thrown away.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Time the environment and training: medians of runs in one process, in steps a second.

    Example: gamma bench train --rounds 15
    """
    from dataclasses import asdict

    from rich.table import Table

    from gamma import plugins

    with working("compiling and timing, a minute or two ..."):
        figures = plugins.named(plugins.BENCHMARKS, "train").load()().figures(rounds, only, beside=beside)
    if as_json:
        print_json([asdict(figure) for figure in figures])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("what")
    table.add_column("steps/s", justify="right", no_wrap=True)
    table.add_column("beside it")
    for figure in figures:
        table.add_row(figure.what, f"{figure.steps_per_s:,}" if figure.steps_per_s else "-", figure.beside)
    console().print(table)
