"""`gamma compare`: a paper ledger against a live one of the same strategies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gamma.cli.chosen import configuration
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json
from gamma.cli.wording import clock, usd
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from rich.console import Console

    from gamma.markets import Market
    from gamma.parity import Ledgered

SHOWN: Final = 10


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    paper: Annotated[str, typer.Argument(help="The paper ledger: a file, or its URL.", metavar="PAPER")],
    live: Annotated[str, typer.Argument(help="The live ledger: a file, or its URL.", metavar="LIVE")],
    *,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Compare two ledgers of the same strategies and days, slot by slot: what was wanted, sized and filled.

    Live slippage is held against that of paper, in ticks. Nothing is written.

    Example: gamma compare paper/gamma.db live/gamma.db
    """
    from gamma.parity import compare as compared

    modelled, real = _read(paper), _read(live)
    told = compared(modelled, real, _markets(path, modelled.markets | real.markets))
    if as_json:
        print_json(told)
    else:
        _show(console(), told)


def _read(place: str) -> "Ledgered":
    from gamma.ledger import Reader
    from gamma.parity import of_ledger

    url = place if "://" in place else f"sqlite:///{place}"
    if "://" not in place and not Path(place).is_file():
        raise InputInvalid(f"{place} is no file; give the file of a ledger, or its URL")
    with Reader.open(url) as reader:
        return of_ledger(reader)


def _markets(path: Path, symbols: frozenset[str]) -> Mapping[str, "Market"]:
    """Their terms: of the configuration where there is one."""
    from gamma.markets import market

    config = configuration(path) if path != DEFAULT_CONFIG or path.exists() else None
    return {symbol: config.market(symbol) if config is not None else market(symbol) for symbol in symbols}


def _show(out: "Console", told: Mapping[str, Any]) -> None:
    from rich.text import Text

    from gamma.cli.tables import table

    heads = [
        (name, told[name]["account"], told[name]["mode"], f"{told[name]['events']:,}", usd(told[name]["pnl_usd"]))
        for name in ("paper", "live")
    ]
    out.print(table(("ledger", "account", "mode", ">events", ">P&L usd"), heads, out.width))
    slots, signals, sizes, fills = told["slots"], told["signals"], told["sizes"], told["fills"]
    span = f"{clock(told['ts_first_utc_ns'])} to {clock(told['ts_last_utc_ns'])}"
    out.print(Text(f"\n{span}: {slots['both']:,} slots of both", style="bold"))
    agree = f"{signals['agree']:,} of {signals['acted']:,} on which either acted"
    share = f", {signals['agree_low_frac']:.1%} to {signals['agree_high_frac']:.1%} likely" if signals["acted"] else ""
    rows = [
        ("decided by one alone", f"{slots['only_paper']:,} on paper, {slots['only_live']:,} live"),
        ("signals agree", agree + share),
        ("sizes agree", f"{sizes['same']:,} of {sizes['same'] + len(sizes['differ']):,} same signals"),
        ("fills missed", f"{fills['missed_live']:,} live, {fills['missed_paper']:,} on paper, of {fills['ordered']:,}"),
        ("live fills worse by", _ticks(told["slippage_apart_ticks"])),
    ]
    out.print(table(("", ""), rows, out.width))
    _show_slippage(out, told["slippage"])
    _show_apart(out, "signals that differ", signals["differ"], lambda r: (r["paper"], r["live"]))
    _show_apart(out, "sizes that differ", sizes["differ"], lambda r: (_size(r, "paper"), _size(r, "live")))
    _show_apart(out, "fills missed", fills["missed"], lambda r: (_filled(r, "paper"), _filled(r, "live")))


def _show_slippage(out: "Console", rows: Sequence[Mapping[str, Any]]) -> None:
    from gamma.cli.tables import table

    if not rows:
        return
    lines = [
        (
            f"{one['market']} {one['of']}",
            f"{one['expected_ticks']:g}",
            _ticks(one["paper"]),
            _ticks(one["live"]),
            _chance(one["live_above_paper_p"]),
        )
        for one in rows
    ]
    out.print()
    out.print(table(("slippage, ticks", ">expected", ">paper", ">live", ">p of live"), lines, out.width))


def _show_apart(out: "Console", title: str, rows: Sequence[Mapping[str, Any]], cells: Any) -> None:
    from gamma.cli.tables import table

    if not rows:
        return
    lines = [(clock(row["slot_utc_ns"]), row["strategy"], *cells(row)) for row in rows[:SHOWN]]
    out.print()
    out.print(table((title, "strategy", "paper", "live"), lines, out.width))
    if len(rows) > SHOWN:
        out.print(f"[dim]and {len(rows) - SHOWN:,} more: --json has all[/]")


def _size(row: Mapping[str, Any], side: str) -> str:
    return f"{row[f'{side}_lots']} by {row[f'{side}_bound_by'] or '-'} ({row[f'{side}_reason']})"


def _filled(row: Mapping[str, Any], side: str) -> str:
    return f"{row[f'{side}_filled_lots']} of {row[f'{side}_lots']} ({row[f'{side}_state']})"


def _chance(p: float) -> str:
    return f"{p:.2g}" if p == p else "-"


def _ticks(of: Mapping[str, Any]) -> str:
    if not of["fills"]:
        return "-"
    interval = f" ({of['low_ticks']:.2f} to {of['high_ticks']:.2f})" if of["low_ticks"] == of["low_ticks"] else ""
    return f"{of['mean_ticks']:.2f}{interval} of {of['fills']:,}"
