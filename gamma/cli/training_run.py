"""A training run from a command: trained with a record of it, held against its rivals, drawn, and told of."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from gamma.cli.output import console, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from types import FrameType

    from gamma.config import Config
    from gamma.ports import Trainer, TrainingRival, TrainingRun, TrainingTold

RUNS: Final = Path("runs")
FUTURES: Final = "futures"
EVENTS: Final = "events"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a run of one kind is told of.

    `rows` are the live table's: title, figure, and how it is written. `colours` are those of its actions. `held_out`
    names what is not learned from, as the registry of looks has it. `standing` is what a checkpoint is for. `shape` is
    what `--json` has beside.
    """

    kind: str
    title: str
    rows: Sequence[tuple[str, str, str]]
    colours: Mapping[str, str]
    held_out: Sequence[str]
    print_rivals: "Callable[[Sequence[TrainingRival], str], None]"
    standing: str = "paper only until it is promoted"
    shape: Mapping[str, Any] = field(default_factory=dict)


def trainer(kind: str) -> "Trainer[Any]":
    """Who trains policies of a kind."""
    from gamma import plugins

    found: Trainer[Any] = plugins.named(plugins.TRAINERS, kind).load()()
    return found


def kind_of(folder: Path) -> str:
    """What a run's folder, or that of one of its seeds, was trained to be; futures where it does not say."""
    import json

    for home in (folder, folder.parent):
        try:
            return str(json.loads((home / "run.json").read_text(encoding="utf-8")).get("kind", FUTURES))
        except (OSError, ValueError, AttributeError):
            continue
    return FUTURES


def asked_of(folder: Path, kind: str) -> tuple[Mapping[str, Any], str]:
    """What the command of a run was given, and the run's id.

    Raises: InputInvalid when no run of this kind is in the folder.
    """
    import json

    try:
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        asked, run_id = told["asked"], str(told["run_id"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputInvalid(f"--resume {folder}: no run is in it ({error}); name the folder that --out made") from None
    if kind_of(folder) != kind:
        raise InputInvalid(f"--resume {folder}: is a run of `gamma train {kind_of(folder)}`; go on with it by that")
    return asked, run_id


def run(order: "TrainingRun", config: "Config", wording: Wording, *, as_json: bool) -> None:
    """Train to the end, register it, hold it against its rivals, draw it, and say so."""
    from gamma.cli import run_registry

    by = trainer(wording.kind)
    last, stopped = _registered(order, config, by, wording, as_json=as_json)
    rivals: dict[int, Any] = {}
    drawn: list[Path] = []
    if last and not stopped:
        if wording.held_out:
            run_registry.note_look(config, order, wording.title, wording.held_out)
            rivals = {seed: by.compare(order, one.checkpoint) for seed, one in last.items() if one.checkpoint}
        drawn = [by.picture(one.checkpoint.parents[1]) for one in last.values() if one.checkpoint]
    if as_json:
        _print_json(order, wording, last, rivals, finished=not stopped)
        return
    say = console()
    if stopped:
        say.print(f"stopped, and kept; go on with: [bold]gamma train {wording.kind} --resume {order.out}[/]")
        return
    if not last:
        say.print(f"{order.out} has had all its updates; there is nothing to go on with")
        return
    for seed, found in rivals.items():
        wording.print_rivals(found, f"seed {seed}" if len(rivals) > 1 else "")
    for one, shown in zip(last.values(), drawn, strict=True):
        say.print(f"[green]✓[/] {one.checkpoint} is written, and {shown.name}: {wording.standing}")
    say.print(f"\nLook at it: [bold]gamma models show {next(iter(last.values())).checkpoint}[/]")


def _registered(
    order: "TrainingRun", config: "Config", by: "Trainer[Any]", wording: Wording, *, as_json: bool
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
        last, stopped = _follow(order, by, begin, wording, as_json=as_json)
        how = "stopped" if stopped else "finished"
    finally:
        if begun:
            run_registry.note_end(config, order, begun[-1], how)
    return last, stopped


def _print_json(
    order: "TrainingRun",
    wording: Wording,
    last: "Mapping[int, TrainingTold]",
    rivals: Mapping[int, Any],
    *,
    finished: bool,
) -> None:
    told: dict[str, Any] = {
        "run_id": order.run_id,
        "folder": str(order.out),
        "markets": list(order.symbols),
        **wording.shape,
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
    order: "TrainingRun", by: "Trainer[Any]", note: Callable[[int], None], wording: Wording, *, as_json: bool
) -> "tuple[dict[int, TrainingTold], bool]":
    """Show how it goes to the end, or until a person stops it; gives what was told last of each seed."""
    from gamma.cli.training_view import View

    last: dict[int, TrainingTold] = {}
    told = iter(by.train(order))
    if not order.resume:
        note(0)
    with _asked_to_stop() as asked, View(order, wording, quiet=as_json) as view:
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
