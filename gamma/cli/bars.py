"""`gamma bars`: files of bars looked over, and joined into what a policy is trained on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gamma.cli.output import AsJson, console, group, print_json, working
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.calendar.rolls import RollRule
    from gamma.feeds.contracts import Roll
    from gamma.feeds.joining import Source
    from gamma.feeds.series import Series

app = group("Files of bars: what is odd in them, and several made into one.")

Files = Annotated[list[Path], typer.Argument(help="CSV or Parquet of one market.", metavar="FILE...")]
OfMarket = Annotated[str, typer.Option("--market", "-m", help="What the bars are of.", metavar="SYMBOL")]
Zone = Annotated[str, typer.Option(help="Of times that name none.", metavar="ZONE")]
Against = Annotated[
    Path | None, typer.Option(help="Adjusted bars of the same time, which tell the rolls exactly.", metavar="FILE")
]

SHOWN: Final = 5
OUTSIDE_MAX_FRAC: Final = 0.01
OFF_TICK_MAX_FRAC: Final = 0.5


@app.callback()
def _bars() -> None:
    """Files of bars: what is odd in them, and several made into one."""


@app.command()
def check(
    files: Files,
    *,
    market: OfMarket,
    against: Against = None,
    timezone: Zone = "UTC",
    as_json: AsJson = False,
) -> None:
    """Look files over: bad rows, holes in sessions, spikes, frozen prices, and rolls that show as jumps.

    Nothing is written. A spike stands out beyond both neighbours by more than 20 median ranges of the 61 bars around
    it. A price is frozen that does not move for half an hour of the cash session.

    Example: gamma bars check NQ_15m.parquet --market NQ --against NQ_5m_adjusted.parquet
    """
    from gamma.feeds.bar_file import Wanted
    from gamma.feeds.joining import look_over

    with working("reading"):
        sources = look_over(files, market, Wanted(skip_bad=True, timezone=timezone), against)
    told = [_told(source) for source in sources]
    if as_json:
        print_json({"market": market, "files": told})
        return
    for one in told:
        _show(one)


@app.command()
def join(  # noqa: PLR0913 - each option is a parameter
    files: Files,
    *,
    market: OfMarket,
    out: Annotated[Path, typer.Option("--out", "-o", help="The Parquet to write.", metavar="FILE")],
    bar_s: Annotated[int | None, typer.Option(help="Make bars of this length.", metavar="SECONDS")] = None,
    days: Annotated[str, typer.Option(help="Keep these trading days alone.", metavar="FROM..TO")] = "",
    roll: Annotated[
        str, typer.Option(help="When a contract rolls; by default when the exchange named it.", metavar="RULE")
    ] = "",
    unadjusted: Annotated[bool, typer.Option("--unadjusted", help="Leave the gaps of rolls in.")] = False,
    level: Annotated[bool, typer.Option("--level", help="Take out the rolls that show in continuous files.")] = False,
    against: Against = None,
    timezone: Zone = "UTC",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out instead of refusing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make one file of bars of contracts, or of years of a continuous contract.

    A contract is told by the symbol of its rows or the name of its file (NQH5, NQ-202503). Earlier contracts are moved
    by the gaps of their rolls, in points, so that differences stay true; the last one keeps the prices that traded.

    Example: gamma bars join NQZ4.csv NQH5.csv --market NQ --bar-s 300 --out NQ_5m.parquet
    """
    from gamma.feeds.bar_file import Wanted
    from gamma.feeds.importer import write_bars
    from gamma.feeds.joining import Plan, look_over
    from gamma.feeds.joining import join as join_sources

    if out.suffix.lower() != ".parquet":
        raise InputInvalid(f"--out {out}: write a name that ends with .parquet")
    with working("reading"):
        sources = look_over(files, market, Wanted(skip_bad=skip_bad, timezone=timezone), against)
        made = join_sources(sources, Plan(rule=_rule(roll), adjust=not unadjusted, level=level, bar_s=bar_s))
        series = _cut(made.series, days) if days else made.series
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bars(series, out)
    moved = level if not sources[0].month else not unadjusted
    told = {
        "market": market,
        "bars": str(out),
        "rows": len(series),
        "bar_s": series.bar_s,
        "first": _iso(int(series.ts_open_utc_ns[0])),
        "last": _iso(int(series.ts_close_utc_ns[-1])),
        "adjusted": moved,
        "rolls": [_roll(one) for one in made.rolls],
        "files": [_told(source) for source in sources],
    }
    if as_json:
        print_json(told)
        return
    _show_made(told)


def _cut(series: "Series", days: str) -> "Series":
    from gamma.cli.evaluate import span_of
    from gamma.rehearsal.promotion import BarFile, held

    return held([BarFile(series=series, name="", sha256="")], span_of(days, series.market)).series


def _rule(name: str) -> "RollRule | None":
    from gamma.calendar.rolls import RollRule

    if name and name not in tuple(RollRule):
        raise InputInvalid(f"--roll {name!r} is no rule of rolls; known: {', '.join(RollRule)}")
    return RollRule(name) if name else None


def _told(source: "Source") -> dict[str, Any]:
    from dataclasses import asdict

    series, found = source.loaded.series, source.found
    cash = [hole for hole in found.holes if hole.in_cash]
    return {
        "file": str(source.path),
        "symbol": source.symbol,
        "contract": source.month,
        "bar_s": series.bar_s,
        "first": _iso(int(series.ts_open_utc_ns[0])),
        "last": _iso(int(series.ts_close_utc_ns[-1])),
        "quality": asdict(source.loaded.quality),
        "bad_rows": [str(row) for row in source.loaded.bad[:SHOWN]],
        "holes": len(found.holes),
        "holes_in_cash": len(cash),
        "bars_missing": sum(hole.bars for hole in found.holes),
        "longest_holes": [
            {"from": _iso(h.ts_from_utc_ns), "to": _iso(h.ts_to_utc_ns), "bars": h.bars, "in_cash": h.in_cash}
            for h in sorted(found.holes, key=lambda hole: -hole.bars)[:SHOWN]
        ],
        "spikes": [
            {"at": _iso(s.ts_open_utc_ns), "beyond_points": s.beyond_points, "ranges": s.ranges} for s in found.spikes
        ],
        "frozen": [{"from": _iso(f.ts_from_utc_ns), "to": _iso(f.ts_to_utc_ns), "bars": f.bars} for f in found.frozen],
        "without_volume": found.idle,
        "rolls": [_roll(one) for one in source.rolls],
        "notes": [*source.loaded.notes, *_notes(source)],
    }


def _notes(source: "Source") -> list[str]:
    quality, found = source.loaded.quality, []
    if quality.rows_outside_session > OUTSIDE_MAX_FRAC * quality.rows:
        found.append(
            f"{quality.rows_outside_session / quality.rows:.1%} of the bars lie outside all sessions: are the times "
            "UTC? --timezone names another zone"
        )
    if quality.rows_off_tick > OFF_TICK_MAX_FRAC * quality.rows:
        off = f"{quality.rows_off_tick / quality.rows:.1%} of the bars are off tick"
        found.append(f"{off}: the prices were adjusted by ratio, and are not those that traded")
    if any(roll.found_by == "jump" for roll in source.rolls):
        found.append("the prices jump as at rolls: give single contracts, or adjusted bars, or join with --level")
    return found


def _roll(roll: "Roll") -> dict[str, object]:
    return {
        "at": _iso(roll.ts_utc_ns),
        "gap_points": roll.gap_points,
        "found_by": roll.found_by,
        "before": roll.before,
        "after": roll.after,
    }


def _iso(ts_utc_ns: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ts_utc_ns // 1_000_000_000, UTC).isoformat()


def _show(told: Mapping[str, Any]) -> None:
    from rich.markup import escape

    out, quality = console(), told["quality"]
    named = f", contract {told['contract']}" if told["contract"] else ""
    out.print(f"[bold]{escape(told['file'])}[/]{named}: {quality['rows']:,} bars of {told['bar_s']} s")
    out.print(f"  {told['first']} to {told['last']}", style="dim")
    out.print(
        f"  {quality['rows_bad']:,} bad rows, {quality['rows_off_tick']:,} off tick, "
        f"{quality['rows_outside_session']:,} outside sessions, {quality['sessions_missing']:,} sessions missing"
    )
    out.print(
        f"  {told['holes']:,} holes of {told['bars_missing']:,} bars, {told['holes_in_cash']:,} of them in the "
        f"cash session; {len(told['spikes'])} spikes; {len(told['frozen'])} frozen; "
        f"{told['without_volume']:,} bars without volume"
    )
    for row in told["bad_rows"]:
        out.print(f"  [yellow]bad row[/] {escape(row)}")
    for hole in told["longest_holes"]:
        out.print(f"  [yellow]hole[/] {hole['from']} to {hole['to']}, {hole['bars']:,} bars")
    for spike in told["spikes"][:SHOWN]:
        told_points = f"{spike['beyond_points']:,.2f} points, {spike['ranges']:.0f} median ranges"
        out.print(f"  [yellow]spike[/] {spike['at']} {told_points}")
    for still in told["frozen"][:SHOWN]:
        out.print(f"  [yellow]frozen[/] {still['from']} to {still['to']}, {still['bars']:,} bars")
    _show_rolls(told["rolls"])
    for note in told["notes"]:
        out.print(f"  [yellow]note[/] {escape(note)}")


def _show_rolls(rolls: Sequence[Mapping[str, Any]]) -> None:
    for roll in rolls:
        named = f" {roll['before']} to {roll['after']}," if roll["before"] else ""
        console().print(f"  roll {roll['at']},{named} {_points(roll['gap_points'])}, found by {roll['found_by']}")


def _points(gap_points: float) -> str:
    return f"{gap_points:+,.2f} points" if gap_points == gap_points else "gap unknown"


def _show_made(told: Mapping[str, Any]) -> None:
    from rich.markup import escape

    for one in told["files"]:
        _show({**one, "rolls": []})
    out = console()
    out.print(f"[green]✓[/] {escape(told['bars'])}: {told['rows']:,} bars of {told['bar_s']} s")
    _show_rolls(told["rolls"])
    if told["rolls"]:
        said = (
            "the gaps are taken out; the last prices are those that traded" if told["adjusted"] else "the gaps are in"
        )
        out.print(f"  {said}")
