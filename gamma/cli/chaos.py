"""`gamma chaos`: crash it, cut its power, lose its answers, a great many times; and see that nothing is wrong."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gamma.cli.output import INVARIANT

if TYPE_CHECKING:
    from gamma.chaos import Trial

# Where a trial of each kind is made: module, and function from a seed to a `Trial`.
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "cuts": ("gamma.chaos.cuts", "cut"),
    "config": ("gamma.chaos.config", "trial"),
    "bars": ("gamma.chaos.bars", "trial"),
    "forgeries": ("gamma.chaos.forgeries", "trial"),
}
SHOWN_MAX: Final = 10


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("chaos")(chaos)


def chaos(
    *,
    kind: Annotated[str, typer.Option(help=f"What to try: {', '.join(KINDS)}.", metavar="KIND")] = "schedules",
    n: Annotated[int, typer.Option("-n", min=1, help="How many trials.", metavar="N")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="The first trial's seed; the next has the next number.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes to work in.", metavar="J")] = os.cpu_count() or 1,
) -> None:
    """Try the daemon against crashes and faults, one trial a seed; ends with one line of JSON, and 70 on a violation.

    Example: gamma chaos --schedules 2000 --jobs 2
    """
    one = _trial(kind)
    raise typer.Exit(_run(one, kind, n, seed, jobs))


def _trial(kind: str) -> "Callable[[int], Trial]":
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    module, name = KINDS[kind]
    found: Callable[[int], Trial] = getattr(import_module(module), name)
    return found


def _run(one: "Callable[[int], Trial]", kind: str, n: int, seed: int, jobs: int) -> int:
    from gamma.chaos import trials

    began, crashes, points, broken = time.monotonic(), 0, 0, 0
    with _progress() as progress:
        task = progress.add_task(kind, total=n, told="")
        for done, trial in enumerate(trials(one, range(seed, seed + n), jobs), 1):
            crashes, points = crashes + trial.crashes, points + trial.crash_points
            if trial.violations:
                broken += 1
                if broken <= SHOWN_MAX:
                    _show(trial)
            a_second = done / max(1e-9, time.monotonic() - began)
            told = f"{a_second:.1f}/s, {crashes:,} crashes, {points:,} crash points, {broken} violations"
            progress.update(task, completed=done, told=told)
    totals = {"schedules": n, "crashes": crashes, "crash_points": points, "violations": broken}
    typer.echo(json.dumps(totals | {"seconds": round(time.monotonic() - began, 1)}))
    return INVARIANT if broken else 0


def _show(trial: "Trial") -> None:
    out = Console(stderr=True, highlight=False)
    out.print(f"[bold red]seed {trial.seed}[/]: {len(trial.violations)} violation(s)", soft_wrap=True)
    for text in trial.violations[:SHOWN_MAX]:
        out.print(f"  {text}", soft_wrap=True, markup=False)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
