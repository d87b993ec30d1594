"""`gamma size-picker train`: a model learns what every size of a trade comes to."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from gamma.ports import PickerEpoch, PickerTrainer, PickerTraining


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    *,
    model: Annotated[
        str, typer.Option("--model", "-m", help="v1: classes. v2: two heads. v3: one distribution.", metavar="MODEL")
    ] = "v3",
    sets: Annotated[
        Path | None, typer.Option("--sets", help="Simulated trades, as generate makes them.", metavar="FOLDER")
    ] = None,
    real: Annotated[
        list[Path] | None, typer.Option("--real", help="Trades cut from real bars; again for more.", metavar="FOLDER")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.", metavar="FOLDER")],
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same weights on the same machine.", min=0, max=2**32 - 1)
    ] = 1,
    epochs: Annotated[int, typer.Option(help="How often each trade is learned from, at most.", min=1, max=1_000)] = 20,
    real_frac: Annotated[
        float, typer.Option(help="The share of real trades in what is learned.", min=0.01, max=0.99)
    ] = 0.1,
    as_json: AsJson = False,
) -> None:
    """Train a size picker, and seal it in a folder with its card: not calibrated yet, and for paper only.

    The last 15 % of each set, by time, are validated on, and the weights that did best there are kept. Ctrl-C ends it
    with the best so far.

    Example: gamma size-picker train --model v3 --sets trades --out v3
    """
    from gamma.cli.provenance import code_commit
    from gamma.ports import PickerTraining

    order = PickerTraining(
        model=model,
        sets=sets,
        real=tuple(real or ()),
        out=out,
        seed=seed,
        epochs=epochs,
        real_frac=real_frac,
        code_commit=code_commit(),
    )
    told = _follow(trainer(), order, quiet=as_json)
    if as_json:
        print_json(told)
        return
    say = console()
    if told["ending"] == "not a number":
        say.print("[yellow]the weights became no numbers; the best before that are kept[/]")
    say.print(
        f"{told['model']}: {told['steps']:,} steps in {told['seconds']:,.0f} s, validation loss"
        f" {told['validation_loss']:.4f} ({told['ending']})"
    )
    say.print(f"[green]✓[/] {told['folder']}: {told['bytes'] / 1e3:,.0f} kB, {told['sha256']}")


def trainer() -> "PickerTrainer":
    """What trains size pickers."""
    from gamma import plugins

    found: PickerTrainer = plugins.named(plugins.SIZE_PICKERS, "trainer").load()()
    return found


def _follow(trainer: "PickerTrainer", order: "PickerTraining", *, quiet: bool) -> Mapping[str, Any]:
    """Train, with a bar and the losses on standard error; Ctrl-C asks it to end with what it has."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with asked_to_stop() as asked, Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task(f"{order.model}: reading trades", total=order.epochs)

        def tell(one: "PickerEpoch") -> bool:
            losses = f"loss {one.loss:.4f}, validation {one.validation_loss:.4f}, best in epoch {one.best}"
            progress.update(task, description=f"{order.model}: {losses}", completed=one.epoch, total=one.epochs)
            return not asked

        return trainer.train(order, tell)


@contextmanager
def asked_to_stop() -> Iterator[list[int]]:
    """What was asked by Ctrl-C; a second time ends the process at once, as it would without."""
    asked: list[int] = []
    before: Callable[..., Any] | int | None = signal.getsignal(signal.SIGINT)

    def note(number: int, _: object) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
