"""Words and numbers as the commands show them: instants, dollars, prices, sides."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gamma.errors import GammaError

if TYPE_CHECKING:
    from gamma.config import Config


def clock(ts_utc_ns: int) -> str:
    """An instant as `Tue 2026-06-02 09:35 ET`."""
    from gamma.screen import clock as shown

    return shown(ts_utc_ns)


def column(title: str, times_utc_ns: Sequence[int]) -> tuple[str, list[str]]:
    """A column of instants, New York, and its title: `06-02 09:35` where the title can name the year of all."""
    shown = [clock(ts)[4:20] if ts else "-" for ts in times_utc_ns]
    of = {text[:4] for text in shown} - {"-"}
    if len(of) != 1:
        return title, shown
    return f"{title} {of.pop()}", [text[5:] or text for text in shown]


def usd(value: float) -> str:
    """Dollars won or lost, with their sign."""
    return f"{round(value, 2) + 0.0:+,.2f}"


def words(code: str) -> str:
    """`safety_halt` as people say it."""
    return code.replace("_", " ")


def side(sign: int) -> str:
    """What one does on this side."""
    return {1: "buy", -1: "sell"}.get(sign, "-")


def price(config: "Config", market: str, points: float | None) -> str:
    """A price with the decimals of its market's tick; `-` where there is none."""
    if points is None:
        return "-"
    try:
        return config.market(market).shown(points)
    except GammaError:  # traded once, and no market of gamma's any more
        return f"{points:,.10g}"


def price_of(config: "Config", market: str, ticks: int) -> str:
    """A price that is given in ticks."""
    try:
        found = config.market(market)
    except GammaError:
        return f"{ticks:,} ticks"
    return found.shown(found.points(ticks))
