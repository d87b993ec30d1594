"""`gamma replay`: what was decided, made again; the book as it was."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gamma.cli.chosen import configuration
from gamma.cli.output import DEFAULT_CONFIG, INVARIANT, AsJson, ConfigPath, console, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.ledger.reader import Reader
    from gamma.replay import Verdict


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Make every recorded decision again.")] = False,
    at: Annotated[str, typer.Option(help="Show the book as it was then (ISO time, UTC).", metavar="TIME")] = "",
    any_config: Annotated[bool, typer.Option("--any-config", help="Also decisions made under another config.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Replay the ledger: --verify makes every decision again and compares bit for bit; --at shows the book then.

    Example: gamma replay --verify
    """
    from gamma.account import opened

    config = configuration(path)
    with opened(config) as reader, reader.at_once():
        told: dict[str, Any] = {}
        if at:
            told |= _at(config, reader, _moment(at))
        if verify or not at:
            told |= _verified(config, reader, any_config=any_config, quiet=as_json)
    if as_json:
        print_json(told)
    else:
        _show(told)
    if told.get("differences"):
        raise typer.Exit(INVARIANT)


def _verified(config: "Config", reader: "Reader", *, any_config: bool, quiet: bool) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import Progress

    from gamma.assembly import rules_of
    from gamma.replay import verify

    total = reader.count("decisions")
    with Progress(console=Console(stderr=True), disable=quiet or not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("decisions", total=total)
        verdict: Verdict = verify(
            (fact for _, fact in reader.every("DecisionMade")),
            rules_of(config),
            any_config=any_config,
            progress=lambda n: progress.update(task, completed=n),
        )
    return {
        "decisions": verdict.decisions,
        "identical": verdict.identical,
        "skipped": verdict.skipped,
        "differences": [
            {"id": d.decision_id, "lots_recorded": d.lots_recorded, "lots_now": d.lots_now, "text": d.text}
            for d in verdict.differences
        ],
    }


def _at(config: "Config", reader: "Reader", ts_utc_ns: int) -> dict[str, Any]:
    from gamma.account import book_of, halt_row, positions
    from gamma.assembly import setup_of
    from gamma.markets import MICRO

    book = book_of(reader, setup_of(config), ts_utc_ns, config.gamma.database)
    return {
        "at_utc_ns": ts_utc_ns,
        "state": book.state,
        "balance_usd": book.balance_microusd / MICRO,
        "equity_usd": book.money.equity_microusd / MICRO,
        "positions": positions(book),
        "open_orders": sum(o.live or o.unresolved for o in book.orders.values()),
        "halts": [halt_row(book, h) for h in book.halts],
    }


def _show(told: dict[str, Any]) -> None:
    out = console()
    if "at_utc_ns" in told:
        out.print(
            f"{told['state']}  balance {told['balance_usd']:,.2f}  equity {told['equity_usd']:,.2f}  "
            f"{len(told['positions'])} position(s), {told['open_orders']} open order(s), {len(told['halts'])} halt(s)"
        )
        for row in told["positions"]:
            out.print(f"  {row['lots']:+d} {row['market']} of {row['strategy']} from {row['entry_points']:,.2f}")
    if "decisions" not in told:
        return
    out.print(f"{told['decisions']:,} decisions: [bold]{told['identical']:,} identical[/], bit for bit")
    if told["skipped"]:
        out.print(f"{told['skipped']:,} were made under another config and were left out; --any-config takes them too")
    for row in told["differences"]:
        out.print(f"[bold red]{row['id']}[/]: {row['lots_recorded']} then, {row['lots_now']} now ({row['text']})")


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputInvalid(f"--at {text!r} is no time; write it as 2026-06-02T14:30") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000) * 1_000
