"""Instants, prices and long texts as the tables of the pages write them."""

from datetime import UTC, datetime
from typing import Any

from dash import html
from dash.development.base_component import Component

from gamma.calendar import NEW_YORK
from gamma.config import Config
from gamma.errors import GammaError


def at(ts_utc_ns: int) -> Component:
    """An instant in New York, to the minute; a phone leaves the year out."""
    if not ts_utc_ns:
        return html.Span("-")
    told = datetime.fromtimestamp(ts_utc_ns / 1e9, UTC).astimezone(NEW_YORK)
    return html.Span([html.Span(told.strftime("%Y-"), className="minor"), told.strftime("%m-%d %H:%M")])


def seconds(ts_utc_ns: int) -> Component:
    """As `at`, to the second."""
    told = to_the_second(ts_utc_ns)
    return html.Span([html.Span(told[:5], className="minor"), told[5:]] if ts_utc_ns else told)


def wrapped(*inside: Any) -> Component:
    """A cell that may take several lines."""
    return html.Div(list(inside), className="wrapped")


def to_the_second(ts_utc_ns: int) -> str:
    """An instant in New York as `2026-06-02 09:35:07`; `-` where there is none."""
    if not ts_utc_ns:
        return "-"
    return datetime.fromtimestamp(ts_utc_ns / 1e9, UTC).astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S")


def price(config: Config, market: str, points: float) -> str:
    """A price with the decimals of its market's tick."""
    try:
        return config.market(market).shown(points)
    except GammaError:  # traded once, and no market of gamma's any more
        return f"{points:,.10g}"
