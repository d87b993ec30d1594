"""The distribution as a picture: where paths ended, how deep they fell, and how they went."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from gamma.errors import InputInvalid
from gamma.montecarlo.simulation import Simulated
from gamma.pictures import BLUE, RED, png, styled
from gamma.stats import Floats

BINS: Final = 60
BANDS: Final = ((5, 95, 0.18), (25, 75, 0.35))


def draw(title: str, runs: Sequence[tuple[str, Simulated]], happened: Simulated, path: Path) -> None:
    """Draw runs whose every step was kept; the bands are those of the last."""
    with styled():
        figure = Figure(figsize=(11, 8.5), layout="constrained")
        top, bottom = figure.subplots(2, 1, height_ratios=(1.25, 1))
        below = bottom.get_subplotspec().subgridspec(1, 2)
        bottom.remove()
        _bands(top, *runs[-1], happened)
        _ends(figure.add_subplot(below[0]), runs, happened)
        _falls(figure.add_subplot(below[1]), runs, happened)
        figure.suptitle(title, fontsize=12)
        write(figure, path)


def write(figure: Figure, path: Path) -> None:
    """Write a picture whole or not at all.

    Raises: InputInvalid when the file's name does not end in .png.
    """
    if path.suffix != ".png":
        raise InputInvalid(f"picture {str(path)!r}: pictures are PNG; give a name that ends in .png")
    width, height = figure.get_size_inches()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(png(figure, (width, height), 120))
    beside.replace(path)


def _bands(ax: Axes, name: str, found: Simulated, happened: Simulated) -> None:
    balances, real = _from_start(found), _from_start(happened)
    steps = np.arange(len(balances))
    for low, high, alpha in BANDS:
        edges = np.percentile(balances, (low, high), axis=1)
        ax.fill_between(steps, *edges, color=BLUE, alpha=alpha, linewidth=0, label=f"{low} % to {high} % of paths")
    ax.plot(steps, np.median(balances, axis=1), color=BLUE, linewidth=1.8, label="median")
    ax.plot(np.arange(len(real)), real[:, 0], color=RED, linewidth=1.4, label="as it came")
    ax.axhline(found.start_usd, color="black", linewidth=0.6)
    ax.set_title(f"Balance, {name}")
    ax.set_xlabel("trade")
    ax.set_ylabel("balance [usd]")
    ax.set_xlim(0, len(steps) - 1)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.legend(loc="upper left")


def _ends(ax: Axes, runs: Sequence[tuple[str, Simulated]], happened: Simulated) -> None:
    _histograms(ax, [(name, found.final_usd) for name, found in runs])
    ax.axvline(float(happened.final_usd[0]), color=RED, linewidth=1.6, label="as it came")
    ax.axvline(runs[0][1].start_usd, color="black", linewidth=0.8, linestyle="--", label="start")
    ax.set_title("Where paths ended")
    ax.set_xlabel("final balance [usd]")
    ax.legend()


def _falls(ax: Axes, runs: Sequence[tuple[str, Simulated]], happened: Simulated) -> None:
    _histograms(ax, [(name, found.drawdown_usd) for name, found in runs])
    ax.axvline(float(happened.drawdown_usd[0]), color=RED, linewidth=1.6, label="as it came")
    ax.set_title("How deep they fell")
    ax.set_xlabel("deepest drawdown [usd]")
    ax.legend()


def _histograms(ax: Axes, columns: Sequence[tuple[str, Floats]]) -> None:
    """One filled, the others as outlines, over the middle 99 % of all values; each as a share of its paths."""
    together = np.concatenate([values for _, values in columns])
    low, high = np.percentile(together, (0.5, 99.5))
    edges = np.linspace(low, max(high, low + 1.0), BINS + 1)
    for place, (name, values) in enumerate(columns):
        shares = np.histogram(values, bins=edges)[0] / len(values)
        if place:
            ax.stairs(shares, edges, color="black", linewidth=1.2, linestyle=("-", "--")[place % 2], label=name)
        else:
            ax.stairs(shares, edges, fill=True, color=BLUE, alpha=0.55, label=name)
    ax.set_ylabel("share of paths")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlim(edges[0], edges[-1])


def _from_start(found: Simulated) -> Floats:
    after = np.empty((0, len(found.final_usd))) if found.balance_usd is None else found.balance_usd
    return np.concatenate((np.full((1, after.shape[1]), found.start_usd), after))
