"""What pictures of a report share: days along the bottom, dollars up the side, bars with their intervals."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gamma.calendar import NEW_YORK
from gamma.pictures import BLACK, BLUE, ORANGE, styled
from gamma.report.groups import Group
from gamma.stats import Ints

DAY_NS: Final = 86_400e9
DOLLARS: Final = FuncFormatter(lambda value, _: f"{value:,.0f}" if value == round(value) else f"{value:,.2f}")
# So many marks and more are drawn as one image: a page of some megabytes helps nobody.
MANY: Final = 1_500


def by_date(axes: Axes) -> None:
    """Days in New York along the bottom; `axes` counts days since 1970."""
    axes.xaxis_date(tz=NEW_YORK)
    locator = AutoDateLocator(tz=NEW_YORK, minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=NEW_YORK))  # type: ignore[no-untyped-call]
    axes.margins(x=0.01)


def bars(groups: Sequence[Group], below: str) -> Figure:
    """P&L of each group [usd] as standing bars with their 95 % intervals; losses are hatched."""
    with styled():
        figure = Figure()
        axes = figure.subplots()
        places = np.arange(len(groups))
        _hatched(axes.bar(places, [one.pnl_usd for one in groups], width=0.7, color=_colours(groups)), groups)
        _reach(axes, places, groups, lying=False)
        axes.axhline(0, color=BLACK, linewidth=0.8)
        axes.set_xticks(places, [one.label for one in groups])
        # A single bar is not to fill the picture.
        spare = max(0.0, (6 - len(groups)) / 2)
        axes.set_xlim(-0.6 - spare, len(groups) - 0.4 + spare)
        axes.tick_params(axis="x", labelsize=8 if len(groups) <= 12 else 6.5, length=0)
        axes.grid(visible=False, axis="x")
        axes.set_xlabel(below)
        axes.set_ylabel("P&L [usd]")
        axes.yaxis.set_major_formatter(DOLLARS)
    return figure


def lying(groups: Sequence[Group]) -> Figure:
    """As `bars`, from left to right, for names that are words."""
    with styled():
        figure = Figure()
        axes = figure.subplots()
        places = np.arange(len(groups))[::-1]
        _hatched(axes.barh(places, [one.pnl_usd for one in groups], height=0.7, color=_colours(groups)), groups)
        _reach(axes, places, groups, lying=True)
        axes.axvline(0, color=BLACK, linewidth=0.8)
        axes.set_yticks(places, [one.label for one in groups])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("P&L [usd]")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.xaxis.set_major_formatter(DOLLARS)
    return figure


def _colours(groups: Sequence[Group]) -> list[str]:
    return [BLUE if one.pnl_usd >= 0 else ORANGE for one in groups]


def _hatched(drawn: BarContainer, groups: Sequence[Group]) -> None:
    for bar, one in zip(drawn, groups, strict=True):
        bar.set_hatch("" if one.pnl_usd >= 0 else "////")
        bar.set_edgecolor("white")
        bar.set_linewidth(0)


def _reach(axes: Axes, places: Ints, groups: Sequence[Group], *, lying: bool) -> None:
    """The intervals of those that have one."""
    known = [(place, one) for place, one in zip(places, groups, strict=True) if one.known]
    if not known:
        return
    at = [float(place) for place, _ in known]
    pnl = [one.pnl_usd for _, one in known]
    spread = [[max(0.0, one.pnl_usd - one.low_usd), max(0.0, one.high_usd - one.pnl_usd)] for _, one in known]
    reach = np.array(spread).T
    style: dict[str, Any] = {"fmt": "none", "ecolor": BLACK, "capsize": 2, "linewidth": 0.8}
    if lying:
        axes.errorbar(pnl, at, xerr=reach, **style)
    else:
        axes.errorbar(at, pnl, yerr=reach, **style)
