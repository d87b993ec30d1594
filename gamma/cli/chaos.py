"""`gamma chaos`: crash it, cut its power, lose its answers, a great many times; and see that nothing is wrong."""

import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gamma.cli.output import INVARIANT

if TYPE_CHECKING:
    from gamma.chaos import Trial

# Where a trial of each kind is made: module, and function from a seed to a `Trial`.
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "schedules": ("gamma.chaos.simulation.trials", "trial"),
    "sweep": ("gamma.chaos.simulation.sweep", "trial"),
    "soak": ("gamma.chaos.simulation.soak", "trial"),
    "cuts": ("gamma.chaos.power.cuts", "cut"),
    "races": ("gamma.chaos.races.trials", "trial"),
    "kill": ("gamma.chaos.kill.chain", "trial"),
    "config": ("gamma.chaos.fuzz.config", "trial"),
    "bars": ("gamma.chaos.fuzz.bars", "trial"),
    "forgeries": ("gamma.chaos.fuzz.forgeries", "trial"),
}
LONG: Final = ("kill", "soak")  # a trial takes minutes
SHOWN_MAX: Final = 10


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("chaos")(chaos)


def chaos(  # noqa: PLR0913 - each option is a parameter
    *,
    schedules: Annotated[
        int, typer.Option("--schedules", min=0, help="How many schedules of crashes and faults to run.", metavar="N")
    ] = 0,
    replay: Annotated[
        int | None, typer.Option("--replay", min=0, help="Show one schedule step by step.", metavar="SEED")
    ] = None,
    kill: Annotated[
        bool, typer.Option("--kill", help="Kill the installed daemon -n times while it trades over HTTP: --kind kill.")
    ] = False,
    kind: Annotated[str, typer.Option(help=f"What to try: {', '.join(KINDS)}.", metavar="KIND")] = "schedules",
    broker: Annotated[
        str, typer.Option(help="Schedules with this broker's adapter, at its sandbox; by default a fake broker's.")
    ] = "",
    n: Annotated[int, typer.Option("-n", min=1, help="How many trials.", metavar="N")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="The first trial's seed; the next has the next number.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes to work in.", metavar="J")] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="Only the last line, which is JSON in any case.")] = False,
) -> None:
    """Try the daemon against crashes and faults, one trial a seed; ends with one line of JSON, and 70 on a violation.

    Example: gamma chaos --schedules 2000 --jobs 2
    """
    from gamma.chaos import AT_A_TIME, trials

    if broker:
        _check(broker, "kill" if kill else kind)
    if replay is not None:
        raise typer.Exit(_replay(replay, broker))
    kind, count = ("kill" if kill else kind), schedules or n
    one, at_a_time = _trial(kind), 1 if kind in LONG else AT_A_TIME
    if broker:
        one = partial(cast("Callable[..., Trial]", one), broker=broker)
    if kind == "kill":  # a trial is a chain of kills
        one, count = _chains(one, count)
    raise typer.Exit(
        _run(trials(one, range(seed, seed + count), jobs, at_a_time=at_a_time), kind, count, quiet=as_json)
    )


def _check(broker: str, kind: str) -> None:
    """See that the broker can be tried so.

    Raises: ConfigInvalid when it offers no drill; BadParameter when schedules are not what is asked for.
    """
    from gamma.chaos.drill import drill_of

    if kind != "schedules":
        raise typer.BadParameter(f"is for schedules, not for --kind {kind}", param_hint="--broker")
    drill_of(broker)


def _replay(seed: int, broker: str) -> int:
    """Show a schedule; where it breaks something, the shortest form of it that still does."""
    from gamma.chaos.simulation.trials import replay

    whole, short = replay(seed, broker)
    shown = short or whole
    for line in shown.trace:
        typer.echo(line)
    plan = shown.plan
    faults = ", ".join(sorted(plan.faults)) or "none"
    typer.echo(f"\nseed {seed}, broker {plan.quirks}, {plan.minutes} minutes; faults: {faults}; deaths: {plan.deaths}")
    for text in shown.violations:
        typer.echo(f"violated: {text}")
    if short is not None:
        typer.echo(
            f"(the shortest of it; the whole schedule has {len(whole.trace):,} steps, this {len(short.trace):,})"
        )
    return INVARIANT if shown.violations else 0


def _trial(kind: str) -> "Callable[[int], Trial]":
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    module, name = KINDS[kind]
    found: Callable[[int], Trial] = getattr(import_module(module), name)
    return found


def _chains(one: "Callable[..., Trial]", kills: int) -> "tuple[Callable[[int], Trial], int]":
    """As many chains as so many kills need, each as long as the others."""
    from gamma.chaos.kill.chain import KILLS

    count = math.ceil(kills / KILLS)
    return partial(one, kills=math.ceil(kills / count)), count


def _run(made: "Iterable[Trial]", kind: str, count: int, *, quiet: bool) -> int:
    began, crashes, points, broken = time.monotonic(), 0, 0, 0
    ways: Counter[str] = Counter()
    with _progress(quiet=quiet) as progress:
        task = progress.add_task(kind, total=count, told="")
        for done, trial in enumerate(made, 1):
            crashes, points = crashes + trial.crashes, points + trial.crash_points
            ways.update(trial.counts)
            if trial.violations:
                broken += 1
                if broken <= SHOWN_MAX:
                    _show(trial)
            a_second = done / max(1e-9, time.monotonic() - began)
            told = f"{a_second:.1f}/s, {crashes:,} crashes, {points:,} crash points, {broken} violations"
            progress.update(task, completed=done, told=told)
    if not quiet:
        _show_ways(ways)
    totals = {"schedules": count, "crashes": crashes, "crash_points": points, "violations": broken}
    typer.echo(json.dumps(totals | {"seconds": round(time.monotonic() - began, 1)}))
    return INVARIANT if broken else 0


def _show(trial: "Trial") -> None:
    out = Console(stderr=True, highlight=False)
    out.print(f"[bold red]seed {trial.seed}[/]: {len(trial.violations)} violation(s)", soft_wrap=True)
    for text in trial.violations[:SHOWN_MAX]:
        out.print(f"  {text}", soft_wrap=True, markup=False)


def _show_ways(ways: Mapping[str, int]) -> None:
    out = Console(stderr=True, highlight=False)
    for way, times in sorted(ways.items()):
        out.print(f"{times:>8,}  {way}", markup=False)


def _progress(*, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
    )
