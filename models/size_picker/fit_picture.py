"""The fit as a picture: what real hours of gold are like, beside simulated markets of the same length."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gamma.feeds.series import Floats
from gamma.pictures import BLUE, GREEN, ORANGE, RED, png, styled
from models.size_picker.measures import HORIZONS, LAGS, Compared, Measures

SIZE_IN: Final = (12.0, 7.6)
DOTS_PER_INCH: Final = 120
# Half a sixth of a deviation wide: fine enough for the peak, and out to where 16 years have a bar or two.
EDGES: Final = np.linspace(-8, 8, 97)
FAR: Final = np.geomspace(0.5, 25, 60)
FALLS: Final = np.geomspace(0.002, 0.35, 60)
BAND: Final = (0.05, 0.95)


def draw(found: Compared, path: Path) -> None:
    """Draw it as a PNG."""
    with styled():
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        places = figure.subplots(2, 3)
        for place, panel in zip(places.ravel(), (_returns, _tails, _absolute, _squares, _hours, _worst), strict=True):
            panel(place, found)
        years = found.real.bars / (52 * 115)
        figure.suptitle(
            f"Hours of gold: real bars of {years:.0f} years, beside {len(found.simulated)} simulated markets as long",
            fontsize=12,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(figure, SIZE_IN, DOTS_PER_INCH))


def _band(place: Axes, x: Floats, found: Compared, of: Callable[[Measures], Floats], colour: str = BLUE) -> None:
    """Where nine of ten simulated markets lie, and their middle."""
    drawn = np.stack([of(one) for one in found.simulated])
    low, high = np.quantile(drawn, BAND, axis=0)
    place.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0, label="9 of 10 simulated")
    place.plot(x, np.median(drawn, axis=0), color=colour, linewidth=1.2, label="simulated, the middle")


def _returns(place: Axes, found: Compared) -> None:
    middle = (EDGES[1:] + EDGES[:-1]) / 2

    def density(of: Measures) -> Floats:
        counts = np.histogram(of.by_hour, EDGES)[0]
        return np.asarray(np.maximum(counts, 0.5) / (len(of.by_hour) * np.diff(EDGES)))

    _band(place, middle, found, density)
    place.plot(middle, density(found.real), color=RED, marker=".", markersize=5, linestyle="none", label="real")
    place.plot(
        middle,
        np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi),
        color="black",
        linewidth=0.8,
        linestyle=":",
        label="normal",
    )
    place.set_yscale("log")
    place.set_ylim(1e-6, 2)
    place.set_title("Returns of an hour")
    place.set_xlabel("in standard deviations of that hour of the day")
    place.set_ylabel("density")
    place.legend(loc="lower center")


def _tails(place: Axes, found: Compared) -> None:
    _band(place, FAR, found, lambda of: _beyond(np.abs(of.by_hour), FAR))
    real = np.sort(np.abs(found.real.by_hour))[::-1]
    place.plot(real, np.arange(1, len(real) + 1) / len(real), color=RED, linestyle="none", marker=".", markersize=3)
    place.set_xscale("log")
    place.set_yscale("log")
    place.set_xlim(FAR[0], FAR[-1])
    place.set_ylim(0.7 / len(real), 1)
    place.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    place.minorticks_off()
    place.set_title("Tails: how many absolute returns are larger")
    place.set_xlabel("in standard deviations of that hour of the day")
    place.set_ylabel("share of hours")


def _absolute(place: Axes, found: Compared) -> None:
    _correlation(place, found, lambda of: of.absolute)
    place.set_title("Autocorrelation of absolute returns")


def _squares(place: Axes, found: Compared) -> None:
    _correlation(place, found, lambda of: of.squares)
    place.set_title("Autocorrelation of squared returns")


def _correlation(place: Axes, found: Compared, of: Callable[[Measures], Floats]) -> None:
    lags = np.array(LAGS, np.float64)
    _band(place, lags, found, of)
    place.plot(lags, of(found.real), color=RED, marker="o", markersize=3, linewidth=1, label="real")
    place.axhline(0, color="black", linewidth=0.6)
    place.set_xscale("log")
    place.set_xticks([1, 6, 23, 115, 500, 2_990], ["1 h", "6 h", "day", "week", "month", "half\nyear"])
    place.minorticks_off()
    place.set_xlabel("how far apart")


def _hours(place: Axes, found: Compared) -> None:
    hours = np.arange(24, dtype=np.float64)
    drawn = np.stack([one.hours for one in found.simulated])
    low, high = np.quantile(drawn, BAND, axis=0)
    middle = np.median(drawn, axis=0)
    place.bar(hours, found.real.hours, color=RED, alpha=0.35, width=0.8, label="real")
    traded = found.real.hours > 0
    place.errorbar(
        hours[traded],
        middle[traded],
        yerr=np.stack([middle - low, high - middle])[:, traded].clip(0),
        color=BLUE,
        fmt=".",
        markersize=4,
        linewidth=1.2,
        label="9 of 10 simulated",
    )
    place.set_xticks(range(0, 24, 3))
    place.set_title("Volatility by the hour of the day")
    place.set_xlabel("hour in New York; 17 does not trade")
    place.set_ylabel("against the mean")
    place.legend(loc="upper right")


def _worst(place: Axes, found: Compared) -> None:
    for at, (bars, colour) in enumerate(zip(HORIZONS, (GREEN, BLUE, ORANGE), strict=True)):
        drawn = np.stack([_beyond(one.worst[at], FALLS) for one in found.simulated])
        low, high = np.quantile(drawn, BAND, axis=0)
        place.fill_between(FALLS, low, high, color=colour, alpha=0.25, linewidth=0)
        place.plot(FALLS, np.median(drawn, axis=0), color=colour, linewidth=1.2, label=f"{bars} bars, simulated")
        place.plot(FALLS, _beyond(found.real.worst[at], FALLS), color=colour, linestyle="--", linewidth=1.4)
    place.plot([], [], color="black", linestyle="--", label="real")
    place.set_xscale("log")
    place.set_yscale("log")
    place.set_xlim(FALLS[0], FALLS[-1])
    place.set_ylim(1e-4, 1)
    place.set_xticks([0.003, 0.01, 0.035, 0.1, 0.3], ["0.3 %", "1 %", "3.5 %", "10 %", "30 %"])
    place.minorticks_off()
    place.set_title("Worst excursion: what ruins")
    place.set_xlabel("against the trade, of the price at entry")
    place.set_ylabel("share of entries that see more")
    place.legend(loc="lower left")


def _beyond(values: Floats, edges: Floats) -> Floats:
    """The share of values larger than each edge; NaN where none is, which a logarithm cannot draw."""
    more = 1 - np.searchsorted(np.sort(values), edges, side="right") / len(values)
    return np.where(more > 0, more, 0.1 / len(values))
