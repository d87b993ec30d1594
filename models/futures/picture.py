"""The learning curves of a run for futures: reward and return, actions, losses, drawdown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from gamma.pictures import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY
from models import learning_curves
from models.learning_curves import Curve, Panel, in_thousands, legend, line, losses, mix, reward

ACTIONS: Final = {
    "hold": GREY, "buy": BLUE, "sell": ORANGE, "sl_to_be": GREEN, "trail_on": PINK, "trail_off": SKY,
}  # fmt: skip


def draw(folder: Path) -> Path:
    """Draw a run, or of a run of several seeds each, beside what was told; gives where the last picture is.

    Raises: InputInvalid when nothing was told.
    """
    panels: list[Panel] = [
        reward("Reward, the curriculum's bonuses in it"),
        _returns,
        mix(ACTIONS, "Actions, where there was a choice"),
        _shares,
        losses,
        _drawdown,
    ]
    return learning_curves.drawn(folder, draw) or learning_curves.picture(folder, _title, panels, "session")


def _title(asked: Mapping[str, Any]) -> str:
    return f"{', '.join(asked['markets']) or 'futures'}, phase {asked['phase']}"


def _returns(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    line(ax, steps, told["return_usd"], BLUE, "return")
    line(ax, steps, told["drawdown_max_usd"], RED, "largest drawdown on equity")
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_title("Return and drawdown")
    ax.set_ylabel("an episode [usd]")
    in_thousands(ax)
    legend(ax, 2)


def _shares(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    line(ax, steps, told["entry_hold_frac"], GREY, "HOLD where an entry is legal")
    if "sl_to_be_frac" in told:
        line(ax, steps, told["manage_frac"], GREEN, "managing where that is legal")
    line(ax, steps, told["long_frac"], BLUE, "long, of entries")
    line(ax, steps, told["win_frac"], PINK, "won, of trades")
    ax.axhline(0.3, color="black", linewidth=0.6, linestyle="--")
    ax.axhline(0.5, color="black", linewidth=0.6, linestyle=":")
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_title("Habits (dashed 30 %, dotted 50 %)")
    ax.set_ylabel("share")
    legend(ax, 2)


def _drawdown(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    line(ax, steps, told["profit_factor"], BLUE, "profit factor")
    ax.axhline(1, color="black", linewidth=0.6)
    ax.set_title("Profit factor")
    ax.set_ylabel("won by lost [1]")
