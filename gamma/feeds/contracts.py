"""Single contracts of one market made into one series: which is in front when, and prices moved so that no roll shows.

From its roll on, the next contract is the one in front. Back-adjusted, the last contract keeps the prices at which it
traded, and each earlier one is moved by the sum of the gaps after it: differences of prices stay true to the tick,
ratios do not. That is what training sees; the daemon trades the front contract at its real prices.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from gamma import calendar, markets
from gamma.calendar.rolls import CODES, RollRule, Volumes, expiry, roll_date
from gamma.errors import InputInvalid
from gamma.feeds.inspection import sessions_of
from gamma.feeds.series import NS, PRICES, Series, concatenated

MONTHS: Final = {code: month for month, code in CODES.items()}
BY_CODE: Final = re.compile(r"[A-Z0-9]+?[ _-]?([HMUZ])(\d{1,2}|\d{4})")
BY_MONTH: Final = re.compile(r"[A-Z0-9]+?[ _-]?(20\d\d)-?(03|06|09|12)")
# The crossing of volumes is looked for in so many days before an expiry.
CROSS_DAYS: Final = 30
# Over more than a long weekend the market's own move is all that a jump tells of.
APART_MAX_NS: Final = 4 * 24 * 3_600 * NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Bars of one contract; `month` is "YYYY-MM"."""

    month: str
    series: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """From `ts_utc_ns` on another contract is in front, `gap_points` above the one before.

    `found_by` says how: "overlap" and "comparison" are exact, "jump" has the market's own move in it, "nothing"
    is a gap that is not known.
    """

    ts_utc_ns: int
    gap_points: float
    found_by: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """One series made of several, and the rolls in it."""

    series: Series
    rolls: tuple[Roll, ...]


def month_of(name: str, ts_first_utc_ns: int) -> str | None:
    """The month "YYYY-MM" of a contract named like NQH5, NQH25, NQH2025 or NQ-202503; None when it names none.

    A year of one digit is the first one in which the contract had not expired when its bars begin.
    """
    if written := BY_MONTH.fullmatch(name.strip().upper()):
        return f"{written[1]}-{written[2]}"
    if not (coded := BY_CODE.fullmatch(name.strip().upper())):
        return None
    month, digits = MONTHS[coded[1]], coded[2]
    if len(digits) == 4:
        return f"{digits}-{month:02d}"
    if len(digits) == 2:
        return f"20{digits}-{month:02d}"
    begins = datetime.fromtimestamp(ts_first_utc_ns // NS, UTC).date()
    year = begins.year + (int(digits) - begins.year) % 10
    if year == begins.year and month < begins.month:
        year += 10
    return f"{year}-{month:02d}"


def join_contracts(pieces: Sequence[Piece], rule: RollRule | None = None, *, adjust: bool = True) -> Joined:
    """One series of the contract in front; a roll is where the session of its date opens.

    The gap of a roll is the median difference of closes in the last session before it in which both contracts
    traded. Where the two never overlap it is the jump from the last close to the first open.
    Raises: InputInvalid when contracts between are missing, none is in front of its bars, or `volume_cross` has
        no volume.
    """
    ordered = sorted(pieces, key=lambda piece: piece.month)
    _refuse_missing(ordered)
    rolls = [_roll(front, after, rule) for front, after in pairwise(ordered)]
    for roll in rolls if adjust else ():
        if math.isnan(roll.gap_points):
            raise InputInvalid(
                f"{ordered[0].series.market}: {roll.before} ends days before {roll.after} begins, so that the gap of "
                "their roll cannot be known; give bars of both around it, or leave gaps in with --unadjusted"
            )
    edges = [0, *(roll.ts_utc_ns for roll in rolls), calendar.utc_ns(calendar.LAST_DATE, "00:00")]
    kept = [cut(piece.series, start, end) for piece, (start, end) in zip(ordered, pairwise(edges), strict=True)]
    for piece, part in zip(ordered, kept, strict=True):
        if not len(part):
            raise InputInvalid(
                f"{part.market} {piece.month}: no bar of the time in which this contract is in front; leave it out, "
                "or choose another rule of rolls"
            )
    series = chained(kept)
    return Joined(series=levelled(series, rolls) if adjust else series, rolls=tuple(rolls))


def levelled(series: Series, rolls: Sequence[Roll]) -> Series:
    """The series with all bars before each roll moved by its gap, so that the last prices stay as they are.

    Raises: InputInvalid when a price would not be above 0.
    """
    offset = np.zeros(len(series))
    for roll in rolls:
        offset[series.ts_open_utc_ns < roll.ts_utc_ns] += roll.gap_points
    if not bool(np.all(series.low_points + offset > 0)):
        raise InputInvalid(f"{series.market}: moved by their gaps, the first prices are not above 0; join fewer years")
    opened, high, low, closed = (getattr(series, name) + offset for name in PRICES)
    return replace(series, open_points=opened, high_points=high, low_points=low, close_points=closed)


def cut(series: Series, ts_from_utc_ns: int, ts_to_utc_ns: int) -> Series:
    """The bars that open in from <= ts < to."""
    first, last = np.searchsorted(series.ts_open_utc_ns, [ts_from_utc_ns, ts_to_utc_ns])
    return series.rows(slice(first, last))


def chained(parts: Sequence[Series]) -> Series:
    """Series of one market and length, each ending before the next begins, as one.

    Raises: InputInvalid when two differ in length or overlap.
    """
    for one, following in pairwise(parts):
        if one.bar_s != following.bar_s:
            raise InputInvalid(
                f"{one.market}: bars of {one.bar_s} s and of {following.bar_s} s; give --bar-s, a multiple of both"
            )
        if one.ts_close_utc_ns[-1] > following.ts_open_utc_ns[0]:
            told = ", ".join(_day(int(ts)) for ts in (one.ts_close_utc_ns[-1], following.ts_open_utc_ns[0]))
            raise InputInvalid(f"{one.market}: files overlap in time ({told}); give each day once")
    return concatenated(parts)


def _refuse_missing(pieces: Sequence[Piece]) -> None:
    for front, after in pairwise(pieces):
        year, month = (int(part) for part in front.month.split("-"))
        following = f"{year}-{month + 3:02d}" if month < 12 else f"{year + 1}-03"
        if after.month == front.month:
            raise InputInvalid(f"{front.series.market} {front.month}: given twice; give each contract in one file")
        if after.month != following:
            raise InputInvalid(
                f"{front.series.market}: {after.month} follows {front.month}, and {following} is missing; give its "
                "bars, or join what lies before and after apart"
            )


def _roll(front: Piece, after: Piece, rule: RollRule | None) -> Roll:
    market = front.series.market
    volumes = _volumes(front, after) if rule is RollRule.VOLUME_CROSS else None
    day = roll_date(market, front.month, rule, volumes)
    ts = calendar.sessions(market, day, day + timedelta(days=7))[0].ts_open_utc_ns
    gap, found_by = _gap_points(front.series, after.series, ts)
    ticks = markets.market(market).ticks_per_point
    return Roll(
        ts_utc_ns=ts,
        gap_points=gap if math.isnan(gap) else round(gap * ticks) / ticks,
        found_by=found_by,
        before=front.month,
        after=after.month,
    )


def _gap_points(front: Series, after: Series, ts_utc_ns: int) -> tuple[float, str]:
    before = cut(front, 0, ts_utc_ns)
    _, here, there = np.intersect1d(before.ts_open_utc_ns, after.ts_open_utc_ns, return_indices=True)
    if not len(here):
        start = cut(after, ts_utc_ns, calendar.utc_ns(calendar.LAST_DATE, "00:00"))
        if not len(before) or not len(start):
            raise InputInvalid(f"{front.market}: no bars on both sides of the roll at {_day(ts_utc_ns)}; give both")
        apart_ns = int(start.ts_open_utc_ns[0] - before.ts_close_utc_ns[-1])
        if apart_ns > APART_MAX_NS:
            return math.nan, "nothing"
        return float(start.open_points[0] - before.close_points[-1]), "jump"
    number = sessions_of(before)[here]
    last = number == number[-1]
    return float(np.median(after.close_points[there[last]] - before.close_points[here[last]])), "overlap"


def _volumes(front: Piece, after: Piece) -> Volumes:
    market = front.series.market
    year, month = (int(part) for part in front.month.split("-"))
    ends = expiry(year, month)
    days = calendar.sessions(market, ends - timedelta(days=CROSS_DAYS), ends)
    lots = [[_lots(p.series, s.ts_open_utc_ns, s.ts_close_utc_ns) for s in days] for p in (front, after)]
    if not any(lots[0]) or not any(lots[1]):
        raise InputInvalid(
            f"{market} {front.month} and {after.month}: no volume in the {CROSS_DAYS} days before the expiry; choose "
            "a rule of rolls that needs none"
        )
    return Volumes(days=[s.date for s in days], front_lots=lots[0], next_lots=lots[1])


def _lots(series: Series, ts_from_utc_ns: int, ts_to_utc_ns: int) -> float:
    return float(np.nansum(cut(series, ts_from_utc_ns, ts_to_utc_ns).volume_lots))


def _day(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(ts_utc_ns // NS, UTC).date().isoformat()
