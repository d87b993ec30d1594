"""`gamma status`: where the account stands. It reads, and cannot write."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gamma.cli.account import positions_table
from gamma.cli.chosen import again, configuration
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json
from gamma.cli.wording import clock, usd, words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from gamma.config import Config

NEAR_FRAC: Final = 0.25
Row = Mapping[str, Any]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    *,
    every_guard: Annotated[
        bool, typer.Option("--guards", help="Every guard: its dial, what it measures, resets and latches.")
    ] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show where the account stands: money, positions, halts, guards that acted or are near their limit.

    Example: gamma status --guards
    """
    from gamma.account import opened, summary
    from gamma.cli.output import working

    config = configuration(path)
    with opened(config) as reader, working("reading the ledger"):
        told = summary(config, reader)
    if as_json:
        print_json(told)
    elif every_guard:
        _show_guards(console(), told["guards"])
    else:
        show_status(config, told)


def show_status(config: "Config", told: Row) -> None:
    """Print the summary; of the guards those that acted, and those that are near their limit."""
    out = console()
    _show_money(out, told)
    out.print()
    out.print(positions_table(config, told["positions"]) if told["positions"] else "[dim]flat: nothing is held[/]")
    for row in told["unresolved_orders"]:
        out.print(f"[yellow]{row['state']}[/]: order {row['id']} in {row['market']}; its market waits for it")
    out.print()
    _show_halts(out, told)
    for row in told["validated"]:
        out.print()
        _show_validated(out, row)
    for shown in (_acted(told["acted"], out.width), _near(told["guards"], out.width)):
        if shown is not None:
            out.print()
            out.print(shown)


def _show_money(out: "Console", told: Row) -> None:
    from rich.markup import escape
    from rich.table import Table

    state, pid = told["state"], told["daemon_pid"]
    colour = "green" if state == "ACTIVE" else "yellow"
    title = Table.grid(expand=True, padding=(0, 1))
    title.add_column()
    title.add_column(justify="right")
    runs = f"daemon runs, process {pid}" if pid else "no daemon runs"
    who = f"[bold]{escape(told['account'])}[/] ({told['mode']})  [bold {colour}]{state}[/]"
    title.add_row(f"{who}  {clock(told['ts_event_utc_ns'])}", f"[dim]{runs}[/]")
    out.print(title)
    out.print()
    money = Table.grid(padding=(0, 2))
    for _ in range(3):
        money.add_column(no_wrap=True)
        money.add_column(justify="right", no_wrap=True)
    floor, room, today = told["floor_usd"], told["room_usd"], usd(told["day_pnl_usd"])
    won = f"{told['trades']:,} ({told['wins']:,} won)"
    money.add_row("balance", _amount(told["balance_usd"], bold=True), "floor", _amount(floor), "today", today)
    money.add_row("equity", _amount(told["equity_usd"]), "room", _amount(room), "P&L net", usd(told["pnl_usd"]))
    money.add_row("peak", _amount(told["peak_usd"]), "fees", _amount(told["fees_usd"]), "trades", won)
    out.print(money)


def _amount(value: float | None, *, bold: bool = False) -> str:
    text = "-" if value is None else f"{value:,.2f}"
    return f"[bold]{text}[/]" if bold else text


def _show_halts(out: "Console", told: Row) -> None:
    from gamma.cli.tables import table

    rows = told["halts"]
    if rows:
        lines = [
            (row["id"], row["target"] or row["scope"], row["level"], _why(row), row["actor"], _since(row))
            for row in rows
        ]
        out.print(table(("halt", "on", "level", "reason", "?by", "since"), lines, out.width))
        if any(not row["until_utc_ns"] for row in rows):
            out.print(f"[dim]a person lifts a halt with: gamma resume --ack ID{again()}[/]")
    else:
        out.print("[dim]no halts[/]")
    if waiting := len(told["alerts"]):
        wait = "alert waits" if waiting == 1 else "alerts wait"
        out.print(f"[dim]{waiting:,} critical {wait} for: gamma ack{again()}[/]")


def _why(halt: Row) -> str:
    """The reason, and what the person said who halted."""
    said = halt["evidence"].get("text")
    return f"{words(halt['reason'])}: {said}" if said else words(halt["reason"])


def _since(halt: Row) -> str:
    until = halt["until_utc_ns"]
    return f"until {clock(until)}" if until else clock(halt["ts_event_utc_ns"])


def _show_validated(out: "Console", row: Row) -> None:
    """Print live figures of one strategy beside those that it was validated with."""
    from rich.text import Text

    from gamma.cli.tables import table

    if row["error"]:
        out.print(Text(f"{row['strategy']}: nothing to hold its record against: {row['error']}", style="yellow"))
        return
    few = ", too few to say much" if row["few_trades"] else ""
    lines = [(words(one["name"]), *_beside(one)) for one in row["figures"]]
    titles = (f"{row['strategy']}, {row['trades']:,} trades{few}", ">live", ">validated", "")
    out.print(table(titles, lines, out.width))
    p = row["drift_p"]
    chance = "" if p != p else f"; as bad a record of an unchanged strategy has a chance of {p:.2g}"
    out.print(Text(f"validated by {row['source']}, {row['validated_trades']:,} trades{chance}", style="dim"))


def _beside(one: Row) -> tuple[str, str, str]:
    inside = {True: "inside", False: "outside", None: ""}[one["inside"]]
    pairs = [[one[f"{of}{end}"] for end in ("", "_low", "_high")] for of in ("live", "validated")]
    live, told = (_interval(*each) for each in pairs)
    return live, told, inside


def _interval(value: float, low: float, high: float) -> str:
    return _number(value) + (f" ({_number(low)} to {_number(high)})" if low == low else "")


def _acted(rows: Sequence[Row], width: int) -> "RenderableType | None":
    from gamma.cli.tables import table

    if not rows:
        return None
    lines = [(row["name"], words(row["reason"]), f"{row['times']:,}") for row in rows]
    return table(("guard that acted", "why", ">times"), lines, width)


def _near(rows: Sequence[Row], width: int) -> "RenderableType | None":
    from gamma.cli.tables import table

    near = [row for row in rows if row["leeway_frac"] is not None and row["leeway_frac"] <= NEAR_FRAC]
    if not near:
        return None
    lines = [(row["name"], *_dial(row), where) for row, where in _once(near)]
    return table(("guard near its limit", ">now", ">limit", ">left", "strategy"), lines, width)


def _once(rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """Rows of one guard that say the same of several strategies as one, with the names of these."""
    for _, same in groupby(sorted(rows, key=lambda row: row["name"]), key=lambda row: row["name"]):
        dials: dict[tuple[str, ...], list[Row]] = {}
        for row in same:
            dials.setdefault(_dial(row), []).append(row)
        for several in dials.values():
            yield several[0], ", ".join(row["strategy"] for row in several)


def _show_guards(out: "Console", rows: Sequence[Row]) -> None:
    """Print every guard: a line of what it is, one a dial, and what stands behind it."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    strategies = {row["strategy"] for row in rows}
    names = dict.fromkeys(row["name"] for row in rows)
    for name in names:
        mine = [row for row in rows if row["name"] == name]
        first = mine[0]
        out.print(Text.assemble((name, "bold"), f"  {first['id']}  ", (f"looks at {_seen(first['scope'])}", "dim")))
        lines = Table.grid(padding=(0, 2))
        lines.add_column(style="dim", no_wrap=True)
        lines.add_column()
        for row, where in _once(mine):
            now, limit, left = _dial(row)
            if (now, limit) != ("-", "-"):
                of = f"{where}: " if len(strategies) > 1 and len({*map(_dial, mine)}) > 1 else ""
                lines.add_row("dial", f"{of}now {now}, limit {limit}" + (f", {left} left" if left != "-" else ""))
        for word in ("measures", "resets", "latches"):
            lines.add_row(word, Text(first[word]))
        out.print(Padding(lines, (0, 0, 1, 2)))


def _seen(scope: str) -> str:
    return {"all": "entries and exits"}.get(scope, scope)


def _dial(row: Row) -> tuple[str, str, str]:
    left = row["leeway_frac"]
    return _number(row["now"]), _number(row["limit"]), "-" if left is None else f"{left:.0%}"


def _number(value: float | str | None) -> str:
    if isinstance(value, str) or value is None:
        return value or "-"
    if 0 < abs(value) < 0.005:
        return f"{value:.2g}"
    return f"{round(value, 2) + 0.0:,.10g}" if value == value else "-"
