"""`gamma evaluate strategy`: strategies of the configuration, or a policy, on days that they have not seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gamma.cli import evaluated, evaluation_view, looks
from gamma.cli.evaluate import Again, BarLength, configured, family_of, learned_spans, span_of
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, print_json, working
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.rehearsal.evaluation import Evaluation, Subject
    from gamma.rehearsal.promotion import BarFile, Held

NamedBars = Annotated[
    list[str],
    typer.Option(
        "--bars", "-b", help="CSV or Parquet; without a market the first strategy's.", metavar="[MARKET=]FILE"
    ),
]
Days = Annotated[str, typer.Option("--span", help="Trading days, both ends with them.", metavar="FROM..TO")]
Purpose = Annotated[
    Literal["report", "select"],
    typer.Option("--for", help="Days that are looked at once, or days to choose on: each a trial."),
]


def strategy(  # noqa: PLR0913 - each option is a parameter
    names: Annotated[list[str], typer.Argument(help="Strategies of the configuration.", metavar="NAME...")],
    bars: NamedBars,
    span: Days,
    *,
    train: Annotated[str, typer.Option(help="Earlier days, to hold these against.", metavar="FROM..TO")] = "",
    purpose: Purpose = "report",
    again: Again = False,
    bar_s: BarLength = None,
    picture: Annotated[Path | None, typer.Option(help="Draw it, one picture a strategy.", metavar="FILE.png")] = None,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Judge strategies, rules or policies, on days that they have not seen, each in an account of its own.

    Figures with intervals, what luck would show after so many trials, four baselines, regimes by what was known, the
    worst seven sessions, both sides, and what is left of the figures of earlier days. A trial is recorded each time;
    report days are looked at once a family, and a second look is refused without --again.

    Example: gamma evaluate strategy mnq --bars NQ_5m.parquet --span 2025-01-02..2025-03-31 --for select
    """
    from gamma.rehearsal import promotion

    config = configured(path)
    subjects = [subject(config, name) for name in names]
    files = _files(subjects, bars, bar_s)
    found = []
    for one in subjects:
        days = promotion.held(files[one.market], span_of(span, one.market))
        _record(config, one, days, purpose, again=again)
        with working(f"rehearsing {one.name}"):
            found.append(_judged(config, one, files[one.market], (days, train)))
    drawn = [str(file) for file in _draw(found, picture)] if picture else []
    if as_json:
        print_json({"evaluations": [evaluation_view.shape(one) for one in found], "pictures": drawn})
        return
    for each in found:
        evaluation_view.show(each)
    if len(found) > 1:
        evaluation_view.show_together(found)
    for file in drawn:
        evaluated.told_of(file)


def subject(config: "Config", name: str) -> "Subject":
    """A strategy, counted for its rule, or for the family of its policy.

    Raises: ConfigInvalid when there is none of this name, or its checkpoint is refused.
    """
    from dataclasses import replace

    from gamma import checkpoints
    from gamma.rehearsal.evaluation import subject_of

    found = subject_of(config, name)
    named = found.chosen.signal.get("checkpoint")
    if named is None:
        return found
    shelf, folder = checkpoints.named(str(named), checkpoints.folders(config.paths.models))
    told = shelf.told(folder)
    return replace(
        found,
        family=family_of(told),
        sha256=told.sha256,
        trials=_trials(told.card),
        learned=tuple(learned_spans(told)),
    )


def _trials(card: Mapping[str, Any]) -> int:
    """Among how many checkpoints it was chosen, as its card tells."""
    figures = [one for evaluation in card["evaluations"] for one in evaluation["figures"]]
    return max((int(one["value"]) for one in figures if one["name"] == "selection_trials"), default=0)


def _files(subjects: "Sequence[Subject]", bars: Sequence[str], bar_s: int | None) -> "dict[str, list[BarFile]]":
    """The bars of each market, read once.

    Raises: InputInvalid when a market of a strategy has none.
    """
    from gamma.rehearsal import promotion

    paths: dict[str, list[Path]] = {}
    for text in bars:
        market, named, file = text.rpartition("=")
        paths.setdefault(market if named else subjects[0].market, []).append(Path(file))
    for one in subjects:
        if one.market not in paths:
            raise InputInvalid(f"{one.name} trades {one.market}: give --bars {one.market}=FILE")
    return {market: promotion.load(each, market, bar_s) for market, each in paths.items()}


def _record(config: "Config", subject: "Subject", days: "Held", purpose: str, *, again: bool) -> None:
    """Count the trial, and the look at report days, before it is had; days of training are no report days."""
    if purpose == "select":
        looks.warn_of_reuse(config, subject.family, [days.span])
    elif not subject.saw(days):
        looks.refuse(config, subject.family, days.span, again=again)
        looks.note_look(config, subject.family, days.span, why="evaluate strategy")
    looks.note_trials(config, subject.family, [subject.sha256])


def _judged(
    config: "Config", subject: "Subject", files: "Sequence[BarFile]", spans: "tuple[Held, str]"
) -> "Evaluation":
    from gamma.rehearsal import promotion
    from gamma.rehearsal.evaluation import judge

    days, train = spans
    learned = promotion.held(files, span_of(train, subject.market)) if train else None
    if learned is not None and learned.span.overlaps(days.span):
        raise InputInvalid(f"--train {learned.span} and --span {days.span} have days in common; keep them apart")
    trials = max(subject.trials, looks.trials(config, subject.family))
    return judge(subject, days, files, learned=learned, trials=trials)


def _draw(found: "Sequence[Evaluation]", picture: Path) -> list[Path]:
    from gamma.rehearsal.evaluation_picture import evaluation_png

    files = []
    for one in found:
        name = picture.stem if len(found) == 1 else f"{picture.stem}-{one.subject.name}"
        file = picture.with_name(f"{name}.png")
        file.write_bytes(evaluation_png(one))
        files.append(file)
    return files
