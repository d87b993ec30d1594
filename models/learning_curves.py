"""The learning curves of a run, drawn as one picture from what was told of it: what all kinds of policies share."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from gamma.pictures import BLUE, GREEN, GREY, ORANGE
from models import runs

SMOOTHED: Final = 0.02

Curve = NDArray[np.float64]
Panel = Callable[[Axes, Curve, Mapping[str, Curve]], None]
"""One of the picture's axes: steps [million], and the figures by name."""


def drawn(folder: Path, draw: Callable[[Path], Path]) -> Path | None:
    """Where the last picture is, of a run of several seeds, each drawn by itself; None where the run has one alone."""
    members = sorted(one for one in folder.glob("seed-*") if (one / runs.METRICS).exists())
    return [draw(one) for one in members][-1] if members and not (folder / runs.METRICS).exists() else None


def picture(folder: Path, title: Callable[[Mapping[str, Any]], str], panels: Sequence[Panel], unit: str) -> Path:
    """Draw a run beside what was told: five panels, and what held-out `unit`s came to, or else a sixth.

    `title` makes a title of what the run was asked.

    Raises: InputInvalid when nothing was told.
    """
    lines = runs.metrics(folder)
    told = {name: np.array([line.get(name, np.nan) for line in lines]) for name in lines[-1]}
    steps = told["steps"] / 1e6
    figure = Figure(figsize=(12, 10), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = list(figure.subplots(3, 2).flat)
    rivals = _rivals(folder)
    if rivals:
        held_out(axes.pop(), rivals, unit)
    for ax, panel in zip(axes, panels, strict=False):
        panel(ax, steps, told)
        ax.set_xlabel("decisions [million]")
        ax.set_xlim(steps[0], max(steps[-1], steps[0] + 1e-9))
    home = folder if (folder / runs.RUN).exists() else folder.parent
    name = folder.name if home == folder else f"{home.name}, {folder.name}"
    figure.suptitle(f"{title(runs.told_of(home)['asked'])}: {name}", fontsize=13)
    path = folder / runs.PICTURE
    beside = path.with_name(f".{path.name}.new")
    canvas.print_png(str(beside))  # type: ignore[no-untyped-call]
    beside.replace(path)
    return path


def line(ax: Axes, steps: Curve, curve: Curve, colour: str, label: str) -> None:
    """A curve as it was, and smoothed."""
    ax.plot(steps, curve, color=colour, alpha=0.25, linewidth=0.8)
    ax.plot(steps, smooth(curve), color=colour, linewidth=1.8, label=label)


def smooth(curve: Curve) -> Curve:
    """A running mean over a fiftieth of the run; every point has at least itself."""
    width = max(1, round(SMOOTHED * len(curve)))
    sums = np.cumsum(np.insert(curve, 0, 0.0))
    ends = np.arange(1, len(curve) + 1)
    starts = np.maximum(0, ends - width)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))


def legend(ax: Axes, columns: int) -> None:
    """What the colours are, under the axes, where it covers nothing."""
    place: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": columns, "columnspacing": 1.2}
    ax.legend(**place, frameon=False, fontsize=8, handlelength=1.5)


def reward(title: str) -> Panel:
    """The mean reward of a decision."""

    def panel(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
        line(ax, steps, told["reward"], BLUE, "reward")
        ax.axhline(0, color="black", linewidth=0.6)
        ax.set_title(title)
        ax.set_ylabel("mean a decision [1]")

    return panel


def mix(colours: Mapping[str, str], title: str) -> Panel:
    """Shares of the actions, one on another."""

    def panel(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
        names = [name for name in colours if f"{name}_frac" in told]
        shares = [smooth(told[f"{name}_frac"]) for name in names]
        ax.stackplot(steps, *shares, colors=[colours[name] for name in names], labels=[name.upper() for name in names])
        ax.set_ylim(0, 1)
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        ax.set_title(title)
        ax.set_ylabel("share of decisions")
        legend(ax, 6)

    return panel


def in_thousands(ax: Axes) -> None:
    """Money on the vertical axis, with commas."""
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def losses(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    """How the learning went."""
    line(ax, steps, told["entropy"], BLUE, "entropy [nats]")
    line(ax, steps, told["value_loss"], ORANGE, "value loss [1]")
    line(ax, steps, np.maximum(told["divergence"], 1e-8), GREEN, "divergence an update [nats]")
    ax.set_yscale("log")
    ax.set_title("Learning")
    ax.set_ylabel("mean of an update, log scale")
    legend(ax, 3)


def held_out(ax: Axes, rivals: Sequence[Mapping[str, Any]], unit: str) -> None:
    """The policy and its rivals, with their intervals."""
    names = [one["name"] for one in rivals]
    means = np.array([one["figures"]["pnl_usd_per_session"] for one in rivals])
    low = np.array([one["figures"].get("low_usd_per_session", 0.0) for one in rivals])
    high = np.array([one["figures"].get("high_usd_per_session", 0.0) for one in rivals])
    colours = [BLUE if name == "policy" else GREY for name in names]
    places = np.arange(len(names))[::-1]
    spread = np.abs(np.stack([means - low, high - means]))
    ax.barh(places, means, color=colours)
    ax.errorbar(means, places, xerr=spread, fmt="none", ecolor="black", capsize=3, linewidth=1)
    ax.axvline(0, color="black", linewidth=0.6)
    ax.set_yticks(places, names)
    ax.set_title(f"{rivals[0]['sessions']:,} held-out {unit}s")
    ax.set_xlabel(f"P&L a {unit}, with its 95 % interval [usd]")


def _rivals(folder: Path) -> list[dict[str, Any]]:
    path = folder / runs.HELD_OUT
    return list(json.loads(path.read_text(encoding="utf-8"))["rivals"]) if path.exists() else []
