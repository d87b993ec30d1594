"""`gamma models evaluate` (or `evaluate policy`) and `match`: one policy on bars; the ledger's trades by its card."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli import evaluated, looks
from gamma.cli.chosen import configuration
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.config.schema import Strategy
    from gamma.ports import Checkpoints, Trained
    from gamma.rehearsal.promotion import Held
    from gamma.rehearsal.registry import Span

BarFiles = Annotated[
    list[Path], typer.Option("--bars", "-b", help="CSV or Parquet of the market; may be given again.", metavar="FILE")
]
BarLength = Annotated[int | None, typer.Option(help="Merge finer bars up to this length.", metavar="SECONDS")]
Whose = Annotated[str, typer.Option("--strategy", "-s", help="Whose sizers and guards; the market's own by default.")]
Again = Annotated[bool, typer.Option("--again", help="Look at report days a second time; it is counted.")]


def evaluate(
    name: Annotated[str, typer.Argument(help="A checkpoint by its name, or its folder.", metavar="NAME")],
    bars: BarFiles,
    span: Annotated[str, typer.Option(help="Trading days, both ends with them.", metavar="FROM..TO")],
    *,
    bar_s: BarLength = None,
    strategy: Whose = "",
    again: Again = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Rehearse a policy on recorded bars, by the engine and the paper broker, beside four baselines.

    A look at days that it was not trained on is recorded for its family, as a trial too; a second one is refused
    without --again.
    Its card is not changed.

    Example: gamma models evaluate mnq-phase2 --bars NQ_5m.parquet --span 2025-04-01..2025-06-30

    Example: gamma evaluate policy mnq-phase2 --bars NQ_5m.parquet --span 2025-04-01..2025-06-30
    """
    from gamma.history.figures import trades_sha256
    from gamma.rehearsal import promotion
    from gamma.rehearsal.figures import figures

    config = configured(path)
    shelf, folder = _named(name, config)
    told = shelf.told(folder)
    chosen, market = whose_chain(config, told, strategy)
    days = promotion.held(promotion.load(bars, market, bar_s), span_of(span, market))
    if not _learned(told, days):
        looks.refuse(config, family_of(told), days.span, again=again)
        looks.note_look(config, family_of(told), days.span, why="evaluate")
        looks.note_trials(config, family_of(told), [told.sha256])
    candidate = promotion.Candidate(folder=folder, sha256=told.sha256)
    own = promotion.compare({"own": promotion.as_strategy(config, chosen, market, candidate.signal)}, [days], 1)["own"]
    found = [*figures(own), *promotion.against_others(config, chosen, days, own[0])]
    shape = {
        "checkpoint": str(folder),
        "market": market,
        "span": f"{days.span.first}..{days.span.last}",
        "sessions": len(own[0].history.sessions),
        "trades_sha256": trades_sha256(own[0].history.trades),
        "figures": [evaluated.figure(one) for one in found],
    }
    if as_json:
        print_json(shape)
        return
    title = f"{folder.name}: {len(own[0].history.sessions)} sessions of {market}, {days.span.first} to {days.span.last}"
    evaluated.show(title, [evaluated.figure(one) for one in found])


def match(
    name: Annotated[str, typer.Argument(help="A checkpoint by its name, or its folder.", metavar="NAME")],
    *,
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="Whose trades; all by default.")] = "",
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Hold the ledger's trades against the evaluations of a card, trade for trade.

    Exit code 1 when no evaluation has them.

    Example: gamma models match mnq-phase2 --strategy mnq
    """
    from gamma.history import trades_of
    from gamma.history.figures import trades_sha256
    from gamma.ledger.reader import Reader

    config = configured(path)
    shelf, folder = _named(name, config)
    with closing(Reader.open(config.gamma.database)) as reader:
        trades = trades_of(reader, strategy)
    sha256 = trades_sha256(trades)
    evaluations = shelf.told(folder).card["evaluations"]
    same = [one["name"] for one in evaluations if one.get("trades_sha256") == sha256]
    if as_json:
        print_json({"checkpoint": str(folder), "trades": len(trades), "trades_sha256": sha256, "same_as": same})
    elif same:
        console().print(f"[green]✓[/] the {len(trades):,} trades of the ledger are those of: {', '.join(same)}")
    else:
        console().print(f"the {len(trades):,} trades of the ledger ({sha256[:12]}) are those of no evaluation")
    if not same:
        raise typer.Exit(1)


def _named(name: str, config: "Config") -> "tuple[Checkpoints, Path]":
    from gamma import checkpoints

    return checkpoints.named(name, checkpoints.folders(config.paths.models))


def configured(path: Path) -> "Config":
    """The configuration, which a rehearsal needs as the daemon does."""
    return configuration(path)


def whose_chain(config: "Config", told: "Trained", named: str) -> "tuple[Strategy, str]":
    """Whose chain it trades through, and in which market: the strategy's, if the policy knows it, or else its first.

    Raises: InputInvalid when it trades no bars.
    """
    if "phase" not in told.card:
        raise InputInvalid(f"it is of kind {told.kind!r}, and bars are rehearsed with policies for futures; name one")
    own = [one for one in config.strategies if one.market in told.markets]
    chosen = config.strategy(named) if named else (own or list(config.strategies))[0]
    return chosen, chosen.market if chosen.market in told.markets else told.markets[0]


def family_of(told: "Trained") -> str:
    """Which policies count as tries of one thing: those of a phase for the same markets, alone or together."""
    from gamma.rehearsal import registry

    return registry.family_of(told.card["phase"], told.markets)


def span_of(text: str, market: str) -> "Span":
    """The span that is written as FROM..TO.

    Raises: InputInvalid when it is not.
    """
    from datetime import date

    from gamma.rehearsal.registry import Span

    first, dots, last = text.partition("..")
    try:
        days = [date.fromisoformat(day).isoformat() for day in (first, last)]
    except ValueError:
        days = []
    if not dots or not days:
        raise InputInvalid(f"span {text!r}: write two days as 2025-04-01..2025-06-30")
    return Span(market=market, first=days[0], last=days[1])


def _learned(told: "Trained", days: "Held") -> bool:
    """Whether all of these days lie in time that the policy was trained on."""
    first, last = int(days.series.ts_close_utc_ns[0]), int(days.series.ts_close_utc_ns[-1])
    return any(begin <= first and last <= end for begin, end in learned_spans(told))


def learned_spans(told: "Trained") -> Iterator[tuple[int, int]]:
    """The first and last times [ns] of the bars that the policy was trained on, file by file."""
    from datetime import datetime

    for bars in told.card["training"]["bars"]:
        first, last = (int(datetime.fromisoformat(bars[key]).timestamp()) * 10**9 for key in ("first_utc", "last_utc"))
        yield first, last
