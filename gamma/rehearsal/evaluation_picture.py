"""Pictures of evaluations: what was made, against what, in which market, and what is left of earlier days."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from gamma.history.figures import Figure
from gamma.history.regimes import DIMENSIONS
from gamma.pictures import BLACK, BLUE, GREY, ORANGE, RED, png, styled
from gamma.rehearsal.evaluation import Evaluation

THOUSANDS: Final = FuncFormatter(lambda value, _: f"{value:,.0f}")
SIZE_IN: Final = (10.0, 7.6)
DOTS_PER_INCH: Final = 130
BASELINES: Final = {
    "always_flat_net_pnl_usd": "always flat",
    "buy_and_hold_net_pnl_usd": "buy and hold",
    "breakout_net_pnl_usd": "breakout",
    "random_entries_net_pnl_usd": "random entries",
}


def evaluation_png(one: Evaluation) -> bytes:
    """Four panels: against the baselines, by regime, seven sessions at a time, and against earlier days or by side."""
    with styled():
        drawing = Drawing()
        told = one.own.history
        drawing.suptitle(
            f"{one.subject.name}, {one.subject.market}: {told.sessions[0]} to {told.sessions[-1]}, after costs",
            x=0.01,
            ha="left",
        )
        panels = drawing.subplots(2, 2)
        _baselines(panels[0, 0], one)
        _regimes(panels[0, 1], one)
        _windows(panels[1, 0], one)
        if one.changes:
            _changes(panels[1, 1], one)
        else:
            _answers(panels[1, 1], one)
    return png(drawing, SIZE_IN, DOTS_PER_INCH)


def _baselines(axes: Axes, one: Evaluation) -> None:
    named = {each.name: each for each in (*one.figures, *one.baselines)}
    per_session = named["pnl_per_session_usd"]
    sessions = len(one.own.history.sessions)
    own = Figure(
        name="own", value=named["net_pnl_usd"].value, low=per_session.low * sessions, high=per_session.high * sessions
    )
    rows = [("this strategy", own), *((label, named[name]) for name, label in BASELINES.items() if name in named)]
    for n, (_, each) in enumerate(reversed(rows)):
        mine = n == len(rows) - 1
        if each.has_interval:
            axes.plot([each.low, each.high], [n, n], color=BLUE if mine else GREY, linewidth=3, alpha=0.5)
        axes.plot(each.value, n, "D" if mine else "o", color=BLUE if mine else BLACK, markersize=7 if mine else 5)
    axes.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.axvline(0.0, color=BLACK, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.set_xlabel("net P&L [usd]; a line is a 95 % interval")
    axes.set_title("Against baselines on the same bars")


def _regimes(axes: Axes, one: Evaluation) -> None:
    rows = [each for dimension in DIMENSIONS for each in one.stretches if each.dimension == dimension]
    values = [each.net_pnl_usd for each in rows]
    bars = axes.barh(range(len(rows)), values, color=[BLUE if value >= 0 else ORANGE for value in values])
    for bar, value in zip(bars, values, strict=True):
        bar.set_hatch("" if value >= 0 else "//")
    axes.set_yticks(range(len(rows)), [f"{each.label} ({each.trades:,})" for each in rows])
    axes.invert_yaxis()
    axes.axvline(0.0, color=BLACK, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.set_xlabel("net P&L [usd]; losses are hatched")
    axes.set_title("By regime when opened (trades)")


def _windows(axes: Axes, one: Evaluation) -> None:
    made = np.array([each.pnl_usd for each in one.windows])
    axes.plot(made, color=BLUE)
    axes.axhline(0.0, color=BLACK, linewidth=0.8)
    least = int(np.argmin(made))
    axes.plot(least, made[least], "v", color=RED, markersize=9)
    worst = one.windows[least]
    axes.set_title(f"Seven sessions on end; worst {worst.pnl_usd:+,.0f} usd, to {worst.last}")
    at = np.unique(np.linspace(0, len(made) - 1, min(5, len(made))).astype(int))
    axes.set_xticks(at, [one.windows[n].last for n in at])
    axes.yaxis.set_major_formatter(THOUSANDS)
    axes.set_xlabel("last of the seven sessions")
    axes.set_ylabel("P&L [usd]")


def _changes(axes: Axes, one: Evaluation) -> None:
    rows = [each for each in one.changes if each.low == each.low]
    for n, each in enumerate(reversed(rows)):
        # Each row has its own unit: it is scaled by the half width of its interval.
        scale = (each.high - each.low) / 2 or 1.0
        colour = RED if each.significant else BLUE
        axes.plot([each.low / scale, each.high / scale], [n, n], color=colour, linewidth=3, alpha=0.5)
        axes.plot(each.difference / scale, n, "s" if each.significant else "o", color=colour)
        words = f"{each.earlier:,.3g} → {each.later:,.3g}  (p {each.p_value:.2f})"
        axes.annotate(words, (0.5, n), (0, 9), xycoords=("axes fraction", "data"), textcoords="offset points",
                      ha="center", fontsize=8)  # fmt: skip
    axes.set_yticks(range(len(rows)), [each.name for each in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.2)
    axes.axvline(0.0, color=BLACK, linewidth=0.8)
    axes.set_xlabel("difference in half widths of its 95 % interval; ■: not 0")
    axes.set_title("What is left of earlier days")


def _answers(axes: Axes, one: Evaluation) -> None:
    rows = [
        (f"{where}: {act.lower().replace('_', ' ')}", count / sum(counts.values()))
        for where, counts in (("flat", one.own.acts_flat), ("held", one.own.acts_held))
        for act, count in sorted(counts.items())
    ]
    bars = axes.barh(range(len(rows)), [share for _, share in rows], color=BLUE)
    axes.bar_label(bars, [f"{share:.1%}" for _, share in rows], padding=3, fontsize=8)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("share of bars on which it had a choice")
    axes.set_title("What it answered")
