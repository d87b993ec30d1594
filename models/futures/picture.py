"""The learning curves of a run, drawn as one picture from what was told of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from gamma.pictures import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY
from models import runs

ACTIONS: Final = {
    "hold": GREY, "buy": BLUE, "sell": ORANGE, "sl_to_be": GREEN, "trail_on": PINK, "trail_off": SKY,
}  # fmt: skip
SMOOTHED: Final = 0.02

Curve = NDArray[np.float64]


def draw(folder: Path) -> Path:
    """Draw a run, or of a run of several seeds each, beside what was told; gives where the last picture is.

    Raises: InputInvalid when nothing was told.
    """
    members = sorted(one for one in folder.glob("seed-*") if (one / runs.METRICS).exists())
    if members and not (folder / runs.METRICS).exists():
        return [draw(one) for one in members][-1]
    lines = runs.metrics(folder)
    told = {name: np.array([line.get(name, np.nan) for line in lines]) for name in lines[-1]}
    steps = told["steps"] / 1e6
    figure = Figure(figsize=(12, 10), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(3, 2)
    _reward(axes[0][0], steps, told)
    _returns(axes[0][1], steps, told)
    _mix(axes[1][0], steps, told)
    _shares(axes[1][1], steps, told)
    _losses(axes[2][0], steps, told)
    rivals = _rivals(folder)
    if rivals:
        _held_out(axes[2][1], rivals)
    else:
        _drawdown(axes[2][1], steps, told)
    for ax in axes.flat[: 5 if rivals else 6]:
        ax.set_xlabel("decisions [million]")
        ax.set_xlim(steps[0], max(steps[-1], steps[0] + 1e-9))
    figure.suptitle(_title(folder), fontsize=13)
    path = folder / runs.PICTURE
    beside = path.with_name(f".{path.name}.new")
    canvas.print_png(str(beside))  # type: ignore[no-untyped-call]
    beside.replace(path)
    return path


def _title(folder: Path) -> str:
    home = folder if (folder / runs.RUN).exists() else folder.parent
    asked = runs.told_of(home)["asked"]
    name = folder.name if home == folder else f"{home.name}, {folder.name}"
    return f"{', '.join(asked['markets']) or name}, phase {asked['phase']}: {name}"


def _smooth(curve: Curve) -> Curve:
    """A running mean over a fiftieth of the run; every point has at least itself."""
    width = max(1, round(SMOOTHED * len(curve)))
    sums = np.cumsum(np.insert(curve, 0, 0.0))
    ends = np.arange(1, len(curve) + 1)
    starts = np.maximum(0, ends - width)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))


def _line(ax: Axes, steps: Curve, curve: Curve, colour: str, label: str) -> None:
    ax.plot(steps, curve, color=colour, alpha=0.25, linewidth=0.8)
    ax.plot(steps, _smooth(curve), color=colour, linewidth=1.8, label=label)


def _legend(ax: Axes, columns: int) -> None:
    """What the colours are, under the axes, where it covers nothing."""
    place: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": columns, "columnspacing": 1.2}
    ax.legend(**place, frameon=False, fontsize=8, handlelength=1.5)


def _reward(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    _line(ax, steps, told["reward"], BLUE, "reward")
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_title("Reward, the curriculum's bonuses in it")
    ax.set_ylabel("mean a decision [1]")


def _returns(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    _line(ax, steps, told["return_usd"], BLUE, "return")
    _line(ax, steps, told["drawdown_max_usd"], RED, "largest drawdown on equity")
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_title("Return and drawdown")
    ax.set_ylabel("an episode [usd]")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    _legend(ax, 2)


def _mix(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    names = [name for name in ACTIONS if f"{name}_frac" in told]
    shares = [_smooth(told[f"{name}_frac"]) for name in names]
    ax.stackplot(steps, *shares, colors=[ACTIONS[name] for name in names], labels=[name.upper() for name in names])
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_title("Actions, where there was a choice")
    ax.set_ylabel("share of decisions")
    _legend(ax, 6)


def _shares(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    _line(ax, steps, told["entry_hold_frac"], GREY, "HOLD where an entry is legal")
    if "sl_to_be_frac" in told:
        _line(ax, steps, told["manage_frac"], GREEN, "managing where that is legal")
    _line(ax, steps, told["long_frac"], BLUE, "long, of entries")
    _line(ax, steps, told["win_frac"], PINK, "won, of trades")
    ax.axhline(0.3, color="black", linewidth=0.6, linestyle="--")
    ax.axhline(0.5, color="black", linewidth=0.6, linestyle=":")
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_title("Habits (dashed 30 %, dotted 50 %)")
    ax.set_ylabel("share")
    _legend(ax, 2)


def _losses(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    _line(ax, steps, told["entropy"], BLUE, "entropy [nats]")
    _line(ax, steps, told["value_loss"], ORANGE, "value loss [1]")
    _line(ax, steps, np.maximum(told["divergence"], 1e-8), GREEN, "divergence an update [nats]")
    ax.set_yscale("log")
    ax.set_title("Learning")
    ax.set_ylabel("mean of an update, log scale")
    _legend(ax, 3)


def _drawdown(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    _line(ax, steps, told["profit_factor"], BLUE, "profit factor")
    ax.axhline(1, color="black", linewidth=0.6)
    ax.set_title("Profit factor")
    ax.set_ylabel("won by lost [1]")


def _rivals(folder: Path) -> list[dict[str, Any]]:
    path = folder / runs.HELD_OUT
    return list(json.loads(path.read_text(encoding="utf-8"))["rivals"]) if path.exists() else []


def _held_out(ax: Axes, rivals: Sequence[Mapping[str, Any]]) -> None:
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
    ax.set_title(f"{rivals[0]['sessions']:,} held-out sessions")
    ax.set_xlabel("P&L a session, with its 95 % interval [usd]")
