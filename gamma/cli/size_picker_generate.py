"""`gamma size-picker generate`: trades with the outcome of every size, simulated, or cut from real bars."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from gamma.cli.output import AsJson, console, print_json
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gamma.feeds.series import Series
    from gamma.ports import TradeSets

Bars = Annotated[
    list[Path] | None,
    typer.Option("--bars", "-b", help="Cut real trades from CSV or Parquet instead; again for more.", metavar="FILE"),
]
MARKET: Final = "XAU_USD"
BAR_S: Final = 3600
T = TypeVar("T")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("generate")(generate)


def generate(  # noqa: PLR0913 - each option is a parameter
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.", metavar="FOLDER")],
    bars: Bars = None,
    days: Annotated[
        list[str] | None,
        typer.Option(help="Enter trades on these days alone; again for each --bars.", metavar="FROM..TO"),
    ] = None,
    market: Annotated[
        Path | None,
        typer.Option(help="Simulate what gamma size-picker fit wrote; what ships by default.", metavar="FILE.toml"),
    ] = None,
    term: Annotated[
        list[str] | None,
        typer.Option(help="A term of the broker, as reading=B or leverage=50; again for more.", metavar="NAME=VALUE"),
    ] = None,
    symbol: Annotated[
        str, typer.Option(help="What is traded: XAU_USD, or a micro such as MNQ above a floor.", metavar="MARKET")
    ] = MARKET,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.", min=0, max=2**32 - 1)] = 1,
    small: Annotated[int, typer.Option(help="Simulated trades that up to 1.5 oz would suit best.", min=1)] = 100_000,
    mid: Annotated[int, typer.Option(help="Up to 3.0 oz.", min=1)] = 100_000,
    big: Annotated[int, typer.Option(help="More than 3.0 oz.", min=1)] = 100_000,
    balanced: Annotated[
        int | None,
        typer.Option(help="Of each of the three, in the balanced set; 33 % of the fewest by default.", min=1),
    ] = None,
    remainder: Annotated[
        int | None, typer.Option(help="Of the others, for reinforcement; two thirds of all by default.", min=0)
    ] = None,
    natural: Annotated[int, typer.Option(help="More trades, as they come, to judge with.", min=0)] = 50_000,
    as_json: AsJson = False,
) -> None:
    """Make trades on hourly bars, of gold unless --symbol says another, with what became of each at 0 and all 30 sizes.

    They are simulated, and sorted by the size that hindsight would pick; weights restore the natural mix. With --bars
    they are cut from real bars by the same rules of entry and exit, as they come.

    Example: gamma size-picker generate --out trades --small 500 --mid 500 --big 500 --natural 500
    """
    from gamma.ports import TradeSetsOrder

    if out.exists():
        raise InputInvalid(f"--out {out}: is there already; name a folder that is not")
    if days and not bars:
        raise InputInvalid(f"--days {days[0]}: is of the --bars, and there are none; leave it out")
    maker, every = trade_sets(), small + mid + big
    equal = balanced or max(1, min(small, mid, big) * 33 // 100)
    order = TradeSetsOrder(
        out=out,
        seed=seed,
        small=small,
        mid=mid,
        big=big,
        balanced=equal,
        remainder=remainder if remainder is not None else min(2 * every // 3, every - 3 * equal),
        natural=natural,
        symbol=symbol,
        bars=read(bars or (), days or (), maker.warm_up_bars, symbol),
        sources=tuple(str(file) for file in bars or ()),
        market=market,
        terms=dict(_term(text) for text in term or ()),
    )
    followed(maker.make(order), quiet=as_json)
    told = maker.told(out)
    if as_json:
        print_json(told)
        return
    _show(told)


def _term(text: str) -> "tuple[str, float | str]":
    name, equals, value = text.partition("=")
    if not equals:
        raise InputInvalid(f"--term {text}: write it as NAME=VALUE, such as reading=B")
    try:
        return name, float(value)
    except ValueError:
        return name, value


def trade_sets() -> "TradeSets":
    """What makes trades, and finds them again."""
    from gamma import plugins

    sets: TradeSets = plugins.named(plugins.SIZE_PICKERS, "sets").load()()
    return sets


def read(
    files: "Sequence[Path]", days: "Sequence[str]" = (), before: int = 0, symbol: str = MARKET
) -> "tuple[Series, ...]":
    """Hourly bars of a market, of files of hours or shorter: all of them, or those of days and so many before them.

    The days are those of all files, or of each its own.

    Raises: InputInvalid.
    """
    from gamma.feeds.bar_file import Wanted, load_bars

    if len(days) > 1 and len(days) != len(files):
        raise InputInvalid(f"--days: {len(days)} of them for {len(files)} --bars; give one for all, or one for each")
    found = [load_bars(file, symbol, Wanted(bar_s=BAR_S)).series for file in files]
    spans = days if len(days) == len(files) else [*days, ""][:1] * len(files)
    return tuple(_cut(*one, before) if one[2] else one[0] for one in zip(found, files, spans, strict=True))


def _cut(series: "Series", file: Path, days: str, before: int) -> "Series":
    """The bars that open on these days of UTC, and so many before them."""
    import numpy as np

    from gamma.cli.evaluate import span_of

    span = span_of(days, series.market)
    edges = np.array([span.first, span.last], "M8[D]") + np.array([0, 1])
    first, last = np.searchsorted(series.ts_open_utc_ns, edges.astype("M8[ns]").astype(np.int64)).tolist()
    if first == last:
        raise InputInvalid(f"--days {days}: {file} has no bar of them")
    return series.rows(slice(max(first - before, 0), last))


def followed(told: "Iterable[T]", *, quiet: bool) -> "T":
    """Show what is told while it lasts, as a bar on standard error; gives what was told last."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from gamma.ports import Progressed

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    one = None
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("begins", total=None)
        for one in told:
            if isinstance(one, Progressed):
                progress.update(task, description=one.what, completed=one.done, total=one.of)
    assert one is not None  # noqa: S101 - something is always told
    return one


def _show(told: "Mapping[str, Any]") -> None:
    from rich.markup import escape

    from gamma.cli.tables import table

    out = console()
    rows = [(name, f"{part['trades']:,}", *(f"{n:,}" for n in part["classes"])) for name, part in told["parts"].items()]
    out.print(table(["set", ">trades", ">small", ">mid", ">big"], rows, out.width))
    shares = ", ".join(f"{share:.1%} {name}" for name, share in told["natural_shares"].items())
    out.print(f"as they come: {shares}")
    for note in told["notes"]:
        out.print(f"  [yellow]note[/] {escape(note)}")
    out.print(f"[green]✓[/] {escape(told['folder'])}: {told['bytes'] / 1e6:,.1f} MB, hash {told['sha256'][:12]}")
