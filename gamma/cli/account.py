"""Commands that look at the account: status, positions, orders, trades, decisions. They read, and cannot write."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from gamma.config import Config
    from gamma.ledger.reader import Wanted

Limit = Annotated[int, typer.Option("--limit", "-n", help="At most so many, the newest.", min=1)]
OfStrategy = Annotated[str, typer.Option("--strategy", "-s", help="Only this strategy.", metavar="NAME")]
OfMarket = Annotated[str, typer.Option("--market", "-m", help="Only this market.", metavar="SYMBOL")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (status, positions, orders, trades, decisions):
        app.command(command.__name__)(command)


def status(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show where the account stands: money, floor, positions, halts, and every guard with its dial.

    Example: gamma status
    """
    from gamma.account import summary
    from gamma.ledger.reader import Reader

    config = _config(path)
    with Reader.open(config.gamma.database) as reader:
        told = summary(config, reader)
    if as_json:
        print_json(told)
    else:
        show_status(told)


def positions(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List open positions, with the stop and target that work for them.

    Example: gamma positions --json
    """
    from gamma.account import positions as held
    from gamma.account import standing
    from gamma.ledger.reader import Reader

    config = _config(path)
    with Reader.open(config.gamma.database) as reader:
        rows = held(standing(config, reader).book)
    if as_json:
        print_json(rows)
    else:
        console().print(_positions(rows) if rows else "flat: nothing is held")


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
    from gamma.ledger.reader import Reader

    config = _config(path)
    with Reader.open(config.gamma.database) as reader:
        rows = reader.orders(_wanted(strategy, market, limit), open_only=open_only)
    if as_json:
        print_json(rows)
        return
    table = _table("New York", "order", "strategy", "market", "kind", ">lots", ">price", ">filled", "state")
    for row in rows:
        table.add_row(
            _moment(row["ts_event_utc_ns"]),
            row["id"],
            row["strategy"],
            row["market"],
            row["kind"],
            f"{row['side'] * row['lots']:+d}",
            _price(config, row["market"], row["price_ticks"]) if row["price_ticks"] else "market",
            str(row["filled_lots"]),
            row["state"],
        )
    console().print(table if rows else "no orders")


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
    from gamma.ledger.reader import Reader
    from gamma.markets import MICRO

    config = _config(path)
    with Reader.open(config.gamma.database) as reader:
        rows = reader.trades(_wanted(strategy, market, limit))
        count = reader.count("trades")
    if as_json:
        print_json(rows)
        return
    table = _table("opened (New York)", "closed", "strategy", "market", ">lots", ">entry", ">exit", ">P&L", "ended by")
    for row in rows:
        table.add_row(
            _moment(row["ts_open_utc_ns"]),
            _moment(row["ts_close_utc_ns"]),
            row["strategy"],
            row["market"],
            f"{row['side'] * row['lots_max']:+d}",
            f"{row['entry_points']:,.2f}",
            f"{row['exit_points']:,.2f}",
            _usd(row["pnl_microusd"] / MICRO),
            row["exit_reason"],
        )
    console().print(table if rows else "no trades yet")
    if rows:
        net = sum(r["pnl_microusd"] for r in rows) / MICRO
        console().print(f"\n{len(rows)} of {count} trades, net {_usd(net)} usd")


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
    from gamma.ledger.reader import Reader

    config = _config(path)
    with Reader.open(config.gamma.database) as reader:
        if decision_id:
            made = reader.decision(decision_id)
            if as_json:
                print_json(plain(made))
            else:
                _show_one(made)
            return
        rows = reader.decisions(_wanted(strategy, market, limit))
    if as_json:
        print_json(rows)
        return
    table = _table("New York", "decision", "market", "side", ">sized", ">lots", "bound by", "why")
    for row in rows:
        table.add_row(
            _moment(row["ts_event_utc_ns"]),
            row["id"],
            row["market"],
            "buy" if row["side"] > 0 else "sell",
            str(row["sized_lots"]),
            f"[bold]{row['lots']}[/]",
            row["bound_by"],
            "" if row["reason"] == "ok" else row["reason"].replace("_", " "),
            style="" if row["lots"] else "dim",
        )
    console().print(table if rows else "no decisions yet")


def show_status(told: Mapping[str, Any], *, dials: bool = True) -> None:
    """Print what `summary` gathered; `dials` for the guards' too."""
    out = console()
    colour = "green" if told["state"] == "ACTIVE" else "yellow"
    when = _clock(told["ts_event_utc_ns"])
    out.print(f"[bold]{told['account']}[/] ({told['mode']})  [bold {colour}]{told['state']}[/]  {when}")
    out.print(
        f"balance [bold]{told['balance_usd']:,.2f}[/]  equity {told['equity_usd']:,.2f}  peak {told['peak_usd']:,.2f}"
        + ("" if told["floor_usd"] is None else f"  floor {told['floor_usd']:,.2f}  room {told['room_usd']:,.2f}")
    )
    out.print(
        f"today {_usd(told['day_pnl_usd'])}  trades {told['trades']} ({told['wins']} won)  "
        f"P&L {_usd(told['pnl_usd'])} net, fees {told['fees_usd']:,.2f}"
    )
    out.print()
    out.print(_positions(told["positions"]) if told["positions"] else "[dim]flat[/]")
    if told["unresolved_orders"]:
        out.print(f"[yellow]unresolved orders: {', '.join(told['unresolved_orders'])}[/]")
    out.print()
    _show_halts(told["halts"])
    if told["acted"]:
        out.print()
        table = _table("guards that acted", "why", ">times")
        for row in told["acted"]:
            table.add_row(row["by"], row["reason"].replace("_", " "), f"{row['count']:,}")
        out.print(table)
    if dials:
        out.print()
        out.print(_guards(told["guards"]))


def _show_halts(halts: Sequence[Mapping[str, Any]]) -> None:
    if not halts:
        console().print("[dim]no halts[/]")
        return
    table = _table("halt", "on", "level", "reason", "by", "since")
    for row in halts:
        where = row["target"] or row["scope"]
        table.add_row(row["id"], where, row["level"], row["reason"], row["actor"], _clock(row["ts_event_utc_ns"]))
    console().print(table)
    console().print("[dim]a person lifts a halt with: gamma resume --ack ID[/]")


def _guards(rows: Sequence[Mapping[str, Any]]) -> "Table":
    table = _table("guard", "id", ">limit", ">now", "scope", "measures", "latches")
    seen: set[str] = set()
    for row in rows:
        if row["name"] not in seen:
            seen.add(row["name"])
            dial = [_dial(row["limit"]), _dial(row["now"])]
            table.add_row(row["name"], row["id"], *dial, row["scope"], row["measures"], row["latches"])
    for column in table.columns[5:]:
        column.no_wrap = False
    return table


def _positions(rows: Sequence[Mapping[str, Any]]) -> "Table":
    table = _table("strategy", "market", ">lots", ">entry", ">stop", ">target", "since", "")
    for row in rows:
        table.add_row(
            row["strategy"],
            row["market"],
            f"{row['lots']:+d}",
            _dial(row["entry_points"]),
            _dial(row["stop_points"]),
            _dial(row["target_points"]),
            _clock(row["ts_open_utc_ns"]),
            f"closing: {row['exit_reason']}" if row["exit_reason"] else "",
        )
    return table


def _show_one(made: Any) -> None:
    from gamma.cli.trace import trace_table

    out = console()
    side = "buy" if made.side > 0 else "sell"
    out.print(f"[bold]{made.decision_id}[/]  {_clock(made.ts_event_utc_ns)}  {side} [bold]{made.lots}[/] {made.market}")
    out.print(trace_table(made.steps, made.bound_by))


def _config(path: Path) -> "Config":
    from gamma.config import load

    return load(path, os.environ)


def _wanted(strategy: str, market: str, limit: int) -> "Wanted":
    from gamma.ledger.reader import Wanted

    return Wanted(strategy=strategy, market=market, limit=limit)


def _table(*titles: str) -> "Table":
    """A table without lines; a title that begins with > is a column of numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        table.add_column(title.lstrip(">"), justify="right" if title.startswith(">") else "left", no_wrap=True)
    return table


def _clock(ts_utc_ns: int) -> str:
    from gamma.screen import clock

    return clock(ts_utc_ns)


def _moment(ts_utc_ns: int) -> str:
    """Short, for lists: `06-02 09:35`, New York."""
    return _clock(ts_utc_ns)[9:20]


def _usd(value: float) -> str:
    return f"{value:+,.2f}"


def _dial(value: float | str | None) -> str:
    if isinstance(value, str) or value is None:
        return value or "-"
    return f"{value:,.10g}" if value == value else "-"


def _price(config: "Config", market: str, ticks: int) -> str:
    return f"{config.market(market).points(ticks):,.10g}"
