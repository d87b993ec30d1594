"""The picture of equity: its course with the floor, and below it the drawdown. Few points, however long the ledger."""

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from gamma.calendar import NEW_YORK
from gamma.dashboard.sight import Sight
from gamma.markets import MICRO
from gamma.report.equity import Path, carried, thinned
from gamma.stats import Ints

POINTS: Final = 600
BLUE, RED = "#0072B2", "#D55E00"
# What is read in light and dark comes from the style sheet: text and lines are coloured there.
LAYOUT: Final[dict[str, Any]] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "font": {"family": "system-ui, sans-serif", "size": 12},
    "hovermode": "x unified",
    "dragmode": False,
}


def picture(sight: Sight) -> go.Figure:
    """Equity and floor [usd] over drawdown [usd], in New York's time."""
    path = thinned(carried(_path(sight), POINTS), POINTS)
    days = _days(path.ts_utc_ns)
    line: dict[str, Any] = {"x": days, "mode": "lines", "hovertemplate": "%{y:,.2f}"}
    shown = [go.Scatter(**line, y=np.round(path.close_usd, 2), name="equity", line={"color": BLUE, "width": 2})]
    if np.isfinite(path.floor_usd).any():
        floor = {"color": RED, "dash": "dash", "shape": "hv", "width": 1.5}
        shown.append(go.Scatter(**line, y=np.round(path.floor_usd, 2), name="floor", line=floor))
    fall = {"color": RED, "width": 1}
    below = go.Scatter(**line, y=-np.round(path.fall_usd, 2), name="drawdown", line=fall, fill="tozeroy", yaxis="y2")
    axis = {"automargin": True, "tickformat": ",.0f", "zeroline": False, "fixedrange": True}
    return go.Figure(
        data=[*shown, below],
        layout={
            **LAYOUT,
            "height": 340,
            "legend": {"orientation": "h", "y": 1.08, "x": 0},
            "xaxis": {"fixedrange": True, "anchor": "y2"},
            "yaxis": {**axis, "domain": [0.36, 1.0]},
            "yaxis2": {**axis, "domain": [0.0, 0.28], "rangemode": "tozero"},
        },
    )


def _path(sight: Sight) -> Path:
    """From the start to now; equity stands still where nothing was held."""
    book, course = sight.now.book, sight.course
    start, equity = book.setup.starting_capital_microusd / MICRO, book.money.equity_microusd / MICRO
    begun = sight.reader.created_utc_ns if not len(course.ts_utc_ns) else int(course.ts_utc_ns[0])
    ended = max(begun, book.ts_event_utc_ns)
    floor = book.money.floor.floor_microusd / MICRO if book.money.floor else np.nan
    first = course.floor_usd[0] if len(course.floor_usd) else floor
    high, low, close = (_between(start, marks, equity) for marks in (course.high_usd, course.low_usd, course.close_usd))
    return Path(
        ts_utc_ns=np.concatenate(([begun], course.ts_utc_ns, [ended])),
        high_usd=high,
        low_usd=low,
        close_usd=close,
        fall_usd=np.maximum.accumulate(high) - low,
        floor_usd=_between(first, course.floor_usd, floor),
    )


def _between(first: float, marks: Any, last: float) -> Any:
    return np.concatenate(([first], marks, [last]))


def _days(ts_utc_ns: Ints) -> list[str]:
    """Instants as the picture's axis reads them, by the clocks of New York."""
    seconds = (ts_utc_ns // 1_000_000_000).tolist()
    return [datetime.fromtimestamp(s, UTC).astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S") for s in seconds]
