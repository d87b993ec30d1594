"""`gamma size --dry-run`: how many lots, and why. Sends nothing, writes nothing, needs no daemon and no key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.cli.dry_run import Curve, DryRun


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("size")(size)


def size(  # noqa: PLR0913 - each option is a parameter
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Always on: this command cannot send.")] = True,  # noqa: ARG001
    market: Annotated[str, typer.Option("--market", "-m", help="Size in this market.", metavar="SYMBOL")] = "",
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="Of this strategy.", metavar="NAME")] = "",
    sizer: Annotated[
        list[str] | None,
        typer.Option("--sizer", help="Use this sizer in place of the configured chain; repeatable.", metavar="NAME"),
    ] = None,
    trades: Annotated[
        Path | None, typer.Option(help="Completed trades: time,pnl_usd,lots.", metavar="FILE.csv")
    ] = None,
    balance: Annotated[float | None, typer.Option(help="Balance of the account.", metavar="USD")] = None,
    capital: Annotated[
        float | None, typer.Option(help="Starting capital; 20000 for a case by hand.", metavar="USD")
    ] = None,
    risk: Annotated[float | None, typer.Option(help="The most that one lot can lose.", metavar="USD")] = None,
    atr: Annotated[float | None, typer.Option(help="Average true range.", metavar="POINTS")] = None,
    price: Annotated[float | None, typer.Option(help="Price of the market.", metavar="POINTS")] = None,
    room: Annotated[float | None, typer.Option(help="Equity above the account's floor.", metavar="USD")] = None,
    stop_points: Annotated[float | None, typer.Option(help="Distance of the stop.", metavar="POINTS")] = None,
    curve: Annotated[bool, typer.Option("--what-if", help="Show every size from 0 to the cap.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show how many lots the chain allows, step by step, and what bound.

    With --sizer the case is given by hand and stands alone; a configuration is then read only when
    --config names one. Without it, the configured strategy is sized as of the feed's last bar. Where its
    chain asks a size picker, every size is shown with what the picker says of it.

    Example: gamma size --dry-run --sizer half_kelly --trades trades.csv --balance 19995 --risk 250
    """
    from gamma.cli.cases import Hand
    from gamma.cli.dry_run import Asked, run, what_if
    from gamma.cli.size_curve import show_sizes, size_rows
    from gamma.cli.trace import show_curve, show_decision

    hand = Hand(
        balance_usd=balance,
        capital_usd=capital,
        risk_usd=risk,
        atr_points=atr,
        price_points=price,
        room_usd=room,
        stop_points=stop_points,
        trades=trades,
    )
    source = context.get_parameter_source("path")
    named = source is not None and source.name != "DEFAULT"
    asked = Asked(hand=hand, market=market, strategy=strategy, sizers=tuple(sizer or ()), path=path, path_named=named)
    result = run(asked)
    found = what_if(result) if curve else None
    if as_json:
        sizes = {"sizes": size_rows(result)} if result.view.curve is not None else {}
        print_json(_shape(result) | sizes | ({"curve": _rows(found)} if found else {}))
    else:
        show_decision(console(), result)
        show_sizes(console(), result)
        if found:
            show_curve(console(), found, result.decision.lots)
    if wrong := result.decision.fault or result.decision.invalid:
        raise InputInvalid(wrong)


def _shape(result: "DryRun") -> dict[str, object]:
    decision = result.decision
    steps = [
        {
            "name": step.name,
            "lots_before": step.lots_before,
            "lots_after": step.lots_after,
            "reason": step.reason,
            "facts": step.facts,
        }
        for step in decision.steps
    ]
    return {
        "lots": decision.lots,
        "market": result.view.market.symbol,
        "steps": steps,
        "bound_by": decision.bound_by,
        "halted": decision.halted,
    } | ({"example": result.example} if result.example else {})


def _rows(found: "Curve") -> list[dict[str, object]]:
    from dataclasses import asdict

    rows = []
    for point, rule in zip(found.points, found.bound_by, strict=True):
        told = found.picked.get(point.lots)
        picked = {f"picker_{name}": value for name, value in asdict(told).items()} if told else {}
        rows.append(asdict(point) | picked | {"bound_by": rule})
    return rows
