"""`gamma tune`: a search over settings, each try rehearsed, counted, and held against the luck of so many."""

import os
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli import evaluated
from gamma.cli.chosen import chosen_account, configuration
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.rehearsal.choice import Choice
    from gamma.rehearsal.promotion import Held
    from gamma.rehearsal.space import Setting, Vary
    from gamma.rehearsal.tuning import Search

BarFiles = Annotated[
    list[Path], typer.Option("--bars", "-b", help="CSV or Parquet of the market; may be given again.", metavar="FILE")
]
Spans = Annotated[
    list[str], typer.Option("--span", help="Trading days; each span is a fold, begun anew.", metavar="FROM..TO")
]
Varies = Annotated[
    list[str] | None,
    typer.Option("--vary", help="PATH=LOW:HIGH[:STEP], PATH=LOW:HIGH:log or PATH=A,B,C.", metavar="SETTING"),
]
Space = Annotated[Path | None, typer.Option("--space", help="A TOML file with a table [vary].", metavar="FILE")]
Storage = Annotated[str, typer.Option(help="Where the study is kept; PostgreSQL by URL is shared.", metavar="URL")]
Trials = Annotated[int, typer.Option(help="Tries in all, those of earlier runs among them.", min=1)]
Sampler = Annotated[str, typer.Option(help="tpe, random, or grid.", metavar="NAME")]
Returns = Annotated[
    Path | None, typer.Option("--returns", help="Write session returns, a column a try.", metavar="FILE")
]
SHOWN = 15


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tune")(tune)


def tune(  # noqa: PLR0913 - each option is a parameter
    bars: BarFiles,
    span: Spans,
    *,
    vary: Varies = None,
    space: Space = None,
    trials: Trials = 50,
    sampler: Sampler = "tpe",
    seed: Annotated[int, typer.Option(help="The same seed, the same tries.", min=0)] = 1,
    folds: Annotated[int, typer.Option(help="Cut each span into so many folds.", min=1)] = 1,
    prune: Annotated[bool, typer.Option(help="Give up a try that is below the median after a fold.")] = True,
    prescreen: Annotated[
        int, typer.Option(help="Look at so many settings in columns first, and begin with the best.", min=0)
    ] = 0,
    jobs: Annotated[int, typer.Option(help="Tries at once, in processes; 0 for one a core.", min=0, max=1_024)] = 1,
    storage: Storage = "sqlite:///tune.db",
    study: Annotated[str, typer.Option(help="The study's name; the same one goes on.", metavar="NAME")] = "tune",
    returns: Returns = None,
    drawdown_max_usd: Annotated[float, typer.Option(help="The most that equity may fall.", metavar="USD")] = float(
        "inf"
    ),
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="Whose settings; the first by default.")] = "",
    bar_s: Annotated[int | None, typer.Option(help="Merge finer bars up to this length.", metavar="SECONDS")] = None,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Search settings of a strategy for the best Sharpe ratio over all folds; each try is a trial in the ledger.

    What is found is held against luck: the deflated Sharpe ratio counts every try that the ledger knows of, of this
    search and of all before it. A run that was stopped goes on; several processes may share a study by its --storage.

    Example: gamma tune -b NQ_5m.parquet --span 2022-01-03..2022-12-30 --vary strategies.mnq.signal.entry_bars=20:200:20
    """
    from gamma.cli import looks
    from gamma.rehearsal import tuning
    from gamma.rehearsal.choice import choose
    from gamma.rehearsal.evaluation import subject_of
    from gamma.rehearsal.sweep import write

    config, account = configuration(path), chosen_account()
    chosen = config.strategy(strategy or config.strategies[0].name)
    family = subject_of(config, chosen.name).family
    plan = tuning.Search(
        configured=lambda settings: configuration(path, dict(settings), account),
        strategy=chosen.name,
        varies=_varies(vary or [], space),
        folds=_folds(bars, chosen.market, span, (bar_s, folds)),
        trials=trials,
        seed=seed,
        sampler=sampler,
        prune=prune,
        jobs=jobs or os.cpu_count() or 1,
        storage=storage,
        study=study,
        counted=lambda hashes: looks.note_trials(config, family, hashes),
    )
    if prescreen:
        from gamma.rehearsal.prescreen import prescreened

        plan = prescreened(plan, prescreen)
    made = _searched(plan, quiet=as_json)
    outcomes = tuning.outcomes(made)
    if returns is not None:
        write(tuning.sweep_of(made), returns)
    choice = (
        choose(outcomes, drawdown_max_usd=drawdown_max_usd, trials=looks.trials(config, family)) if outcomes else None
    )
    settings = {tuning.name_of(one): dict(one.params) for one in tuning.ended(made)}
    shape = _shape(plan, choice, settings, [one.state.name.lower() for one in tuning.ended(made)])
    if as_json:
        print_json(shape | {"family": family, "returns": str(returns or "")})
    elif choice is None:
        console().print("no try was played to its end; each was pruned, or could not be traded with")
    else:
        _show(plan, choice, settings, shape)


def _varies(texts: Sequence[str], space: Path | None) -> "tuple[Vary, ...]":
    from gamma.rehearsal.space import parse, read

    found = [*(read(space) if space is not None else []), *map(parse, texts)]
    names = [one.path for one in found]
    if not found or len(set(names)) < len(names):
        raise InputInvalid("say what varies, each setting once: --vary PATH=LOW:HIGH:STEP, or a table in --space FILE")
    return tuple(found)


def _folds(bars: Sequence[Path], market: str, spans: Sequence[str], how: tuple[int | None, int]) -> "tuple[Held, ...]":
    from gamma import calendar
    from gamma.cli.evaluate import span_of
    from gamma.cli.output import working
    from gamma.rehearsal.promotion import held, load
    from gamma.rehearsal.registry import Span

    bar_s, folds = how
    with working("reading bars ..."):
        files = load(bars, market, bar_s)
    found = []
    for text in spans:
        whole = span_of(text, market)
        days = [one.date for one in calendar.sessions(market, whole.first, whole.last)]
        if len(days) < folds:
            raise InputInvalid(f"span {text}: {len(days)} sessions are too few for {folds} folds")
        edges = [len(days) * number // folds for number in range(folds + 1)]
        parts = [(days[first], days[last - 1]) for first, last in pairwise(edges)]
        found += [held(files, Span(market=market, first=first, last=last)) for first, last in parts]
    return tuple(found)


def _searched(plan: "Search", *, quiet: bool) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from gamma.rehearsal.tuning import search

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("tries"), TimeElapsedColumn(), TimeRemainingColumn())
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as progress:
        task = progress.add_task("", total=plan.trials)
        return search(plan, lambda count: progress.update(task, completed=count))


def _shape(
    plan: "Search", choice: "Choice | None", settings: "Mapping[str, Mapping[str, Setting]]", states: Sequence[str]
) -> dict[str, Any]:
    told = evaluated.shape(choice) if choice is not None else {"candidates": []}
    for one in told["candidates"]:
        one["settings"] = settings[one["checkpoint"]]
        one["trial"] = one.pop("checkpoint")
    counts = {state: states.count(state) for state in ("complete", "pruned", "fail")}
    return {"study": plan.study, "storage": _hidden(plan.storage), "folds": len(plan.folds), **counts, **told}


def _hidden(url: str) -> str:
    from gamma.complaints import without_password

    return str(without_password(url))


def _show(
    plan: "Search", choice: "Choice", settings: "Mapping[str, Mapping[str, Setting]]", shape: Mapping[str, Any]
) -> None:
    from gamma.cli.tables import table

    names = [one.path.rpartition(".")[2] for one in plan.varies]
    rows = [
        (
            one.name.removeprefix("trial_"),
            *(_said(settings[one.name].get(vary.path)) for vary in plan.varies),
            *evaluated.standing(one),
        )
        for one in choice.ranked[:SHOWN]
    ]
    titles = (">trial", *(f">{name}" for name in names), ">trades", ">net usd", ">Sharpe", ">DSR", "?>drawdown usd")
    out = console()
    out.print(table((*titles, "?standing"), rows, out.width))
    out.print(
        f"{shape['complete']} tries to the end, {shape['pruned']} pruned, {shape['fail']} that cannot be traded with\n"
        f"{choice.trials:,} trials in the ledger; the best of so many without skill is expected to show a Sharpe ratio "
        f"of {choice.luck_sharpe_annual:.2f}"
    )


def _said(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
