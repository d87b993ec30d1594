"""The fit as a picture: what recorded event markets are like, beside simulated ones of the same stretches."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gamma.feeds.events.tape import LEVELS, Tape
from gamma.pictures import BLUE, RED, png, styled
from models.events.compared import BAND, Compared
from models.events.measures import OPEN, decided

Array = NDArray[np.float64]
SIZE_IN: Final = (11.0, 6.2)
DOTS_PER_INCH: Final = 90
PATHS: Final = 12
MOVES: Final = np.geomspace(0.5, 40, 40).astype(np.float64)
SPREADS: Final = np.arange(1, 6)
FLOWS: Final = np.linspace(0, 12, 40).astype(np.float64)


def draw(found: Compared, path: Path) -> None:
    """Draw it as a PNG."""
    with styled():
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        panels = (_paths, _moves, _spreads, _depths, _flows, _paid)
        for place, panel in zip(figure.subplots(2, 3).ravel(), panels, strict=True):
            panel(place, found)
        looks = int(found.recorded.looks.sum())
        title = f"{len(found.recorded)} recorded markets, {looks:,} looks, beside simulated ones of the same stretches"
        figure.suptitle(title, fontsize=11)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(figure, SIZE_IN, DOTS_PER_INCH))


def _band(place: Axes, x: NDArray[np.floating], found: Compared, of: Callable[[Tape], Array]) -> None:
    """Where nine of ten simulations lie, their middle, and the recording."""
    drawn = np.stack([of(tape) for tape in found.simulated])
    low, high = np.nanquantile(drawn, BAND, axis=0)
    place.fill_between(x, low, high, color=BLUE, alpha=0.25, linewidth=0, label="9 of 10 simulated")
    place.plot(x, np.nanmedian(drawn, axis=0), color=BLUE, linewidth=1.2, label="simulated, the middle")
    place.plot(x, of(found.recorded), color=RED, marker="o", markersize=3, linewidth=1, label="recorded")


def _paths(place: Axes, found: Compared) -> None:
    for tape, colour, name in ((found.simulated[0], BLUE, "simulated"), (found.recorded, RED, "recorded")):
        longest = np.argsort(-tape.looks)[:PATHS]
        for row in longest:
            looks = int(tape.looks[row])
            place.plot(tape.left_s[row, :looks], tape.middle[row, :looks], color=colour, linewidth=0.8, alpha=0.7)
        place.plot([], [], color=colour, label=name)
    place.invert_xaxis()
    place.set_title(f"Paths: the {PATHS} longest")
    place.set_xlabel("seconds to the close")
    place.set_ylabel("middle [cents]")
    place.legend(loc="center left")


def _moves(place: Axes, found: Compared) -> None:
    def beyond(tape: Tape) -> Array:
        middle = tape.middle
        open_ = (middle[:, :-1] > OPEN[0]) & (middle[:, :-1] < OPEN[1]) & tape.there[:, 1:]
        moves = np.sort(np.abs(np.diff(middle, axis=1))[open_])
        more = 1 - np.searchsorted(moves, MOVES, side="left") / len(moves)
        return np.maximum(more, 0.1 / len(moves))  # a logarithm cannot draw none

    _band(place, MOVES, found, beyond)
    place.set_xscale("log")
    place.set_yscale("log")
    place.set_ylim(5e-4, 1)
    place.set_xticks([0.5, 1, 2, 5, 10, 20, 40], ["0.5", "1", "2", "5", "10", "20", "40"])
    place.minorticks_off()
    place.set_title("Moves of a look, from 20 to 80 cents")
    place.set_xlabel("at least so many cents")
    place.set_ylabel("share of looks")
    place.legend(loc="lower left")


def _spreads(place: Axes, found: Compared) -> None:
    _band(place, SPREADS * 1.0, found, lambda tape: np.array([np.mean(tape.spread[tape.there] == s) for s in SPREADS]))
    place.set_xticks(SPREADS)
    place.set_title("Spreads")
    place.set_xlabel("cents")
    place.set_ylabel("share of looks")


def _depths(place: Axes, found: Compared) -> None:
    def by_price(tape: Tape) -> Array:
        sides = [(tape.yes_bid, tape.yes_lots), (tape.no_bid, tape.no_lots)]
        price = np.concatenate([(bid[..., None] - np.arange(LEVELS))[tape.there].ravel() for bid, _ in sides])
        logs = np.concatenate([np.log1p(lots[tape.there].astype(np.float64)).ravel() for _, lots in sides])
        place_of = np.minimum((price - 1) // 5, 19)
        total = np.bincount(place_of[price > 0], logs[price > 0], 20)
        return np.asarray(total / np.maximum(np.bincount(place_of[price > 0], minlength=20), 1))

    _band(place, np.arange(20) * 5 + 3.0, found, by_price)
    place.set_title("Bids of a level, by its price")
    place.set_xlabel("cents of its own side")
    place.set_ylabel("mean log of contracts")


def _flows(place: Axes, found: Compared) -> None:
    def below(tape: Tape) -> Array:
        whole = (np.arange(tape.yes_bid.shape[1]) < tape.looks[:, None] - 1) & ~decided(tape)
        logs = np.sort(np.log1p((tape.yes_taken + tape.no_taken)[whole] * 1.0))
        return np.asarray(np.searchsorted(logs, FLOWS, side="right") / len(logs))

    _band(place, FLOWS, found, below)
    place.set_title("Trades of a look, until it is decided")
    place.set_xlabel("log of contracts, at most")
    place.set_ylabel("share of looks")


def _paid(place: Axes, found: Compared) -> None:
    cost, paid, _ = np.array(found.paid).T
    place.plot([0, 100], [0, 100], color="black", linewidth=0.8, linestyle=":")
    place.plot(cost, paid, color=BLUE, marker="o", markersize=4, linewidth=1)
    place.set_title("What simulated YES pays, by what it costs")
    place.set_xlabel("middle [cents], by tenths")
    place.set_ylabel("paid on average [cents]")
