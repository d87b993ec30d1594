"""Each trade as a mark: what it made against how long it was held, and how far it went against and for its holder."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from gamma.events import Trade
from gamma.history import History
from gamma.history.figures import pnl_usd
from gamma.pictures import BLACK, BLUE, ORANGE, styled
from gamma.report.drawing import DOLLARS, MANY
from gamma.report.form import Picture, Section
from gamma.report.subject import Subject
from gamma.report.wording import counted, number, usd
from gamma.stats import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Excursions:
    """How far equity went against each trade, and for it, while it was open [usd]; `rows` are those of the trades."""

    rows: Ints
    against_usd: Floats
    in_favour_usd: Floats


def section(subject: Subject) -> Section:
    """One picture, or two where open P&L is known."""
    trades = subject.history.trades
    pnl, held = pnl_usd(trades), held_min(trades)
    drawn = [
        Picture(
            name="held",
            figure=held_picture(trades),
            caption="P&L of each trade, net of fees, against how long it was held.",
            alt=f"{counted(len(trades), 'trade')}, held {number(float(held.min()))} to {number(float(held.max()))} "
            f"minutes, made from {usd(float(pnl.min()))} to {usd(float(pnl.max()))} usd.",
        )
    ]
    words = []
    found = excursions(subject.history)
    if len(found.rows):
        words.append(
            "Excursions are of the account's equity at the extremes of bars, from where it stood when the trade was "
            "opened, fees with it. Trades that overlap others are left out: whose excursion it was cannot be told."
        )
        drawn.append(
            Picture(
                name="excursions",
                figure=excursion_picture(subject.history),
                caption="How far each trade went against its holder, and how far in favour.",
                alt=f"{counted(len(found.rows), 'trade')}; they went up to {usd(float(found.against_usd.max()))} usd "
                f"against and {usd(float(found.in_favour_usd.max()))} usd in favour.",
            )
        )
    return Section(name="trades", title="Trades", words=words, pictures=drawn)


def held_min(trades: Sequence[Trade]) -> Floats:
    """How long each trade was held [min]. Shapes: [N]."""
    return np.array([t.ts_close_utc_ns - t.ts_open_utc_ns for t in trades], dtype=np.float64) / 6e10


def excursions(told: History) -> Excursions:
    """Of the trades that overlap no other, where open P&L is known.

    A trade's last bar may end after it; what equity did in that bar counts where its mark is not later than the trade.
    """
    trades = told.trades
    opens = np.array([t.ts_open_utc_ns for t in trades], dtype=np.int64)
    closes = np.array([t.ts_close_utc_ns for t in trades], dtype=np.int64)
    order = np.argsort(opens, kind="stable")
    alone = np.ones(len(trades), dtype=bool)
    ends = np.maximum.accumulate(closes[order])
    meets = opens[order][1:] < ends[:-1]
    alone[order[1:][meets]] = False
    alone[order[:-1][closes[order][:-1] > opens[order][1:]]] = False
    rows = np.flatnonzero(alone) if told.open_pnl_known else np.empty(0, dtype=np.int64)
    first = np.searchsorted(told.ts_mark_utc_ns, opens[rows], side="right")
    last = np.searchsorted(told.ts_mark_utc_ns, closes[rows], side="right")
    pnl = pnl_usd(trades)[rows]
    equity = np.concatenate(([told.start_usd], told.close_usd))
    low = np.array([told.low_usd[a:b].min(initial=np.inf) for a, b in zip(first, last, strict=True)])
    high = np.array([told.high_usd[a:b].max(initial=-np.inf) for a, b in zip(first, last, strict=True)])
    return Excursions(
        rows=rows,
        against_usd=np.maximum(np.maximum(equity[first] - low, -pnl), 0.0),
        in_favour_usd=np.maximum(np.maximum(high - equity[first], pnl), 0.0),
    )


def held_picture(trades: Sequence[Trade]) -> Figure:
    """P&L [usd] against minutes, on a scale of powers of ten where they differ by much."""
    held, pnl = np.maximum(held_min(trades), 0.1), pnl_usd(trades)
    side = np.array([t.side for t in trades])
    with styled():
        figure = Figure()
        axes = figure.subplots()
        _marks(axes, held, pnl, {"long": side > 0, "short": side < 0})
        if held.max() > 50 * held.min():
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.axhline(0, color=BLACK, linewidth=0.8)
        axes.set_xlabel("held [min]")
        axes.set_ylabel("P&L [usd]")
        axes.yaxis.set_major_formatter(DOLLARS)
        figure.legend(loc="outside upper right", ncols=2)
    return figure


def excursion_picture(told: History) -> Figure:
    """The furthest in favour [usd] against the furthest against [usd], winners and losers apart."""
    found = excursions(told)
    won = pnl_usd(told.trades)[found.rows] > 0
    with styled():
        figure = Figure()
        axes = figure.subplots()
        _marks(axes, found.against_usd, found.in_favour_usd, {"won": won, "lost": ~won})
        axes.set_xlabel("furthest against, MAE [usd]")
        axes.set_ylabel("furthest in favour, MFE [usd]")
        axes.xaxis.set_major_formatter(DOLLARS)
        axes.yaxis.set_major_formatter(DOLLARS)
        figure.legend(loc="outside upper right", ncols=2)
    return figure


def _marks(axes: Axes, x: Floats, y: Floats, groups: dict[str, NDArray[np.bool_]]) -> None:
    """The first group as blue rings, the second as orange triangles."""
    for (name, own), colour, mark in zip(groups.items(), (BLUE, ORANGE), ("o", "^"), strict=True):
        if own.any():
            axes.scatter(
                x[own], y[own], s=16, marker=mark, facecolors=colour if mark == "^" else "none", edgecolors=colour,
                linewidths=0.9, alpha=0.75, label=f"{name} ({int(own.sum()):,})", rasterized=len(x) > MANY,
            )  # fmt: skip
