"""The picture of an evaluation: whether probabilities came true, and growth against the risk that was borne for it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter

from gamma.pictures import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, png, styled
from models.size_picker.evaluation import Judged, Row

WIDTH_IN: Final = 13.5
ROW_IN: Final = 4.4
DOTS_PER_INCH: Final = 110
PROB_LEAST: Final = 1e-4
LOOKS: Final = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "D"), (PINK, "^"), (SKY, "v"), (RED, "P"))
SHOWN_RULES: Final = ("always 0", "best fixed leverage", "best leverage by ranges", "MAE quantile")
GROWTH_UNIT: Final = 1e4
GROWTH_FLOOR: Final = -60.0
HIDDEN_RULES: Final = ("always the most",)


def draw(found: Sequence[Judged]) -> bytes:
    """Two panels for each set of trades and limit of risk, as a PNG."""
    with styled():
        drawing = Drawing()
        panels = drawing.subplots(len(found), 2, squeeze=False)
        for (left, right), one in zip(panels, found, strict=True):
            _reliability(left, one)
            _growth(right, one)
    return png(drawing, (WIDTH_IN, ROW_IN * len(found)), DOTS_PER_INCH)


def _reliability(axes: Axes, one: Judged) -> None:
    axes.plot([PROB_LEAST, 1.0], [PROB_LEAST, 1.0], color=GREY, linewidth=1.0)
    for (name, seen), (colour, sign) in zip(one.reliability.items(), LOOKS, strict=False):
        some = seen.mass > 0.0
        predicted, observed = (np.maximum(each[some], PROB_LEAST) for each in (seen.predicted, seen.observed))
        axes.plot(predicted, observed, color=colour, marker=sign, markersize=4, label=f"{name}, ECE {seen.ece:.4f}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(PROB_LEAST * 0.8, 1.0)
    axes.set_ylim(PROB_LEAST * 0.8, 1.0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_percent))
    axes.set_xlabel("predicted P(liquidation), by fifteenths of all sizes")
    axes.set_ylabel("share that was liquidated")
    axes.set_title(f"{one.trades_name}: what was predicted, and what came")
    if one.reliability:
        axes.legend(loc="upper left")


def _growth(axes: Axes, one: Judged) -> None:
    for n, (name, line) in enumerate(sorted(one.frontiers.items())):
        rates, grown = np.array(line).T
        fixed = name == "fixed leverage"
        colour = GREY if fixed else LOOKS[n % len(LOOKS)][0]
        label = "fixed leverage, 0 to 20" if fixed else f"{name}, limits 0.1 % to 50 %"
        axes.plot(
            rates, grown * GROWTH_UNIT, color=colour, linewidth=1.0, linestyle="--" if fixed else "-", label=label
        )
    rows = [row for row in one.rows if row.kind != "hindsight" and row.name not in HIDDEN_RULES]
    models = [row for row in rows if row.kind in ("model", "conformal")]
    for n, row in enumerate(models):
        _point(axes, row, *LOOKS[n // 2 % len(LOOKS)], filled=row.kind == "conformal")
    for row, sign in zip((row for row in rows if row.name in SHOWN_RULES), "xX*1", strict=False):
        _point(axes, row, BLACK, sign, filled=True)
    axes.axhline(0.0, color=BLACK, linewidth=0.8)
    axes.axvline(one.ruin_max, color=RED, linewidth=0.8, linestyle=":")
    axes.set_xscale("symlog", linthresh=1e-3)
    axes.set_xlim(-2e-4, 0.5)
    low = min((row.growth_mean.low for row in rows if row.growth_mean.low == row.growth_mean.low), default=0.0)
    top = max((row.growth_mean.high for row in rows if row.growth_mean.high == row.growth_mean.high), default=0.0)
    axes.set_ylim(max(GROWTH_FLOOR, low * GROWTH_UNIT - 2.0), max(5.0, top * GROWTH_UNIT * 1.1))
    axes.set_xticks([0.0, 0.001, 0.01, 0.1])
    axes.xaxis.set_major_formatter(FuncFormatter(_percent))
    axes.set_xlabel(f"liquidation rate of what was picked; dotted: the limit, {one.ruin_max:.0%}")
    axes.set_ylabel("log growth a trade [0.01 %]; bars: 95 %")
    axes.set_title(f"{one.trades_name}: growth for the risk")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7)


def _percent(value: float, _: object) -> str:
    return f"{value * 100:g}%"


def _point(axes: Axes, row: Row, colour: str, sign: str, *, filled: bool) -> None:
    rate, grown = row.ruin_rate, row.growth_mean
    axes.errorbar(
        rate.value,
        grown.value * GROWTH_UNIT,
        xerr=[[rate.value - rate.low], [rate.high - rate.value]],
        yerr=[[max(0.0, grown.value - grown.low) * GROWTH_UNIT], [max(0.0, grown.high - grown.value) * GROWTH_UNIT]],
        color=colour,
        marker=sign,
        markersize=6,
        markerfacecolor=colour if filled else "none",
        linewidth=0.7,
        linestyle="none",
        label=row.name,
    )
