"""Options of the commands that draw from a list of trades."""

from pathlib import Path
from typing import Annotated

import typer

Trades = Annotated[Path | None, typer.Option(help="A CSV of round trips in place of a ledger.", metavar="FILE")]
Ledger = Annotated[str, typer.Option(help="A ledger; the configuration's by default.", metavar="URL")]
OfStrategy = Annotated[str, typer.Option("--strategy", "-s", help="Whose trades, and whose chain.", metavar="NAME")]
OfMarket = Annotated[str, typer.Option("--market", "-m", help="Only trades of this market.", metavar="SYMBOL")]
StartUsd = Annotated[float | None, typer.Option(help="Balance that every path begins with.", metavar="USD")]
RiskUsd = Annotated[
    float | None, typer.Option(help="The most that one lot can lose, where the trades do not tell.", metavar="USD")
]
SlippageTicks = Annotated[
    float, typer.Option(help="Lose so many ticks more of each lot, on the way in and out.", min=0, metavar="TICKS")
]
Sizers = Annotated[
    list[str] | None,
    typer.Option("--sizer", help="Use this sizer in place of the configured chain; repeatable.", metavar="NAME"),
]
Block = Annotated[float, typer.Option(help="Mean length of a block; trades^(1/3) by default.", min=0, metavar="TRADES")]
Seed = Annotated[int, typer.Option(help="The same seed, the same paths.", min=0)]


def named(context: typer.Context) -> bool:
    """Whether --config was given."""
    source = context.get_parameter_source("path")
    return source is not None and source.name != "DEFAULT"


def mean_block(asked: float, trades: int) -> float:
    """The mean length of a block [trades]: what was asked for, or the cube root of how many trades there are."""
    return asked or max(1.0, round(trades ** (1 / 3), 1))
