"""`gamma train`: policies learn to trade, at the size at which the configured strategy would."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, group, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from rich.progress import Progress

    from gamma.config import Config
    from gamma.ports import TrainingOrder, TrainingTold

app = group("Train policies on recorded bars.")

HIDDEN: Final = (128, 128)
SHOWN: Final = ("reward", "win_frac", "hold_frac")


@app.callback()
def _train() -> None:
    """Train policies on recorded bars."""


@app.command()
def futures(  # noqa: PLR0913 - each option is a parameter
    bars: Annotated[
        list[Path], typer.Option("--bars", "-b", help="CSV or Parquet of one market, oldest first.", metavar="FILE")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint to make.", metavar="FOLDER")],
    *,
    strategy: Annotated[
        str, typer.Option("--strategy", "-s", help="Whose market and sizers; the first one's by default.")
    ] = "",
    phase: Annotated[int, typer.Option(help="1: entries. 2: positions are managed too.", min=1, max=2)] = 2,
    steps: Annotated[int, typer.Option(help="Decisions in all environments together.", min=1)] = 5_000_000,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 1,
    window: Annotated[int, typer.Option(help="Bars that are seen.", min=1, max=500)] = 20,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Train a policy for index futures, and write it with its card.

    Its trades are sized by the strategy's own chain of sizers, on the account of the configuration. What is told goes
    into FOLDER.jsonl too, a line an update.

    Example: gamma train futures --bars NQ_5m.parquet --strategy mnq --phase 2 --steps 20000000 --out models/mnq
    """
    import os

    from gamma import plugins
    from gamma.config import load

    order = _order(load(path, os.environ), strategy, bars, out, (phase, steps, seed, window))
    trainer = plugins.named(plugins.TRAINERS, "futures").load()()
    last = _follow(trainer.train(order), order, quiet=as_json)
    if as_json:
        print_json({"folder": str(out), "market": order.market, "phase": phase, "seed": seed, **last})
        return
    told = console()
    told.print(f"[green]✓[/] {out} is written; paper only: nothing held out has been evaluated yet")
    told.print(f"\nLook at it: [bold]gamma models show {out}[/]")


def _order(
    config: "Config", named: str, bars: list[Path], out: Path, how: tuple[int, int, int, int]
) -> "TrainingOrder":
    from gamma import plugins
    from gamma.assembly import profile_of
    from gamma.calendar import FlatBy
    from gamma.config import config_hash
    from gamma.feeds.bar_file import load_bars
    from gamma.ports import TrainingOrder

    if out.exists():
        raise InputInvalid(f"--out {out} is there already; give another name, or move it away")
    strategy = config.strategy(named) if named else config.strategies[0]
    profile = profile_of(config)
    phase, steps, seed, window = how
    return TrainingOrder(
        market=strategy.market,
        phase=phase,
        bars=[(path, load_bars(path, strategy.market).series) for path in bars],
        sizers=[sizer for _, sizer in plugins.sizers(config, strategy)],
        balance_usd=config.account.starting_capital_usd,
        floor_rule=profile.floor_rule if profile else None,
        flat_by_new_york=profile.flat_by_new_york.value if profile else FlatBy().time,
        steps=steps,
        seed=seed,
        window_bars=window,
        hidden=HIDDEN,
        config_sha256=config_hash(config),
        out=out,
    )


def _follow(told: "Iterable[TrainingTold]", order: "TrainingOrder", *, quiet: bool) -> dict[str, object]:
    """Show how it goes, and write each update down; gives the last."""
    import json
    import time

    log = order.out.with_name(f"{order.out.name}.jsonl")
    log.parent.mkdir(parents=True, exist_ok=True)
    began, last = time.monotonic(), dict[str, object]()
    with log.open("w", encoding="utf-8") as lines, _progress(quiet=quiet) as progress:
        task = progress.add_task("training", total=order.steps, told="compiling")
        for one in told:
            a_second = one.steps / max(1e-9, time.monotonic() - began)
            last = {"steps": one.steps, "steps_per_s": round(a_second), **one.figures}
            lines.write(json.dumps(last) + "\n")
            lines.flush()
            progress.update(task, total=one.steps_max, completed=one.steps, told=_line(one, a_second))
    return last


def _line(one: "TrainingTold", a_second: float) -> str:
    figures = ", ".join(f"{name} {one.figures[name]:.2g}" for name in SHOWN)
    return f"{a_second:,.0f} steps/s, {figures}"


def _progress(*, quiet: bool) -> "Progress":
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
        console=console(),
        disable=quiet,
    )
