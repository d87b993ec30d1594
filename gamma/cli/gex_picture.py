"""Gamma exposure as a picture: by strike near the spot, and in all at each level of the index."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from gamma.gex import Profile
from gamma.pictures import BLACK, BLUE, GREEN, ORANGE, RED, SKY, png, styled

SIZE_IN: Final = (10.0, 7.6)
DOTS_PER_INCH: Final = 120
WINDOW_FRAC: Final = 0.08
THOUSANDS: Final = FuncFormatter(lambda value, _: f"{value:,.0f}")


def gex_png(found: Profile) -> bytes:
    """Two panels: calls and puts by strike, and the total were the index elsewhere, with pin, flip and walls."""
    with styled():
        drawing = Figure()
        drawing.suptitle(
            f"{found.underlying} {found.spot_points:,.2f}: gamma exposure, dealers long calls and short puts",
            x=0.01,
            ha="left",
        )
        top, bottom = drawing.subplots(2, 1, height_ratios=(1.25, 1))
        _strikes(top, found)
        _levels(bottom, found)
    return png(drawing, SIZE_IN, DOTS_PER_INCH)


def _strikes(axes: Axes, found: Profile) -> None:
    unit, name = _unit(np.concatenate((found.call_usd, found.put_usd)))
    strikes = found.strikes_points
    near = np.abs(strikes / found.spot_points - 1) <= WINDOW_FRAC
    wide = float(np.median(np.diff(strikes[near]))) * 0.8 if near.sum() > 2 else found.spot_points * 0.002
    axes.bar(strikes[near], found.call_usd[near] / unit, wide, color=SKY, label="calls")
    axes.bar(strikes[near], found.put_usd[near] / unit, wide, color=ORANGE, label="puts", hatch="////", linewidth=0,
             edgecolor="white")  # fmt: skip
    axes.plot(strikes[near], found.net_usd[near] / unit, ".", color=BLUE, markersize=4, label="net")
    axes.axhline(0, color=BLACK, linewidth=0.8)
    _lines(
        axes, found, (("call wall", found.call_wall_points, GREEN, "-."), ("put wall", found.put_wall_points, RED, ":"))
    )
    span = found.spot_points * WINDOW_FRAC
    axes.set_xlim(found.spot_points - span, found.spot_points + span)
    axes.set_title("By strike, at the spot")
    axes.set_ylabel(f"exposure [{name} usd per 1 % move]")
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.legend(loc="upper right", ncols=2)


def _levels(axes: Axes, found: Profile) -> None:
    unit, name = _unit(found.total_usd)
    total = found.total_usd / unit
    axes.plot(found.levels_points, total, color=BLUE, label="total")
    axes.fill_between(found.levels_points, total, 0, where=(total > 0).tolist(), color=SKY, alpha=0.35, linewidth=0)
    axes.fill_between(found.levels_points, total, 0, where=(total < 0).tolist(), color=ORANGE, alpha=0.35, linewidth=0)
    axes.axhline(0, color=BLACK, linewidth=0.8)
    _lines(axes, found, (("flip", found.flip_points, RED, ":"),))
    axes.set_xlim(found.levels_points[0], found.levels_points[-1])
    axes.set_title("In all, were the index here and each option's volatility as it is")
    axes.set_xlabel("index [points]")
    axes.set_ylabel(f"exposure [{name} usd per 1 % move]")
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.legend(loc="upper left")


def _lines(axes: Axes, found: Profile, more: tuple[tuple[str, float, str, str], ...]) -> None:
    for label, points, colour, dash in (
        ("spot", found.spot_points, BLACK, "-"),
        ("pin", found.pin_points, BLUE, "--"),
        *more,
    ):
        if points == points:
            axes.axvline(points, color=colour, linestyle=dash, linewidth=1.2, label=f"{label} {points:,.6g}")


def _unit(usd: object) -> tuple[float, str]:
    largest = float(np.max(np.abs(np.asarray(usd, dtype=np.float64)), initial=0.0))
    return (1e9, "bn") if largest >= 1e9 else (1e6, "m")
