"""`gamma evaluate walk-forward`: choose on some sessions, look at the next ones, and go on."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli import evaluated, looks
from gamma.cli.chosen import configuration
from gamma.cli.evaluate import BarFiles, BarLength, configured, span_of
from gamma.cli.evaluate_strategy import Days, subject
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.rehearsal.evaluation import Subject
    from gamma.rehearsal.folds import Plan
    from gamma.rehearsal.promotion import Held
    from gamma.rehearsal.space import Setting
    from gamma.rehearsal.walk import Walk


def walk_forward(  # noqa: PLR0913 - each option is a parameter
    names: Annotated[list[str], typer.Argument(help="Strategies of the configuration.", metavar="NAME...")],
    bars: BarFiles,
    span: Days,
    *,
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", help="A setting and its values; may be given again.", metavar="PATH=A,B|LOW:HIGH:STEP"),
    ] = None,
    folds: Annotated[int, typer.Option(help="Tests, one after another.", min=1, max=1_000)] = 6,
    train: Annotated[int, typer.Option("--train-sessions", help="Sessions that each choice is made on.", min=2)] = 60,
    purge: Annotated[
        int | None, typer.Option(help="Sessions dropped after them; what the strategies look back by default.", min=0)
    ] = None,
    embargo: Annotated[int, typer.Option(help="Sessions more before each test.", min=0)] = 1,
    anchored: Annotated[bool, typer.Option("--anchored", help="Choose on all sessions so far.")] = False,
    bar_s: BarLength = None,
    returns: Annotated[
        Path | None, typer.Option(help="Keep every candidate's session returns.", metavar="FILE")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw it.", metavar="FILE.png")] = None,
    jobs: Annotated[int, typer.Option(help="Rehearsals at once; 0 for one a core.", min=0, max=1_024)] = 0,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Choose among strategies and settings on some sessions, look at the next ones, and go on.

    Each fold chooses the best Sharpe ratio of its training, and only what that one made on the test counts; every
    training and every test begins with a new account. Each candidate is a trial. --returns rehearses each candidate
    over the whole span too, and keeps that for `gamma evaluate overfitting`.

    Example: gamma evaluate walk-forward mnq -b NQ.csv --span 2022-01-03..2022-12-30 --folds 4
    """
    from gamma.rehearsal import promotion, walk
    from gamma.rehearsal.folds import Plan

    config = configured(path)
    candidates = _candidates(path, names, vary or [])
    market = next(iter(candidates.values())).market
    days = promotion.held(promotion.load(bars, market, bar_s), span_of(span, market))
    needed = max(walk.sessions_needed(one.config, days.series) for one in candidates.values())
    plan = walk.plan_of(needed, purge, Plan(folds=folds, train=train, purge=0, embargo=embargo, anchored=anchored))
    trials = _record(config, candidates)
    walked = _walked(candidates, days, plan, jobs, returns)
    if picture is not None:
        from gamma.rehearsal.sweep_pictures import walk_png

        picture.write_bytes(walk_png(walked))
    _tell(walked, market, trials, as_json=as_json)


def _candidates(path: Path, names: Sequence[str], vary: Sequence[str]) -> "dict[str, Subject]":
    """Every named strategy with every combination of settings; one that changes nothing of a strategy makes it once.

    Raises: InputInvalid when they trade different markets; ConfigInvalid when a setting leads nowhere.
    """
    from gamma.rehearsal.space import grid, parse

    found: dict[str, Subject] = {}
    for settings in grid([parse(text) for text in vary]):
        config = configuration(path, dict(settings))
        for name in names:
            one = subject(config, name)
            if any(one.config == other.config for other in found.values()):
                continue
            found[_label(name, settings, alone=len(names) == 1)] = one
    markets = sorted({one.market for one in found.values()})
    if len(markets) > 1:
        raise InputInvalid(f"the strategies trade {', '.join(markets)}; walk one market forward at a time")
    return found


def _label(name: str, settings: "Mapping[str, Setting]", *, alone: bool) -> str:
    """The strategy where there are several, and the settings that it goes by; its own by their paths from there."""
    own = f"strategies.{name}."
    told = [
        f"{path.removeprefix(own)}={value}"
        for path, value in settings.items()
        if path.startswith(own) or not path.startswith("strategies.")
    ]
    return " ".join(told if alone and told else [name, *told])


def _record(config: "Config", candidates: "Mapping[str, Subject]") -> int:
    """Count every candidate as a trial of its family; gives how many all their families ever had."""
    families: dict[str, list[str]] = {}
    for one in candidates.values():
        families.setdefault(one.family, []).append(one.sha256)
    for family, hashes in families.items():
        looks.note_trials(config, family, hashes)
    told = {family: max(one.trials for one in candidates.values() if one.family == family) for family in families}
    return sum(max(told[family], looks.trials(config, family)) for family in families)


def _walked(candidates: "Mapping[str, Subject]", days: "Held", plan: "Plan", jobs: int, returns: Path | None) -> "Walk":
    """Rehearse all of it, and where it is wanted each candidate over the whole span too."""
    from rich.console import Console
    from rich.progress import Progress

    from gamma.rehearsal.promotion import compare
    from gamma.rehearsal.sweep import of_histories, write
    from gamma.rehearsal.walk import rehearsed

    configs = {name: one.config for name, one in candidates.items()}
    at_once = jobs or os.cpu_count() or 1
    total = len(configs) * (plan.folds + (returns is not None)) + plan.folds
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rehearsing", total=total)
        walked = rehearsed(configs, days, plan, at_once, lambda: progress.advance(task))
        if returns is not None:
            played = compare(configs, [days], at_once, lambda: progress.advance(task))
            write(of_histories({name: [each[0].history] for name, each in played.items()}), returns)
    return walked


def _tell(walked: "Walk", market: str, trials: int, *, as_json: bool) -> None:
    from gamma.cli.tables import table
    from gamma.rehearsal.walk import figures

    found = [evaluated.figure(one) for one in figures(walked, trials)]
    if as_json:
        shape = {"market": market, "candidates": list(walked.names), "plan": asdict(walked.plan)}
        print_json(shape | {"folds": [asdict(one) for one in walked.steps], "figures": found})
        return
    evaluated.show(f"{len(walked.names):,} candidates in {market}, tests put in a row", found)
    rows = [
        (
            f"{one.test[0]} to {one.test[1]}",
            f"{one.train_sharpe_annual:.2f}",
            f"{one.test_sharpe_annual:.2f}",
            f"{one.test_pnl_per_session_usd:+,.0f}",
            one.chosen,
        )
        for one in walked.steps
    ]
    out = console()
    titles = ("looked at", ">Sharpe where chosen", ">here", ">usd a session", "chosen")
    out.print(table(titles, rows, out.width))
