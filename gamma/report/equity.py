"""Equity with open P&L, its drawdown under it, and the floor of the account where it has one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from gamma import floor, stats
from gamma.history import History
from gamma.history.figures import deepest
from gamma.markets import MICRO
from gamma.pictures import BLACK, BLUE, GREY, RED, SKY, styled
from gamma.report.drawing import DAY_NS, DOLLARS, by_date
from gamma.report.form import Picture, Section, Table
from gamma.report.halts import ACCOUNT
from gamma.report.subject import Floor, Subject
from gamma.report.wording import NONE, counted, day, percent, signed_usd, usd
from gamma.stats import Floats, Ints

POINTS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """Equity at its marks and at sessions' ends, with the deepest fall below the peak so far [usd]; all [P].

    The floor is NaN where the account has none.
    """

    ts_utc_ns: Ints
    high_usd: Floats
    low_usd: Floats
    close_usd: Floats
    fall_usd: Floats
    floor_usd: Floats


def section(subject: Subject) -> Section:
    """The picture, and what it says in numbers."""
    told = subject.history
    fallen, halted = deepest(told), halted_spans(subject)
    grey = "; grey: the account was halted" if halted else ""
    known = (
        "Equity is with open P&L: the band spans each bar's highest and lowest, the line its close."
        if told.open_pnl_known
        else "Equity is known at the ends of trades only; what lay between, and so the whole drawdown, is not."
    )
    drawn = Picture(
        name="equity",
        figure=picture(told, subject.floor, halted),
        caption=f"Equity, and below it how far it lies under its highest value before{grey}.",
        alt=f"Equity goes from {usd(told.start_usd)} to {usd(told.end_usd)} usd over "
        f"{counted(len(told.sessions), 'session')}; its deepest drawdown is {usd(fallen.depth_usd)} usd.",
        height_in=4.2,
    )
    return Section(
        name="equity",
        title="Equity and drawdown",
        words=[known, *_floor_words(subject)],
        pictures=[drawn],
        tables=[_table(told, fallen)],
    )


def halted_spans(subject: Subject) -> list[tuple[int, int]]:
    """From when to when the whole account was halted [ns], long enough to be seen; what stands lasts to the end."""
    closes = subject.history.ts_session_close_utc_ns
    end = int(closes[-1]) if len(closes) else 0
    account = [one for one in subject.stops or () if one.scope == ACCOUNT]
    spans = [(one.ts_utc_ns, one.ts_lifted_utc_ns or end) for one in account]
    seen_ns = (end - int(closes[0])) / POINTS if len(closes) else 0
    return [(first, last) for first, last in spans if last - first > seen_ns]


def picture(told: History, line: Floor | None = None, halted: Sequence[tuple[int, int]] = ()) -> Figure:
    """Equity [usd] over drawdown [usd], by days in New York; spans in which the account was halted are grey."""
    path = thinned(carried(path_of(told, line)))
    with styled():
        figure = Figure()
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [2.2, 1.0]})
        days = path.ts_utc_ns / DAY_NS
        shape = "default" if told.open_pnl_known else "steps-post"
        if told.open_pnl_known:
            upper.fill_between(days, path.low_usd, path.high_usd, color=SKY, alpha=0.45, linewidth=0)
        upper.plot(days, path.close_usd, color=BLUE, drawstyle=shape, label="equity")
        upper.axhline(told.start_usd, color=BLACK, linewidth=0.6, linestyle=":", label="start")
        if line:
            upper.plot(days, path.floor_usd, color=RED, linestyle="--", drawstyle="steps-post", label="floor")
        upper.legend(loc="best", ncols=3)
        upper.set_ylabel("equity [usd]")
        step = None if told.open_pnl_known else "post"
        lower.fill_between(days, -path.fall_usd, 0, color=RED, alpha=0.6, linewidth=0, step=step)
        lower.set_ylim(bottom=-1.05 * max(1.0, float(path.fall_usd.max())), top=0)
        lower.set_ylabel("drawdown [usd]")
        for axes in (upper, lower):
            for first, last in halted:
                axes.axvspan(first / DAY_NS, last / DAY_NS, color=GREY, alpha=0.3, linewidth=0)
            axes.yaxis.set_major_formatter(DOLLARS)
        by_date(lower)
    return figure


def path_of(told: History, line: Floor | None = None) -> Path:
    """Marks and sessions' ends as one path that begins with the start; of each bar the highest came first."""
    ts = np.concatenate((told.ts_mark_utc_ns, told.ts_session_close_utc_ns))
    order = np.argsort(ts, kind="stable")
    ends = told.session_close_usd
    high, low, close = (np.concatenate((marks, ends))[order] for marks in (told.high_usd, told.low_usd, told.close_usd))
    begun = min((trade.ts_open_utc_ns for trade in told.trades), default=int(ts.min()))
    start = np.array([told.start_usd])
    high, low, close = (np.concatenate((start, values)) for values in (high, low, close))
    return Path(
        ts_utc_ns=np.concatenate(([min(begun, int(ts.min()))], ts[order])),
        high_usd=high,
        low_usd=low,
        close_usd=close,
        fall_usd=np.maximum.accumulate(high) - low,
        floor_usd=_floor(told, line) if line else np.full(1 + len(ts), np.nan),
    )


def _floor(told: History, line: Floor) -> Floats:
    """The floor after each point of the path [usd]: it follows highs of bars, or closes of sessions."""
    state = floor.start(line.rule, round(line.start_usd * MICRO))
    steps = [(ts, 0, usd) for ts, usd in zip(told.ts_mark_utc_ns, told.high_usd, strict=True)]
    steps += [(ts, 1, usd) for ts, usd in zip(told.ts_session_close_utc_ns, told.session_close_usd, strict=True)]
    found = [state.floor_microusd]
    for _, ends, value in sorted(steps, key=lambda step: step[:2]):
        move = floor.close_day if ends else floor.mark
        state = move(line.rule, state, round(value * MICRO))
        found.append(state.floor_microusd)
    return np.array(found, dtype=np.float64) / MICRO


def carried(path: Path, points: int = POINTS) -> Path:
    """The same with equity standing still until just before the next mark, where there is none for long."""
    ts = path.ts_utc_ns
    step_ns = max(1, int(ts[-1] - ts[0]) // max(1, points - 1))
    before = np.flatnonzero(np.diff(ts) > 3 * step_ns)
    twice, last = np.repeat(before + 1, 2), np.repeat(before, 2)
    close = path.close_usd[last]
    return Path(
        ts_utc_ns=np.insert(ts, twice, np.stack((ts[before] + step_ns, ts[before + 1] - step_ns), axis=1).ravel()),
        high_usd=np.insert(path.high_usd, twice, close),
        low_usd=np.insert(path.low_usd, twice, close),
        close_usd=np.insert(path.close_usd, twice, close),
        fall_usd=np.insert(path.fall_usd, twice, path.fall_usd[last] + path.low_usd[last] - close),
        floor_usd=np.insert(path.floor_usd, twice, path.floor_usd[last]),
    )


def thinned(path: Path, points: int = POINTS) -> Path:
    """At most so many points, evenly over time: of each part its highest, lowest, last close and deepest fall."""
    ts = path.ts_utc_ns
    if len(ts) <= points:
        return path
    part = ((ts - ts[0]) * (points - 1) // max(1, int(ts[-1] - ts[0]))).astype(np.int64)
    first = np.concatenate(([0], np.flatnonzero(np.diff(part)) + 1))
    last = np.append(first[1:], len(ts)) - 1
    return Path(
        ts_utc_ns=ts[last],
        high_usd=np.maximum.reduceat(path.high_usd, first),
        low_usd=np.minimum.reduceat(path.low_usd, first),
        close_usd=path.close_usd[last],
        fall_usd=np.maximum.reduceat(path.fall_usd, first),
        floor_usd=path.floor_usd[last],
    )


def _floor_words(subject: Subject) -> list[str]:
    if subject.floor is None:
        return []
    path = path_of(subject.history, subject.floor)
    room = path.low_usd - path.floor_usd
    least = int(np.argmin(room))
    when, least_usd = day(int(path.ts_utc_ns[least])), float(room[least])
    end_usd = float(path.floor_usd[-1])
    if least_usd <= 0:
        return [f"Equity touched the floor of {subject.floor.name} on {when}: that account was lost there."]
    ends = f"The floor of {subject.floor.name} ends at {usd(end_usd)} usd"
    return [f"{ends}; the least room was {usd(least_usd)} usd, on {when}."]


def _table(told: History, fallen: stats.Drawdown) -> Table:
    gained = told.end_usd - told.start_usd
    rows = [
        ("start", usd(told.start_usd), NONE),
        ("end", usd(told.end_usd), NONE),
        ("gained", signed_usd(gained), percent(gained / told.start_usd)),
        ("deepest drawdown", usd(fallen.depth_usd), percent(fallen.depth_frac)),
    ]
    return Table(caption="Equity in numbers", columns=("what", "usd", "share"), rows=rows, numbers=(1, 2))
