"""`gamma models promote`: the best checkpoint of a run, if it is no luck, with a card that says how it did."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli import evaluated, looks
from gamma.cli.evaluate import (
    Again,
    BarFiles,
    BarLength,
    Whose,
    configured,
    evaluate,
    family_of,
    match,
    span_of,
    whose_chain,
)
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json
from gamma.errors import ConfigInvalid, InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.config.schema import Strategy
    from gamma.ports import Checkpoints, Trained
    from gamma.rehearsal.choice import Choice
    from gamma.rehearsal.promotion import Candidate, Held
    from gamma.rehearsal.sweep import Sweep

Returns = Annotated[Path | None, typer.Option(help="Keep every candidate's session returns.", metavar="FILE.csv")]
Jobs = Annotated[int, typer.Option(help="Rehearsals at once; 0 for one a core.", min=0, max=1_024)]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(evaluate)
    app.command()(promote)
    app.command()(match)


def promote(  # noqa: PLR0913 - each option is a parameter
    run: Annotated[Path, typer.Argument(help="The folder of a run, or one checkpoint.", metavar="FOLDER")],
    bars: BarFiles,
    select: Annotated[
        list[str], typer.Option("--select", help="Days to choose on; may be given again.", metavar="FROM..TO")
    ],
    report: Annotated[str, typer.Option("--report", help="Days that are looked at once.", metavar="FROM..TO")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint to make.", metavar="FOLDER")],
    *,
    train: Annotated[str, typer.Option("--train", help="Days of training, to compare.", metavar="FROM..TO")] = "",
    bar_s: BarLength = None,
    strategy: Whose = "",
    drawdown_max_usd: Annotated[
        float | None, typer.Option(help="The limit; the drawdown of the account's profile by default.", min=0)
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Go on with the best where none qualifies; it stays on paper.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why --anyway or --again; kept in the ledger.")] = "",
    again: Again = False,
    returns: Returns = None,
    jobs: Jobs = 0,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Choose among all checkpoints of a run on held-out days, look once at the report days, and write the card.

    Chosen is the best Sharpe ratio within the drawdown limit and with over 100 trades, if it is no luck: a deflated
    Sharpe ratio of 0.95, for as many trials as the ledger knows of. Where none qualifies, none is promoted.

    Example: gamma models promote runs/1 -b NQ.csv --select 2022-01-03..2022-12-30 --report 2023-01-03..2023-06-30 -o m
    """
    from gamma.rehearsal import promotion
    from gamma.rehearsal.sweep import write

    if (anyway or again) and not reason:
        raise InputInvalid("--anyway and --again need a --reason: it is kept in the ledger")
    if out.exists():
        raise InputInvalid(f"--out {out} is there already; give another name, or move it away")
    shelf, found = _candidates(run)
    config, told = configured(path), found[0][1]
    chosen, market = whose_chain(config, told, strategy)
    read = promotion.load(bars, market, bar_s)
    spans = [promotion.held(read, span_of(text, market)) for text in select]
    last = promotion.held(read, span_of(report, market))
    learned = promotion.held(read, span_of(train, market)) if train else None
    _refuse_overlap(spans, last)
    limit = _drawdown_max(config, drawdown_max_usd)
    candidates = {str(c.folder): c for c in (promotion.Candidate(folder=f, sha256=t.sha256) for f, t in found)}
    looks.refuse(config, family_of(told), last.span, again=again)
    looks.warn_of_reuse(config, family_of(told), [one.span for one in spans])
    choice, sweep = _choose((config, chosen, market), candidates, spans, (limit, jobs, family_of(told)))
    if returns is not None:
        write(sweep, returns)
    if choice.chosen is None and not anyway:
        evaluated.tell_none(choice, as_json=as_json)
        raise typer.Exit(1)
    looks.note_look(config, family_of(told), last.span, why=reason or "promote")
    best = candidates[choice.best.name]
    written = _evaluations((config, chosen, market), best, choice, [*spans, last], learned)
    sha256 = shelf.appraise(best.folder, out, written)
    shape = evaluated.shape(choice) | {
        "promoted": str(best.folder),
        "out": str(out),
        "sha256": sha256,
        "evaluations": written,
    }
    if as_json:
        print_json(shape)
        return
    evaluated.show_choice(choice)
    for one in written:
        evaluated.show(f"{one['name']}: {one['sessions']} sessions", one["figures"])
    standing = "qualified" if choice.chosen else f"did not qualify ({choice.best.against}), and stays on paper"
    console().print(f"[green]✓[/] {out}: {best.folder.name} {standing}\nhash to pin: [bold]{sha256}[/]")


def _candidates(run: Path) -> "tuple[Checkpoints, list[tuple[Path, Trained]]]":
    """All checkpoints under a folder.

    Raises: InputInvalid when there is none; ConfigInvalid when one is refused.
    """
    from gamma import checkpoints

    if not run.is_dir():
        raise InputInvalid(f"{run} is no folder; give a run's folder, or a checkpoint")
    below = [run, *sorted(one for one in run.rglob("*") if one.is_dir())]
    found = list(checkpoints.lying(below))
    if not found:
        raise InputInvalid(f"{run} has no checkpoint in it; give a run's folder, or a checkpoint")
    told = [(one, shelf.told(one)) for shelf, one in found]
    if len({family_of(of) for _, of in told}) > 1:
        raise InputInvalid(f"{run} has checkpoints of several families; give the folder of one run")
    return found[0][0], told


def _refuse_overlap(spans: "Sequence[Held]", last: "Held") -> None:
    for one in spans:
        if one.span.overlaps(last.span):
            raise InputInvalid(f"--select {one.span} and --report {last.span} have days in common; keep them apart")


def _drawdown_max(config: "Config", given: float | None) -> float:
    from gamma.assembly import setup_of
    from gamma.markets import MICRO

    rule = setup_of(config).floor_rule
    if given is None and rule is None:
        raise ConfigInvalid("[account] has no profile to take a drawdown limit from; give --drawdown-max-usd")
    return given if given is not None else rule.drawdown_microusd / MICRO if rule is not None else 0.0


def _choose(
    whose: "tuple[Config, Strategy, str]",
    candidates: "Mapping[str, Candidate]",
    spans: "Sequence[Held]",
    rule: tuple[float, int, str],
) -> "tuple[Choice, Sweep]":
    """Rehearse all candidates on the days to choose on, count them as trials, and apply the rule."""
    from rich.console import Console
    from rich.progress import Progress

    from gamma.rehearsal import promotion
    from gamma.rehearsal.choice import choose
    from gamma.rehearsal.figures import outcome
    from gamma.rehearsal.sweep import of_histories, overfitting_prob

    (config, chosen, market), (limit_usd, jobs, family) = whose, rule
    configs = {name: promotion.as_strategy(config, chosen, market, one.signal) for name, one in candidates.items()}
    looks.note_trials(config, family, [one.sha256 for one in candidates.values()])
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rehearsing", total=len(configs) * len(spans))
        played = promotion.compare(configs, spans, jobs or os.cpu_count() or 1, lambda: progress.advance(task))
    outcomes = {name: outcome(each) for name, each in played.items()}
    choice = choose(outcomes, drawdown_max_usd=limit_usd, trials=looks.trials(config, family))
    sweep = of_histories({name: [one.history for one in each] for name, each in played.items()})
    return replace(choice, overfitting_prob=overfitting_prob(sweep)), sweep


def _evaluations(
    whose: "tuple[Config, Strategy, str]",
    best: "Candidate",
    choice: "Choice",
    held_out: "Sequence[Held]",
    learned: "Held | None",
) -> list[dict[str, Any]]:
    """The best on the days of training, on those that it was chosen on, and on the report days, which come last."""
    from gamma.rehearsal import promotion

    config, chosen, market = whose
    standing: dict[str, Any] = {"config_sha256": promotion.conditions_sha256(config, chosen, market)}
    failed = {} if choice.chosen else {"not_qualified": choice.best.against}
    own = promotion.as_strategy(config, chosen, market, best.signal)
    spans = [*([learned] if learned else []), *held_out]
    played = promotion.compare({"own": own}, spans, 1)["own"]
    found = []
    for bars, one in zip(spans, played, strict=True):
        trained, last = bars is learned, bars is held_out[-1]
        found.append(
            promotion.evaluation(
                "training span" if trained else "report span" if last else "selection span",
                bars,
                one,
                [
                    *(promotion.chosen_by(choice) if last else ()),
                    *promotion.against_others(config, chosen, bars, one),
                ],
                out_of_sample=not trained,
                standing=standing | ({} if trained else failed),
            )
        )
    return found
