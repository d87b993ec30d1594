"""`gamma train`: policies learn to trade, at the size at which the configured strategy would."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, group, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from types import FrameType

    from gamma.config import Config
    from gamma.ports import Trainer, TrainingOrder, TrainingTold

app = group("Train policies, and look at what was trained.")

RUNS: Final = Path("runs")


@app.callback()
def _train() -> None:
    """Train policies, and look at what was trained."""


@app.command()
def futures(  # noqa: PLR0913 - each option is a parameter
    *,
    market: Annotated[
        list[str] | None,
        typer.Option("--market", "-m", help="A market to learn; may be given again.", metavar="SYMBOL"),
    ] = None,
    bars: Annotated[
        list[str] | None,
        typer.Option("--bars", "-b", help="CSV or Parquet, oldest first; simulated without.", metavar="[MARKET=]FILE"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run's folder; runs/... by default.", metavar="FOLDER")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the run of this folder.", metavar="FOLDER")
    ] = None,
    begin_from: Annotated[
        Path | None, typer.Option("--from", help="Begin with this checkpoint's weights.", metavar="CHECKPOINT")
    ] = None,
    strategy: Annotated[
        str, typer.Option("--strategy", "-s", help="Whose sizers; each market's own strategy by default.")
    ] = "",
    phase: Annotated[int, typer.Option(help="1: entries. 2: positions are managed too.", min=1, max=2)] = 2,
    steps: Annotated[int, typer.Option(help="Decisions in all environments of a seed.", min=1)] = 5_000_000,
    seed: Annotated[int, typer.Option(help="The first seed.", min=0, max=2**32 - 1)] = 1,
    seeds: Annotated[int, typer.Option(help="Policies trained side by side, a seed each.", min=1, max=64)] = 1,
    window: Annotated[int, typer.Option(help="Bars that are seen.", min=1, max=500)] = 20,
    days: Annotated[int, typer.Option(help="Simulated sessions, where no --bars are given.", min=2)] = 2_500,
    held_out: Annotated[
        float, typer.Option(help="Share of the sessions, the last ones, that is not learned from.", min=0, max=0.9)
    ] = 0.2,
    entry_bonus: Annotated[
        float, typer.Option(help="Usd that phase 2's boot camp adds for an entry; it fades out.", min=0)
    ] = 10.0,
    manage_bonus: Annotated[float, typer.Option(help="And for an action that manages a position.", min=0)] = 5.0,
    checkpoint_every: Annotated[int, typer.Option(help="Updates from one checkpoint to the next.", min=1)] = 50,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Train a policy for index futures; its trades are sized by the strategy's own chain of sizers.

    The run's folder has a checkpoint every 50 updates, the figures of each update, and the state to go on from:
    Ctrl-C stops it, and --resume FOLDER goes on as if nothing had been. Without --bars it learns on simulated ones.

    Example: gamma train futures --market MNQ --phase 2
    """
    from gamma.cli.training_order import Asked, configured, new_run_id, order_of

    if resume is not None:
        order, config = _resumed(resume)
    else:
        run_id = new_run_id()
        asked = Asked(
            markets=tuple(market or ()),
            bars=tuple(_absolute(text) for text in bars or ()),
            strategy=strategy,
            phase=phase,
            steps=steps,
            seeds=tuple(range(seed, seed + seeds)),
            window=window,
            begin_from=str(begin_from.absolute()) if begin_from else "",
            days=days,
            held_out_frac=held_out,
            entry_bonus_usd=entry_bonus,
            manage_bonus_usd=manage_bonus,
            checkpoint_updates=checkpoint_every,
            config=str(path.absolute()) if path != DEFAULT_CONFIG or path.exists() else "",
        )
        config = configured(path)
        order = order_of(asked, config, out or RUNS / run_id, run_id)
    _run(order, config, _trainer(), as_json=as_json)


@app.command()
def picture(
    folder: Annotated[Path, typer.Argument(help="A run's folder, or that of one of its seeds.", metavar="FOLDER")],
    *,
    as_json: AsJson = False,
) -> None:
    """Draw the learning curves of a run: reward and return, actions, losses, drawdown.

    Example: gamma train picture runs/mnq
    """
    drawn = _trainer().picture(folder)
    if as_json:
        print_json({"picture": str(drawn)})
        return
    console().print(f"[green]✓[/] {drawn}")


@app.command()
def runs(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List what was ever trained, as the ledger has it, and count the trials.

    Every seed of every run is a trial, whatever became of it. The deflated Sharpe ratio asks how many there were.

    Example: gamma train runs
    """
    from gamma.cli.run_table import print_runs, told_of
    from gamma.cli.training_order import configured

    told = told_of(configured(path))
    if as_json:
        print_json(told)
        return
    print_runs(told)


def _absolute(text: str) -> str:
    market, equals, file = text.rpartition("=")
    return f"{market}{equals}{Path(file).absolute()}"


def _resumed(folder: Path) -> "tuple[TrainingOrder, Config]":
    import json

    from gamma.cli.training_order import Asked, configured, order_of

    try:
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        asked, run_id = Asked.model_validate(told["asked"]), str(told["run_id"])
    except (OSError, ValueError, KeyError) as error:  # what does not validate is a ValueError too
        raise InputInvalid(f"--resume {folder}: no run is in it ({error}); name the folder that --out made") from None
    config = configured(Path(asked.config) if asked.config else DEFAULT_CONFIG)
    return order_of(asked, config, folder, run_id, resume=True), config


def _trainer() -> "Trainer":
    from gamma import plugins

    trainer: Trainer = plugins.named(plugins.TRAINERS, "futures").load()()
    return trainer


def _run(order: "TrainingOrder", config: "Config", trainer: "Trainer", *, as_json: bool) -> None:
    """Train to the end, register it, hold it against its rivals, draw it, and say so."""
    from gamma.cli import run_registry
    from gamma.cli.run_table import print_rivals

    last, stopped = _registered(order, config, trainer, as_json=as_json)
    rivals: dict[int, Any] = {}
    drawn: list[Path] = []
    if last and not stopped:
        if any(of.held_out for of in order.markets):
            markets = ", ".join(of.market.symbol for of in order.markets)
            run_registry.note_look(config, order, f"futures phase {order.phase} {markets}")
            rivals = {seed: trainer.compare(order, one.checkpoint) for seed, one in last.items() if one.checkpoint}
        drawn = [trainer.picture(one.checkpoint.parents[1]) for one in last.values() if one.checkpoint]
    if as_json:
        _print_json(order, last, rivals, finished=not stopped)
        return
    say = console()
    if stopped:
        say.print(f"stopped, and kept; go on with: [bold]gamma train futures --resume {order.out}[/]")
        return
    if not last:
        say.print(f"{order.out} has had all its updates; there is nothing to go on with")
        return
    for seed, found in rivals.items():
        print_rivals(found, f"seed {seed}" if len(rivals) > 1 else "")
    for one, shown in zip(last.values(), drawn, strict=True):
        say.print(f"[green]✓[/] {one.checkpoint} is written, and {shown.name}: paper only until it is promoted")
    say.print(f"\nLook at it: [bold]gamma models show {next(iter(last.values())).checkpoint}[/]")


def _registered(
    order: "TrainingOrder", config: "Config", trainer: "Trainer", *, as_json: bool
) -> "tuple[dict[int, TrainingTold], bool]":
    """Train, with a record of it from its beginning on, and of how it ended."""
    from gamma.cli import run_registry

    begun: list[int] = []

    def begin(steps: int) -> None:
        if not begun and not order.resume:
            run_registry.note_begin(config, order)
        begun.append(steps)

    how = "failed"
    try:
        last, stopped = _follow(order, trainer, begin, as_json=as_json)
        how = "stopped" if stopped else "finished"
    finally:
        if begun:
            run_registry.note_end(config, order, begun[-1], how)
    return last, stopped


def _print_json(
    order: "TrainingOrder", last: "Mapping[int, TrainingTold]", rivals: Mapping[int, Any], *, finished: bool
) -> None:
    told: dict[str, Any] = {
        "run_id": order.run_id,
        "folder": str(order.out),
        "markets": [of.market.symbol for of in order.markets],
        "phase": order.phase,
        "finished": finished,
    }
    seeds = [
        {
            "seed": seed,
            "steps": one.steps,
            "checkpoint": str(one.checkpoint or ""),
            **one.figures,
            "held_out": {rival.name: rival.figures for rival in rivals.get(seed, ())},
        }
        for seed, one in last.items()
    ]
    print_json({**told, "seeds": seeds})


def _follow(
    order: "TrainingOrder", trainer: "Trainer", note: Callable[[int], None], *, as_json: bool
) -> "tuple[dict[int, TrainingTold], bool]":
    """Show how it goes to the end, or until a person stops it; gives what was told last of each seed."""
    from gamma.cli.training_view import View

    last: dict[int, TrainingTold] = {}
    told = iter(trainer.train(order))
    if not order.resume:
        note(0)
    with _asked_to_stop() as asked, View(order, quiet=as_json) as view:
        for one in told:
            last[one.seed] = one
            note(one.steps)
            view.show(one)
            if asked and one.seed == order.seeds[-1] and one.steps < one.steps_max:
                told.close()  # type: ignore[attr-defined]
                return last, True
    return last, False


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """What was asked by Ctrl-C or SIGTERM; a second time ends the process at once, as it would without."""
    asked: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: "FrameType | None") -> None:
        asked.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
