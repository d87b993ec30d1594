"""Figures, money, shares and times as a report writes them."""

import math
from datetime import UTC, datetime
from typing import Final

from gamma.calendar import NEW_YORK
from gamma.history.figures import Figure

NONE: Final = "-"
_UNITS: Final = {
    "usd": "usd",
    "frac": "%",
    "prob": "%",
    "min": "min",
    "s": "s",
    "days": "days",
    "r": "R",
    "annual": "a year",
}
_WHOLE: Final = {"pnl": "P&L", "net": "net", "cvar": "CVaR", "var": "VaR", "sharpe": "Sharpe", "dsr": "DSR"}


def usd(value: float) -> str:
    """Dollars, whole ones from 10,000 on."""
    if not math.isfinite(value):
        return NONE
    return f"{value:,.0f}" if abs(value) >= 9_999.5 else f"{value + 0.0:,.2f}"


def signed_usd(value: float) -> str:
    """Dollars won or lost."""
    text = usd(value)
    return f"+{text}" if value > 0 and text != NONE else text


def percent(value: float, decimals: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * value + 0.0:,.{decimals}f} %" if math.isfinite(value) else NONE


def number(value: float) -> str:
    """A number without a unit: whole where it is whole."""
    if not math.isfinite(value):
        return NONE
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:,.2f}"


def counted(count: int, noun: str) -> str:
    """So many of something, in the singular for one."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def titled(name: str) -> str:
    """A figure's name as people say it, without its unit: `net_pnl_usd` is net P&L."""
    words = name.split("_")
    if words[-1] in _UNITS and len(words) > 1:
        words = words[:-1]
    said = " ".join(_WHOLE.get(word, word) for word in words)
    return said[:1].upper() + said[1:]


def unit(name: str) -> str:
    """The unit of a figure, by the end of its name."""
    return _UNITS.get(name.rsplit("_", 1)[-1], "") if "_" in name else ""


def valued(name: str, value: float) -> str:
    """A figure's value, without its unit."""
    ending = unit(name)
    if ending == "usd":
        return usd(value)
    return percent(value).removesuffix(" %") if ending == "%" else number(value)


def interval(one: Figure) -> str:
    """Its 95 % interval, or that it has none."""
    return f"{valued(one.name, one.low)} to {valued(one.name, one.high)}" if one.has_interval else NONE


def is_hash(text: str) -> bool:
    """Whether it is one long word, as a hash is."""
    return len(text) >= 40 and " " not in text


def moment(ts_utc_ns: int) -> str:
    """An instant in New York, to the minute."""
    return datetime.fromtimestamp(ts_utc_ns / 1e9, UTC).astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


def day(ts_utc_ns: int) -> str:
    """The calendar day of an instant in New York."""
    return moment(ts_utc_ns)[:10]


def said(code: str) -> str:
    """`safety_halt` as people say it."""
    return code.replace("_", " ")
