"""Commands that list what is held and was done: positions, orders, trades, decisions. They read, and cannot write."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli.chosen import configuration
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json
from gamma.cli.wording import clock, column, price, price_of, side, usd, words
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gamma.config import Config
    from gamma.events import DecisionMade
    from gamma.ledger.reader import Reader, Wanted

Limit = Annotated[int, typer.Option("--limit", "-n", help="At most so many, the newest.", min=1)]
OfStrategy = Annotated[str, typer.Option("--strategy", "-s", help="Only this strategy.", metavar="NAME")]
OfMarket = Annotated[str, typer.Option("--market", "-m", help="Only this market.", metavar="SYMBOL")]
Rows = Sequence[dict[str, Any]]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (positions, orders, trades, decisions):
        app.command(command.__name__)(command)


def positions(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List open positions, with the stop and target that work for them.

    Example: gamma positions --json
    """
    from gamma.account import opened, standing
    from gamma.account import positions as held

    config = _config(path)
    with opened(config) as reader, reader.at_once():
        rows = held(standing(config, reader).book)
    if as_json:
        print_json(rows)
    else:
        console().print(positions_table(config, rows) if rows else "flat: nothing is held")


def orders(
    *,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    strategy: OfStrategy = "",
    market: OfMarket = "",
    limit: Limit = 50,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List orders, oldest first, with what became of each.

    Example: gamma orders --open
    """
    config = _config(path)
    wanted = _wanted(strategy, market, limit)
    with _opened(config) as reader, reader.at_once():
        rows = reader.orders(_all(wanted) if open_only else wanted, open_only=open_only)[-limit:]
        if not rows:
            _known(config, reader, wanted)
    if as_json:
        print_json(rows)
    elif rows:
        console().print(_orders(config, rows))
    else:
        console().print("no open orders" if open_only else "no orders yet")


def _orders(config: "Config", rows: Rows) -> "RenderableType":
    from gamma.cli.tables import table

    title, times = column("New York", [row["ts_event_utc_ns"] for row in rows])
    return table(
        (title, "order", "?strategy", "market", "kind", ">lots", ">price", "?>filled", "state"),
        [
            (
                at,
                row["id"],
                row["strategy"],
                row["market"],
                row["kind"],
                f"{row['side'] * row['lots']:+d}",
                price_of(config, row["market"], row["price_ticks"]) if row["price_ticks"] else "market",
                str(row["filled_lots"]),
                row["state"],
            )
            for at, row in zip(times, rows, strict=True)
        ],
        console().width,
    )


def trades(
    *,
    strategy: OfStrategy = "",
    market: OfMarket = "",
    limit: Limit = 50,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List round trips, oldest first; P&L is net of fees.

    Example: gamma trades -n 20
    """
    from gamma.markets import MICRO

    config = _config(path)
    wanted = _wanted(strategy, market, limit)
    with _opened(config) as reader, reader.at_once():
        rows = reader.trades(wanted)
        if not rows:
            _known(config, reader, wanted)
        totals = reader.trade_totals()
    if as_json:
        print_json(rows)
        return
    if not rows:
        console().print("no trades yet")
        return
    console().print(_trades(config, rows))
    net = sum(row["pnl_microusd"] for row in rows) / MICRO
    console().print(f"\n{len(rows):,} of {totals['trades']:,} trades, net {usd(net)} usd")


def _trades(config: "Config", rows: Rows) -> "RenderableType":
    from gamma.cli.tables import table
    from gamma.markets import MICRO

    closed, ends = column("closed", [row["ts_close_utc_ns"] for row in rows])
    opened, begins = column("opened", [row["ts_open_utc_ns"] for row in rows])
    return table(
        (closed, f"?{opened}", "strategy", "?market", ">lots", ">entry", ">exit", ">P&L", "ended by"),
        [
            (
                end,
                begin,
                row["strategy"],
                row["market"],
                f"{row['side'] * row['lots_max']:+d}",
                price(config, row["market"], row["entry_points"]),
                price(config, row["market"], row["exit_points"]),
                usd(row["pnl_microusd"] / MICRO),
                words(row["exit_reason"]),
            )
            for end, begin, row in zip(ends, begins, rows, strict=True)
        ],
        console().width,
    )


def decisions(
    decision_id: Annotated[str, typer.Argument(help="Show this one whole.", metavar="ID")] = "",
    *,
    strategy: OfStrategy = "",
    market: OfMarket = "",
    limit: Limit = 30,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List decisions with the step that bound; with an id, the whole trace of one.

    Example: gamma decisions -n 5
    """
    from gamma.codec import plain

    config = _config(path)
    wanted = _wanted(strategy, market, limit)
    with _opened(config) as reader:
        if decision_id:
            made = reader.decision(decision_id)
            if as_json:
                print_json({"id": made.decision_id, **_without_nan(plain(made))})
            else:
                _show_one(made)
            return
        rows = reader.decisions(wanted)
        if not rows:
            _known(config, reader, wanted)
    if as_json:
        print_json(rows)
    else:
        console().print(_decisions(rows) if rows else "no decisions yet")


def _decisions(rows: Rows) -> "RenderableType":
    from gamma.cli.tables import table
    from gamma.reasons import Reason

    title, times = column("New York", [row["ts_event_utc_ns"] for row in rows])
    return table(
        (title, "decision", "?market", "side", "?>sized", ">lots", "bound by", "why"),
        [
            (
                at,
                row["id"],
                row["market"],
                side(row["side"]),
                str(row["sized_lots"]),
                str(row["lots"]),
                row["bound_by"],
                "" if row["reason"] == Reason.OK else words(row["reason"]),
            )
            for at, row in zip(times, rows, strict=True)
        ],
        console().width,
    )


def _show_one(made: "DecisionMade") -> None:
    from rich.markup import escape

    from gamma.cli.trace import trace_table

    out = console()
    when, what = clock(made.ts_event_utc_ns), f"{side(made.side)} [bold]{made.lots}[/] {escape(made.market)}"
    out.print(f"[bold]{escape(made.decision_id)}[/]  {when}  {what}, bound by [bold]{escape(made.bound_by)}[/]")
    out.print()
    out.print(trace_table(made.steps, made.bound_by))
    if made.notes:
        saw = (
            f"{name} {value:,.6g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in made.notes.items()
        )
        out.print(f"\n[dim]the signal saw: {escape(', '.join(saw))}[/]")
    if made.fault:
        out.print(f"\n[bold red]fault[/] {escape(made.fault)}")


def positions_table(config: "Config", rows: Rows) -> "RenderableType":
    """What is held, a row each."""
    from gamma.cli.tables import table

    titles = ["strategy", "market", ">lots", ">entry", ">stop", "?>target", "?since"]
    if closing := any(row["exit_reason"] for row in rows):
        titles.append("closing for")
    lines = []
    for row in rows:
        shown = [price(config, row["market"], row[f"{name}_points"]) for name in ("entry", "stop", "target")]
        since = clock(row["ts_open_utc_ns"])
        line = [row["strategy"] or "(not ours)", row["market"], f"{row['lots']:+d}", *shown, since]
        lines.append([*line, words(row["exit_reason"])] if closing else line)
    return table(titles, lines, console().width)


def _without_nan(tree: Any) -> Any:
    """What the ledger writes as a word, because JSON has no number for it, is not known."""
    if isinstance(tree, dict):
        return {name: _without_nan(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_without_nan(value) for value in tree]
    return None if isinstance(tree, str) and tree in ("NaN", "Infinity", "-Infinity") else tree


def _config(path: Path) -> "Config":

    return configuration(path)


def _opened(config: "Config") -> "Reader":
    from gamma.account import opened

    return opened(config)


def _wanted(strategy: str, market: str, limit: int) -> "Wanted":
    from gamma.ledger.reader import Wanted

    return Wanted(strategy=strategy, market=market, limit=limit)


def _all(wanted: "Wanted") -> "Wanted":
    from dataclasses import replace

    return replace(wanted, limit=1_000_000_000)


def _known(config: "Config", reader: "Reader", wanted: "Wanted") -> None:
    """Nothing was found: a strategy or market that nobody knows is a slip of the pen, and not an empty list."""
    for word, what in ((wanted.strategy, "strategy"), (wanted.market, "market")):
        known = {getattr(s, "name" if what == "strategy" else "market") for s in config.strategies}
        known |= {names[0] for names in reader.tally("decisions", what)}
        if word and word not in known:
            raise InputInvalid(f"--{what} {word!r} is in neither config nor ledger; known: {', '.join(sorted(known))}")
