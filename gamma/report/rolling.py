"""The Sharpe ratio over a window that moves along."""

import numpy as np
from matplotlib.figure import Figure
from numpy.lib.stride_tricks import sliding_window_view

from gamma import stats
from gamma.history import History
from gamma.history.figures import SESSIONS_A_YEAR
from gamma.pictures import BLACK, BLUE, SKY, styled
from gamma.report.drawing import DAY_NS, by_date
from gamma.report.form import Picture, Section
from gamma.report.subject import Subject
from gamma.report.wording import counted
from gamma.stats import Floats

# The longest window that fits twice.
WINDOWS_SESSIONS = (60, 20)


def section(subject: Subject) -> Section:
    """The picture, or why there is none."""
    told = subject.history
    window = window_sessions(told)
    title = "Rolling Sharpe ratio"
    if not window:
        least = 2 * WINDOWS_SESSIONS[-1]
        few = f"{counted(len(told.sessions), 'session')}: too few; it takes {least}, two windows."
        return Section(name="rolling", title=title, words=[few])
    found = rolling(told, window)
    known = found[np.isfinite(found)]
    if not len(known):
        return Section(name="rolling", title=title, words=[f"In no window of {window} sessions do returns differ."])
    words = (
        f"Each point is of the {window} sessions up to it, by {SESSIONS_A_YEAR} sessions a year; a session without a "
        "trade returns 0. The band is Lo's standard error to either side, 1.96 times."
    )
    drawn = Picture(
        name="rolling",
        figure=picture(told, window),
        caption=f"Sharpe ratio a year over {window} sessions, with its 95 % band.",
        alt=f"The Sharpe ratio over {window} sessions lies between {known.min():.2f} and {known.max():.2f}; "
        f"the last is {known[-1]:.2f}.",
        height_in=2.6,
    )
    return Section(name="rolling", title=title, words=[words], pictures=[drawn])


def window_sessions(told: History) -> int:
    """The window for so long a history [sessions]; 0 when none fits twice."""
    return next((window for window in WINDOWS_SESSIONS if 2 * window <= len(told.sessions)), 0)


def rolling(told: History, window: int) -> Floats:
    """The Sharpe ratio a year of each `window` sessions on end; NaN where all returns are alike: [S - W + 1]."""
    windows = sliding_window_view(told.session_returns, window)
    return np.array([stats.sharpe_annual(one, SESSIONS_A_YEAR) for one in windows])


def picture(told: History, window: int) -> Figure:
    """The ratio by the day on which its window ends."""
    found = rolling(told, window)
    days = told.ts_session_close_utc_ns[window - 1 :] / DAY_NS
    year = np.sqrt(SESSIONS_A_YEAR)
    error = np.array([stats.sharpe_standard_error(one / year, window) for one in found]) * year
    with styled():
        figure = Figure()
        axes = figure.subplots()
        axes.fill_between(days, found - 1.96 * error, found + 1.96 * error, color=SKY, alpha=0.4, linewidth=0)
        axes.plot(days, found, color=BLUE)
        axes.axhline(0, color=BLACK, linewidth=0.8)
        axes.set_ylabel("Sharpe ratio [a year]")
        by_date(axes)
        axes.set_xlim(told.ts_session_close_utc_ns[0] / DAY_NS, told.ts_session_close_utc_ns[-1] / DAY_NS)
    return figure
