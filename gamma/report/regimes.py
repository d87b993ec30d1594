"""What was made in each kind of market, by what was known when a trade was opened."""

from collections.abc import Sequence
from typing import Final

from gamma.history.by_regime import Stretch
from gamma.history.regimes import UNKNOWN
from gamma.report.drawing import lying
from gamma.report.form import Picture, Section, Table
from gamma.report.groups import Group
from gamma.report.subject import Subject
from gamma.report.wording import NONE, counted, number, percent, signed_usd, usd

WORDS: Final = (
    "Trend is by ADX over 14 bars: trending above 25, ranging below 20.",
    "Volatile: the average range, over the price, lies above its 75th percentile of the 20 sessions before.",
    "Bull: the close lies above the mean close of the 20 sessions before. Hours are of the cash session in New York.",
    "A trade counts by what was known when it was opened; no label looks ahead.",
    "Drawdown is the deepest fall of the account's changes in those bars alone, put in a row.",
)


def section(subject: Subject) -> Section:
    """A picture and a table a market; without bars there are none."""
    title = "By regime"
    if subject.regimes is None:
        words = ["Not told: regimes come from the market's bars. Give them with --bars FILE."]
        return Section(name="regimes", title=title, words=words)
    words = [*WORDS, *uncovered(subject)]
    drawn = [_picture(market, found) for market, found in subject.regimes.items() if any(one.trades for one in found)]
    tables = [_table(market, found) for market, found in subject.regimes.items()]
    return Section(name="regimes", title=title, words=words, pictures=drawn, tables=tables)


def uncovered(subject: Subject) -> list[str]:
    """What of the history lies outside the bars."""
    beyond = subject.trades_uncovered
    return [f"Outside the span of the bars: {counted(beyond, 'trade')}, left out here."] if beyond else []


def _picture(market: str, found: Sequence[Stretch]) -> Picture:
    groups = [
        Group(label=f"{_named(one)} ({one.trades:,})", trades=one.trades, wins=0, pnl_usd=one.net_pnl_usd)
        for one in found
        if one.trades
    ]
    best = max(found, key=lambda one: one.net_pnl_usd)
    worst = min(found, key=lambda one: one.net_pnl_usd)
    return Picture(
        name=f"regimes-{market.lower()}",
        figure=lying(groups),
        caption=f"P&L in {market} by regime; the number of trades stands behind its name.",
        alt=f"P&L in {market} by regime: most in {_named(best)}, {usd(best.net_pnl_usd)} usd; "
        f"least in {_named(worst)}, {usd(worst.net_pnl_usd)} usd.",
        height_in=0.9 + 0.22 * len(groups),
    )


def _named(one: Stretch) -> str:
    return f"{one.dimension} unknown" if one.label == UNKNOWN else one.label


def _table(market: str, found: Sequence[Stretch]) -> Table:
    rows = [
        (
            one.label,
            one.dimension,
            percent(one.bars_frac),
            f"{one.trades:,}",
            percent(one.win_rate_frac) if one.trades else NONE,
            number(one.profit_factor),
            signed_usd(one.net_pnl_usd),
            usd(one.drawdown_usd),
        )
        for one in found
    ]
    columns = ("regime", "by", "bars", "trades", "won", "profit factor", "P&L [usd]", "drawdown [usd]")
    return Table(caption=f"Regimes of {market}", columns=columns, rows=rows, numbers=(2, 3, 4, 5, 6, 7))
