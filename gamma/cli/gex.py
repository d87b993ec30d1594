"""`gamma gex`: dealers' gamma exposure by strike, from a file of an option chain."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gamma.cli.chosen import configuration
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json, working
from gamma.errors import ConfigInvalid, InputInvalid

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from gamma.gex import Profile
    from gamma.options import Chain

STRIKES_SHOWN: Final = 16
WINDOW_FRAC: Final = 0.06
BAR_MIN, BAR_MAX, TAKEN = 12, 40, 52
WORDS: Final = {
    "feed": "the feed's",
    "own": "own, from the feed's volatility",
    "implied": "own, from the mid",
    "rounded": "the feed's, rounded",
    "blind": "no gamma to be had",
    "expired": "expired",
    "later": "settle later",
    "unheld": "held by nobody",
}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gex")(gex)


def gex(  # noqa: PLR0913 - each option is a parameter
    source: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet of an option chain, or Cboe's.", metavar="[FILE]")
    ] = None,
    *,
    broker: Annotated[str, typer.Option("--broker", help="Ask this broker for the chain of now.", metavar="NAME")] = "",
    underlying: Annotated[str, typer.Option("--underlying", "-u", help="Of several, this.", metavar="SYMBOL")] = "",
    snapshot: Annotated[str, typer.Option(help="Of several chains, that of this `snapshot_id`.", metavar="ID")] = "",
    at: Annotated[str, typer.Option(help="When it was quoted, where the file does not tell.", metavar="TIME")] = "",
    days: Annotated[float | None, typer.Option(help="Only options that settle within so many days.")] = None,
    rate: Annotated[float, typer.Option(help="Interest rate a year, as a fraction.")] = 0.0,
    picture: Annotated[Path | None, typer.Option(help="Draw it.", metavar="FILE.png")] = None,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show where dealers who hedge options hold the index, and where they go with it: pin, flip and walls.

    Of several chains in a file it is the last one; a broker tells that of now. Dealers are taken to be long calls and
    short puts.

    Example: gamma gex spx_quotedata.csv --days 1 --picture gex.png
    """
    from gamma.gex import Reading, profile
    from gamma.params import parse

    given = {"rate": rate} | ({} if days is None else {"days_max": days})
    how = parse(Reading, given, "gex")
    if (source is None) == (not broker):
        raise InputInvalid("name a file of a chain, or a broker that tells one: --broker NAME")
    if source is None:
        with working(f"asking {broker}"):
            found = profile(_asked(path, broker, underlying or "SPX", 1.0 if days is None else days), how)
    else:
        with working(f"reading {source}"):
            found = profile(_read(source, underlying, snapshot, at), how)
    if picture is not None:
        _draw(found, picture)
    if as_json:
        print_json(_told(found))
        return
    out = console()
    _show(out, found)
    if picture is not None:
        out.print(f"\ndrawn: [bold]{picture}[/]")


def _read(source: Path, underlying: str, snapshot: str, at: str) -> "Chain":
    from gamma.feeds.chain_file import ChainWanted, load_chains, time_utc_ns

    ts = time_utc_ns(at) if at else None
    return _one(
        source, load_chains(source, ChainWanted(underlying=underlying, snapshot=snapshot, ts_utc_ns=ts)), snapshot
    )


def _asked(path: Path, name: str, underlying: str, days: float) -> "Chain":
    """The chain of now.

    Raises: ConfigInvalid when the broker tells none; Transient.
    """
    import asyncio

    from gamma.cli.brokers_check import opened
    from gamma.feeds.live_chains import ChainSource, fetched

    async def ask() -> "Chain":
        broker = opened(configuration(path), name)
        try:
            if not isinstance(broker, ChainSource):
                raise ConfigInvalid(f"{name} tells no option chains")
            await broker.connect()
            return await fetched(broker, underlying, days, "")
        finally:
            await broker.close()

    return asyncio.run(ask())


def _one(source: Path, chains: "list[Chain]", snapshot: str) -> "Chain":
    """The last chain; of several of one time it must be said which."""
    latest = [chain for chain in chains if chain.ts_utc_ns == chains[-1].ts_utc_ns]
    if len(latest) > 1 and not snapshot:
        raise InputInvalid(f"{source}: has {len(latest)} chains of the same time; choose one with --snapshot")
    return latest[-1]


def _draw(found: "Profile", picture: Path) -> None:
    from gamma.cli.gex_picture import gex_png

    if picture.suffix != ".png":
        raise InputInvalid(f"--picture {str(picture)!r}: pictures are PNG; give a name that ends in .png")
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(gex_png(found))


def _told(found: "Profile") -> dict[str, Any]:
    from dataclasses import asdict

    levels = ("spot_points", "pin_points", "flip_points", "call_wall_points", "put_wall_points", "sum_usd")
    by_strike = zip(found.strikes_points, found.call_usd, found.put_usd, strict=True)
    return {
        "underlying": found.underlying,
        "ts_utc_ns": found.ts_utc_ns,
        **{name: getattr(found, name) for name in levels},
        "counted": asdict(found.counted),
        "strikes": [{"strike_points": k, "call_usd": c, "put_usd": p} for k, c, p in by_strike],
        "levels": [
            {"spot_points": s, "total_usd": t} for s, t in zip(found.levels_points, found.total_usd, strict=True)
        ],
    }


def _show(out: "Console", found: "Profile") -> None:
    from datetime import UTC, datetime

    from rich.markup import escape
    from rich.table import Table

    when = datetime.fromtimestamp(found.ts_utc_ns // 10**9, UTC)
    out.print(f"[bold]{escape(found.underlying)}[/] {found.spot_points:,.2f}, {when:%Y-%m-%d %H:%M} UTC")
    side = "dealers hold the index" if found.sum_usd > 0 else "dealers go with the index"
    sums = Table.grid(padding=(0, 2))
    sums.add_column(style="dim")
    sums.add_column()
    sums.add_row("gamma exposure", f"{usd_short(found.sum_usd)} per 1 % move: {side}")
    sums.add_row("pin", _level(found, found.pin_points))
    sums.add_row("flip", _level(found, found.flip_points))
    sums.add_row("call wall", _level(found, found.call_wall_points))
    sums.add_row("put wall", _level(found, found.put_wall_points))
    out.print(sums)
    out.print()
    _strikes(out, found)
    counted = found.counted
    used = [f"{getattr(counted, name):,} {WORDS[name]}" for name in ("feed", "own", "implied", "rounded")]
    left = [f"{getattr(counted, name):,} {WORDS[name]}" for name in ("expired", "later", "unheld", "blind")]
    blind = f" ({counted.blind_contracts:,} contracts)" if counted.blind else ""
    out.print(f"\n[dim]{counted.rows:,} options. Gamma: {', '.join(n for n in used if n[:2] != '0 ')}.[/]")
    out.print(f"[dim]Left out: {', '.join(n for n in left if n[:2] != '0 ')}{blind}.[/]")


def _level(found: "Profile", points: float) -> str:
    if points != points:
        return "none"
    away = found.spot_points - points
    where = "at the spot" if abs(away) < 0.005 else f"spot {abs(away):,.2f} {'above' if away > 0 else 'below'}"
    return f"{points:,.2f}  {where}"


def usd_short(usd: float) -> str:
    """Dollars in billions or millions, signed."""
    unit, name = (1e9, "bn") if abs(usd) >= 1e9 else (1e6, "m")
    return f"{usd / unit:+,.2f} {name} usd"


def _strikes(out: "Console", found: "Profile") -> None:
    """The largest strikes near the spot, highest first, with the spot among them."""
    import numpy as np
    from rich.text import Text

    from gamma.cli.tables import table

    near = np.abs(found.strikes_points / found.spot_points - 1) <= WINDOW_FRAC
    shown = np.nonzero(near)[0]
    marks = _marks(found)
    must = np.isin(found.strikes_points[shown], list(marks))
    order = np.lexsort((-np.abs(found.net_usd[shown]), ~must))
    shown = np.sort(shown[order[:STRIKES_SHOWN]])[::-1]
    if not len(shown):
        out.print("[dim]No strike near the spot has exposure.[/]")
        return
    largest = float(np.abs(found.net_usd[shown]).max()) or 1.0
    unit, name = (1e9, "bn") if largest >= 1e9 else (1e6, "m")
    half = max(BAR_MIN, min(BAR_MAX, out.width - TAKEN)) // 2
    rows: list[tuple[str | Text, ...]] = []
    above = True
    for at in shown:
        if above and found.strikes_points[at] < found.spot_points:
            rows.append((Text(f"{found.spot_points:,.2f}", style="dim"), "", "", "", Text("spot", style="dim"), ""))
            above = False
        call, put = found.call_usd[at] / unit, found.put_usd[at] / unit
        strike = float(found.strikes_points[at])
        bar = _bar(float(found.net_usd[at]) / largest, half)
        rows.append(
            (f"{strike:,.6g}", f"{call:,.2f}", f"{put:,.2f}", f"{call + put:+,.2f}", bar, marks.get(strike, ""))
        )
    out.print(
        table(
            (">strike", f">calls [{name}]", f">puts [{name}]", ">net", " " * (half - 2) + "- 0 +", ""), rows, out.width
        )
    )


def _marks(found: "Profile") -> dict[float, str]:
    """What each marked strike is."""
    marks: dict[float, str] = {}
    for points, word in (
        (found.pin_points, "pin"),
        (found.call_wall_points, "call wall"),
        (found.put_wall_points, "put wall"),
    ):
        if points == points:
            marks[points] = f"{marks[points]}, {word}" if points in marks else word
    return marks


def _bar(share: float, half: int) -> "Text":
    from rich.text import Text

    size = min(half, max(1, round(abs(share) * half))) if share else 0
    if share < 0:
        return Text(" " * (half - size)).append("▒" * size, style="yellow").append(" " * (half + 1))
    return Text(" " * (half + 1)).append("█" * size, style="blue").append(" " * (half - size))
