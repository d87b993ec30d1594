"""The sections of a report, in the order in which they are read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from gamma.history.figures import Figure, figures
from gamma.report import baselines, equity, event_markets, groups, halts, months, regimes, rolling, sizing, trades
from gamma.report.drawing import bars, lying
from gamma.report.form import Picture, Section, Table
from gamma.report.groups import Group
from gamma.report.subject import Subject
from gamma.report.wording import counted, interval, signed_usd, titled, unit, usd, valued

_NONE: Final = "No trade was closed."


def sections(subject: Subject) -> list[Section]:
    """All that is to be said of the subject."""
    traded, found = bool(subject.history.trades), figures([subject.history])
    first, events = equity.section(subject), event_markets.section(subject)
    of_trades: list[tuple[str, str, Callable[[Subject], Section]]] = [
        ("trades", "Trades", trades.section),
        ("hours", "By hour", hours),
        ("sides", "By side", sides),
        ("regimes", "By regime", regimes.section),
    ]
    return [
        replace(first, words=[in_short(subject, found), *first.words]),
        all_figures(found, subject.fees_estimated_usd),
        months.section(subject),
        rolling.section(subject),
        *(
            make(subject) if traded else Section(name=name, title=title, words=[_NONE])
            for name, title, make in of_trades
        ),
        sizing.section(subject),
        *([events] if events else []),
        halts.section(subject),
        baselines.section(subject),
        provenance(subject),
    ]


def in_short(subject: Subject, found: Sequence[Figure]) -> str:
    """What came of it, and whether its sign is known."""
    told, by_name = subject.history, {one.name: one for one in found}
    gained = signed_usd(told.end_usd - told.start_usd)
    text = f"{gained} usd in {counted(len(told.sessions), 'session')} and {counted(len(told.trades), 'trade')}."
    mean = by_name.get("pnl_per_session_usd")
    if mean is None or not mean.has_interval:
        return text
    if mean.low <= 0 <= mean.high:
        said = "with 0 within: it may be luck"
    else:
        said = "all above 0" if mean.low > 0 else "all below 0"
    return f"{text} A session made {usd(mean.value)} usd; the 95 % interval is {interval(mean)}, {said}."


def all_figures(found: Sequence[Figure], fees_estimated_usd: float = 0.0) -> Section:
    """Every figure with its interval, and how much of the fees the broker did not tell."""
    words = [
        "Intervals are of 95 %: Wilson's for shares, the stationary bootstrap for the others.",
        "One that holds 0 says that nothing is known of the sign.",
        "Sharpe is of changes from session to session over the starting capital.",
    ]
    if fees_estimated_usd:
        told = usd(fees_estimated_usd)
        words.append(f"Of the fees {told} usd are estimated: the market's commission, where the broker tells none.")
    table = figure_table("All figures, P&L net of fees", found)
    return Section(name="figures", title="Figures", words=words, tables=[table])


def figure_table(caption: str, found: Sequence[Figure]) -> Table:
    """Figures with their units and intervals."""
    rows = [(titled(one.name), unit(one.name), valued(one.name, one.value), interval(one)) for one in found]
    return Table(caption=caption, columns=("figure", "unit", "value", "95 % interval"), rows=rows, numbers=(2, 3))


def hours(subject: Subject) -> Section:
    """P&L by the hour of the entry."""
    found = groups.by_hour(subject.history.trades)
    drawn = Picture(
        name="hours",
        figure=bars(found, "hour of the entry [New York]"),
        caption="P&L by the hour in New York in which trades were opened, with its 95 % interval.",
        alt=_most("P&L by hour", found, "hour "),
        height_in=2.6,
    )
    return Section(
        name="hours", title="By hour", pictures=[drawn], tables=[groups.table("Hours in numbers", "hour", found)]
    )


def sides(subject: Subject) -> Section:
    """P&L of buyers and sellers; of strategies and markets too, where there are several."""
    told = subject.history.trades
    found = groups.by_side(told)
    drawn = Picture(
        name="sides",
        figure=lying(found),
        caption="P&L of long and short trades, with its 95 % interval.",
        alt=_most("P&L by side", found),
        height_in=1.5,
    )
    tables = [groups.table("Sides in numbers", "side", found)]
    for caption, first, own in (
        ("Markets in numbers", "market", groups.grouped(told, lambda trade: trade.market)),
        ("Strategies in numbers", "strategy", groups.grouped(told, lambda trade: trade.strategy)),
    ):
        if len(own) > 1:
            tables.append(groups.table(caption, first, own))
    return Section(name="sides", title="By side", pictures=[drawn], tables=tables)


def provenance(subject: Subject) -> Section:
    """What the report was made from."""
    rows = [("source", subject.source), *subject.hashes.items()]
    return Section(
        name="provenance",
        title="Data, configuration and code",
        words=["The same data and code make the same report, byte for byte."],
        tables=[Table(caption="What this was made from", columns=("what", "name or SHA-256"), rows=rows)],
    )


def _most(what: str, found: Sequence[Group], before: str = "") -> str:
    best, worst = max(found, key=lambda one: one.pnl_usd), min(found, key=lambda one: one.pnl_usd)
    return (
        f"{what}: most in {before}{best.label}, {usd(best.pnl_usd)} usd; "
        f"least in {before}{worst.label}, {usd(worst.pnl_usd)} usd."
    )
