"""Rolls that show in a continuous file: found by comparison with adjusted bars, or suspected from one file alone."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gamma import calendar, markets
from gamma.bars import Session
from gamma.calendar.rolls import CODES, RollRule, roll_date
from gamma.errors import InputInvalid
from gamma.feeds.contracts import Roll
from gamma.feeds.inspection import sessions_of
from gamma.feeds.series import NS, Floats, Series, coarser

# A jump is suspected when it is so many times the usual one of the breaks of its kind around it.
JUMP_SCALES: Final = 8.0
NEIGHBOURS: Final = 40
NEIGHBOURS_MIN: Final = 8
MAD_TO_STD: Final = 1.4826
WEEKEND_NS: Final = 24 * 3_600 * NS
STEP_TICKS: Final = 2
STEP_SCALES: Final = 6.0
# Files that were adjusted by ratio wander by less than this between rolls; the smallest roll gaps are 0.05 %.
STEP_MIN_FRAC: Final = 2e-4


def suspected(series: Series) -> tuple[Roll, ...]:
    """Breaks between sessions that jump as a roll does, on the days on which rolls are usual.

    A jump from last close to first open counts where it is over 8 standard deviations, as the median absolute jump
    of the 40 nearest breaks of its kind (overnight or over a weekend) tells them. Looked at are the session of the
    Thursday eight days before the third Friday, and those of the Monday and Tuesday before it. A roll over a weekend
    is seldom told from news so.
    """
    traded = markets.market(series.market)
    if traded.kind not in (markets.Kind.EMINI, markets.Kind.MICRO):
        return ()
    at, jumps, weekend, number = _breaks(series)
    opens, _ = calendar.bounds(series.market)
    usual = _usual_opens(series)
    found = []
    for n in np.flatnonzero(np.isin(opens[number], usual)).tolist():
        alike = np.flatnonzero(weekend == weekend[n])
        near = alike[np.argsort(np.abs(alike - n), kind="stable")[1 : NEIGHBOURS + 1]]
        if len(near) < NEIGHBOURS_MIN:
            continue
        scale = max(MAD_TO_STD * float(np.median(np.abs(jumps[near]))), float(traded.tick_points))
        if abs(jumps[n]) > JUMP_SCALES * scale:
            ts = int(series.ts_open_utc_ns[at[n]])
            found.append(Roll(ts_utc_ns=ts, gap_points=float(jumps[n]), found_by="jump"))
    return tuple(found)


def compared(series: Series, adjusted: Series) -> tuple[Roll, ...]:
    """The rolls that show in `series` and not in `adjusted`, which has the same bars or finer ones.

    The distance between the two is constant in points, or in ratio, from roll to roll; whichever varies less inside
    sessions is what the adjustment went by. Each session has its median, and a step of more than two ticks (two
    hundredths of a percent in ratio), and of more than six standard deviations inside sessions, is a roll.
    Raises: InputInvalid when the two share no session.
    """
    other = coarser(adjusted, series.bar_s)
    _, here, there = np.intersect1d(series.ts_open_utc_ns, other.ts_open_utc_ns, return_indices=True)
    number = sessions_of(series)[here]
    inside = number >= 0
    here, there, number = here[inside], there[inside], number[inside]
    if not len(here):
        raise InputInvalid(f"{series.market}: the two files share no bar; compare files of the same time")
    raw, moved = series.close_points[here], other.close_points[there]
    first = np.flatnonzero(np.diff(number, prepend=-1))
    points, ratios = moved - raw, moved / raw
    noise_points, noise_ratio = _noise(points, first), _noise(ratios, first)
    by_points = noise_points <= noise_ratio * float(np.median(raw))
    level = _medians(points if by_points else ratios, first)
    tick = float(markets.market(series.market).tick_points)
    smallest = STEP_TICKS * tick if by_points else STEP_MIN_FRAC
    limit = max(smallest, STEP_SCALES * (noise_points if by_points else noise_ratio))
    found = []
    for n in (np.flatnonzero(np.abs(np.diff(level)) > limit) + 1).tolist():
        row = int(here[first[n]])
        before, after = float(level[n - 1]), float(level[n])
        gap = before - after if by_points else (before / after - 1.0) * float(series.close_points[max(0, row - 1)])
        gap = round(gap / tick) * tick if by_points else gap
        found.append(Roll(ts_utc_ns=int(series.ts_open_utc_ns[row]), gap_points=gap, found_by="comparison"))
    return tuple(found)


def _breaks(series: Series) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_], NDArray[np.int64]]:
    """First bars of sessions that follow the session before: row, jump [points], over a weekend, session."""
    opens, closes = calendar.bounds(series.market)
    number = sessions_of(series)
    at = np.flatnonzero((number[1:] == number[:-1] + 1) & (number[:-1] >= 0)) + 1
    jumps = series.open_points[at] - series.close_points[at - 1]
    return at, jumps, opens[number[at]] - closes[number[at] - 1] > WEEKEND_NS, number[at]


def _usual_opens(series: Series) -> NDArray[np.int64]:
    """When the sessions open in which rolls are usual."""
    first, last = (datetime.fromtimestamp(int(ts) // NS, UTC).date() for ts in series.ts_open_utc_ns[[0, -1]])
    found: list[int] = []
    for year in range(first.year, last.year + 1):
        for month in CODES:
            named = f"{year}-{month:02d}"
            thursday = roll_date(series.market, named, RollRule.THURSDAY_MINUS_8)
            monday = roll_date(series.market, named, RollRule.MONDAY_OF_EXPIRY_WEEK)
            found += [s.ts_open_utc_ns for s in _sessions(series.market, thursday, 0)]
            found += [s.ts_open_utc_ns for s in _sessions(series.market, monday, 1)]
    return np.array(found, dtype=np.int64)


def _sessions(market: str, day: date, more_days: int) -> list[Session]:
    return calendar.sessions(market, day, day + timedelta(days=more_days))


def _medians(values: Floats, first: NDArray[np.int64]) -> Floats:
    return np.array([np.median(part) for part in np.split(values, first[1:])])


def _noise(values: Floats, first: NDArray[np.int64]) -> float:
    """How much the values vary inside sessions: their median absolute distance from the session's median."""
    spreads = [np.median(np.abs(part - np.median(part))) for part in np.split(values, first[1:])]
    return MAD_TO_STD * float(np.median(spreads))
