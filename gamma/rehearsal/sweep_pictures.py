"""Pictures of sweeps: a walk forward, and what choosing the best of a sweep is worth."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from gamma import stats
from gamma.pictures import BLACK, BLUE, GREY, ORANGE, png, styled
from gamma.rehearsal.evaluation_picture import DOTS_PER_INCH, THOUSANDS
from gamma.rehearsal.sweep import Sweep
from gamma.rehearsal.walk import Walk

SIZE_IN: Final = (10.0, 4.2)


def walk_png(walked: Walk) -> bytes:
    """What the tests made one after another, and the Sharpe ratio of each choice before and after."""
    with styled():
        drawing = Drawing()
        drawing.suptitle(
            f"Walked forward: {len(walked.names):,} candidates, {len(walked.steps)} tests, after costs",
            x=0.01,
            ha="left",
        )
        left, right = drawing.subplots(1, 2)
        _tests(left, walked)
        _choices(right, walked)
    return png(drawing, SIZE_IN, DOTS_PER_INCH)


def overfitting_png(sweep: Sweep, best: str, blocks: int) -> bytes:
    """Where the choice of each half stood on the other, and what each try made."""
    found = stats.overfitting(sweep.returns, blocks)
    with styled():
        drawing = Drawing()
        title = f"{len(sweep.names):,} tries over {len(sweep.returns):,} sessions; the best is {best}"
        drawing.suptitle(title, x=0.01, ha="left", fontsize=10)
        left, right = drawing.subplots(1, 2)
        edges = np.linspace(min(-0.5, found.logits.min()), max(0.5, found.logits.max()), 41)
        below, above = found.logits[found.logits <= 0], found.logits[found.logits > 0]
        left.hist(below, edges, color=ORANGE, hatch="//", label="lower half, or the middle")
        left.hist(above, edges, color=BLUE, label="upper half")
        left.axvline(0.0, color=BLACK, linewidth=0.8)
        left.set_xlabel("logit of its rank on the sessions that did not choose")
        left.set_ylabel("ways to halve the sessions")
        left.yaxis.set_major_formatter(THOUSANDS)
        left.set_title(f"In {found.probability:.0%} of halves the choice disappointed")
        left.legend(loc="best")
        for name, column in zip(sweep.names, sweep.returns.T, strict=True):
            mine = name == best
            made = np.concatenate(([0.0], np.cumsum(column)))
            right.plot(
                100 * made, color=BLUE if mine else GREY, linewidth=1.8 if mine else 0.8, zorder=3 if mine else 2
            )
        right.axhline(0.0, color=BLACK, linewidth=0.8)
        right.set_xlabel("sessions")
        right.set_ylabel("sum of session returns [%]")
        right.set_title("Every try; thick: the best Sharpe ratio")
    return png(drawing, SIZE_IN, DOTS_PER_INCH)


def _tests(axes: Axes, walked: Walk) -> None:
    axes.plot(np.concatenate(([0.0], np.cumsum(walked.made))) * walked.start_usd, color=BLUE)
    axes.axhline(0.0, color=BLACK, linewidth=0.8)
    starts = [walked.sessions.index(step.test[0]) for step in walked.steps]
    for at in starts[1:]:
        axes.axvline(at, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_xticks(starts, [step.test[0] for step in walked.steps], rotation=30, ha="right")
    axes.yaxis.set_major_formatter(THOUSANDS)
    axes.set_ylabel("P&L of the tests [usd]")
    axes.set_title("The tests in a row; a new choice at each line")


def _choices(axes: Axes, walked: Walk) -> None:
    rows = range(len(walked.steps))
    before = [step.train_sharpe_annual for step in walked.steps]
    after = [step.test_sharpe_annual for step in walked.steps]
    for n in rows:
        axes.plot([before[n], after[n]], [n, n], color=GREY, linewidth=1.0, zorder=1)
    axes.plot(before, rows, "o", color=BLACK, fillstyle="none", label="where it was chosen")
    axes.plot(after, rows, "s", color=BLUE, label="on its test")
    axes.axvline(0.0, color=BLACK, linewidth=0.8)
    axes.set_yticks(rows, [step.chosen.replace("signal.", "") for step in walked.steps])
    axes.invert_yaxis()
    axes.set_xlabel("Sharpe ratio a year")
    axes.set_title("What was chosen, and what was left of it")
    axes.legend(loc="best")
