"""Files of bars of one market looked over, and made into one series: years of a continuous contract, or contracts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gamma.calendar.rolls import RollRule
from gamma.errors import InputInvalid
from gamma.feeds.bar_file import Loaded, Wanted, load_bars, load_symbols
from gamma.feeds.contracts import Joined, Piece, Roll, chained, join_contracts, levelled, month_of
from gamma.feeds.inspection import Inspection, inspect
from gamma.feeds.jumps import compared, suspected
from gamma.feeds.series import Series, coarser


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The bars of one symbol of a file: `month` is "YYYY-MM" of a single contract, "" of a continuous file.

    `rolls` are those that show in a continuous file.
    """

    path: Path
    symbol: str
    month: str
    loaded: Loaded
    found: Inspection
    rolls: tuple[Roll, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How files become one series.

    `adjust` moves earlier contracts by the gaps of their rolls; `level` does so at the jumps that show in continuous
    files. `bar_s` is the length of the bars to make, None for that of the files.
    """

    rule: RollRule | None = None
    adjust: bool = True
    level: bool = False
    bar_s: int | None = None


def look_over(paths: Sequence[Path], market: str, wanted: Wanted, against: Path | None = None) -> list[Source]:
    """Read files and inspect what is in them; continuous ones are compared with `against`, which is adjusted.

    Raises: InputInvalid as `load_bars` does.
    """
    other = load_bars(against, market, Wanted(skip_bad=True, timezone=wanted.timezone)).series if against else None
    return [
        _source(path, symbol, loaded, other)
        for path in paths
        for symbol, loaded in load_symbols(path, market, wanted).items()
    ]


def join(sources: Sequence[Source], plan: Plan) -> Joined:
    """Make one series; `rolls` are those between contracts, or those that show in continuous files.

    Raises: InputInvalid when contracts and continuous files are mixed, files overlap, contracts between are missing,
        or the bars cannot be made longer so.
    """
    months = [source.month for source in sources if source.month]
    if months and len(months) < len(sources):
        single = next(source for source in sources if source.month)
        other = next(source for source in sources if not source.month)
        raise InputInvalid(
            f"{single.path} has the contract of {single.month} and {other.path} names none; join contracts, or "
            "continuous files, not both"
        )
    if months:
        joined = join_contracts(
            [Piece(month=s.month, series=s.loaded.series) for s in sources], plan.rule, adjust=plan.adjust
        )
    else:
        joined = _continuous(sources, level=plan.level)
    series = joined.series if plan.bar_s is None else coarser(joined.series, plan.bar_s)
    return Joined(series=series, rolls=joined.rolls)


def _source(path: Path, symbol: str, loaded: Loaded, other: Series | None) -> Source:
    series = loaded.series
    first = int(series.ts_open_utc_ns[0])
    named = (symbol, path.stem, path.stem.split("_")[0])
    month = next((found for name in named if (found := month_of(name, first))), "")
    rolls = () if month else compared(series, other) if other else suspected(series)
    return Source(path=path, symbol=symbol, month=month, loaded=loaded, found=inspect(series), rolls=rolls)


def _continuous(sources: Sequence[Source], *, level: bool) -> Joined:
    ordered = sorted(sources, key=lambda source: int(source.loaded.series.ts_open_utc_ns[0]))
    series = chained([source.loaded.series for source in ordered])
    rolls = tuple(roll for source in ordered for roll in source.rolls)
    return Joined(series=levelled(series, rolls) if level else series, rolls=rolls)
