"""The learning curves of a run for event contracts: reward and return, actions, orders, losses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from gamma.pictures import BLUE, GREY, ORANGE, PINK, RED, SKY
from models import learning_curves
from models.learning_curves import Curve, Panel, in_thousands, legend, line, losses, mix, reward

ACTIONS: Final = {"hold": GREY, "buy_yes": BLUE, "sell_yes": SKY, "buy_no": ORANGE, "sell_no": PINK}


def draw(folder: Path) -> Path:
    """Draw a run, or of a run of several seeds each, beside what was told; gives where the last picture is.

    Raises: InputInvalid when nothing was told.
    """
    panels: list[Panel] = [reward("Reward"), _returns, mix(ACTIONS, "Actions"), _shares, losses, _orders]
    return learning_curves.drawn(folder, draw) or learning_curves.picture(folder, _title, panels, "market")


def _title(asked: Mapping[str, Any]) -> str:
    sizes = "all sizes" if asked["sizes"] == "variable" else f"{asked['sizes']} contracts"
    return f"{asked['market']}, {sizes}"


def _returns(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    line(ax, steps, told["return_usd"], BLUE, "return")
    line(ax, steps, told["fees_usd"], RED, "fees paid")
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_title("Return, with fees, and fees")
    ax.set_ylabel("a market [usd]")
    in_thousands(ax)
    legend(ax, 2)


def _shares(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    line(ax, steps, told["filled_frac"], BLUE, "filled, of what was ordered")
    line(ax, steps, told["win_frac"], PINK, "won, of sales")
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_title("Orders and sales")
    ax.set_ylabel("share")
    legend(ax, 2)


def _orders(ax: Axes, steps: Curve, told: Mapping[str, Curve]) -> None:
    line(ax, steps, told["lots_per_order"], BLUE, "contracts an order")
    line(ax, steps, told["orders"], ORANGE, "orders a market")
    ax.set_ylim(bottom=0)
    ax.set_title("Size")
    ax.set_ylabel("number")
    legend(ax, 2)
