"""Sizers beside one another as a picture: growth, drawdown, and how often the account ended."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from gamma.montecarlo.comparison import Comparison, Interval, Row
from gamma.montecarlo.picture import write
from gamma.pictures import BLUE, GREY, RED, styled
from gamma.stats import Floats


def draw(title: str, found: Comparison, path: Path) -> None:
    """Draw a comparison, the best growth on top."""
    with styled():
        write(_drawn(title, found), path)


def _drawn(title: str, found: Comparison) -> Figure:
    rows = found.rows[::-1]
    places = np.arange(len(rows), dtype=np.float64)
    figure = Figure(figsize=(11, 2.4 + 0.36 * len(rows)), layout="constrained")
    growth, ahead, fall, ends = figure.subplots(1, 4, sharey=True)
    _intervals(growth, places, [row.growth for row in rows])
    growth.set_yticks(places, [row.name for row in rows])
    growth.set_title("Growth of the balance")
    growth.set_xlabel("a trade [0.01 %]")
    _intervals(ahead, places, [row.ahead for row in rows])
    ahead.set_title(f"Ahead of {found.against}")
    ahead.set_xlabel("on the same path [0.01 %]")
    fall.barh(places, [row.drawdown_frac.p95 for row in rows], color=GREY, label="95th percentile")
    fall.plot([row.drawdown_frac.median for row in rows], places, "|", color="black", markersize=11, label="median")
    fall.set_title("Deepest drawdown")
    fall.set_xlabel("of the peak")
    _ends(ends, places, rows)
    for ax in (fall, ends):
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.set_xlim(left=0)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.11))
    figure.suptitle(title, fontsize=11)
    return figure


def _ends(ax: Axes, places: Floats, rows: tuple[Row, ...]) -> None:
    """How often the floor was touched, and how often the account halted, with their 95 % intervals."""
    for what, colour, marker, off in (("ruin", RED, "o", 0.12), ("halt", BLUE, "s", -0.12)):
        chances = [getattr(row, what) for row in rows]
        probs = np.array([one.prob for one in chances])
        spread = np.stack([probs - [one.low for one in chances], [one.high for one in chances] - probs])
        label = "floor touched, or all lost" if what == "ruin" else "halted"
        ax.errorbar(
            probs,
            places + off,
            xerr=np.maximum(spread, 0),
            fmt=marker,
            color=colour,
            markersize=4,
            capsize=2,
            label=label,
        )
    ax.set_title("Ended")
    ax.set_xlabel("share of paths")


def _intervals(ax: Axes, places: Floats, values: list[Interval]) -> None:
    """Means with what 95 % of paths lie between; what lost all is not drawn."""
    means, lows, highs = (1e4 * np.array([getattr(one, end) for one in values]) for end in ("mean", "low", "high"))
    known = np.isfinite(means) & np.isfinite(lows)
    ax.hlines(places[known], lows[known], highs[known], color=BLUE, linewidth=2.2, alpha=0.6)
    ax.plot(means[known], places[known], "o", color=BLUE, markersize=5)
    ax.axvline(0, color="black", linewidth=0.6)
