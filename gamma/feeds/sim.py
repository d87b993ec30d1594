"""`SimFeed`: the market simulator as a feed, endless and without a network."""

import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final, final

import numpy as np
from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt, field_validator

from gamma import calendar, markets
from gamma.bars import Bar, Session
from gamma.calendar import FIRST_DATE, LAST_DATE, NS
from gamma.errors import InputInvalid
from gamma.feeds.series import Series, coarser, concatenated, merged
from gamma.feeds.shapes import FOLLOWERS, family_of
from gamma.feeds.simulator import Simulator, Steps

STEP_S: Final = 60
QUIET_SHARE: Final = 1 / 3


@final
class SimFeed(BaseModel, frozen=True, extra="forbid"):
    """Simulated bars of index futures, gold and cash indices; the same seed gives the same bars.

    Any stretch of time can be asked for without those before it, so that a daemon that stops and starts
    again sees the market that it left. Bars are on tick, in the hours of each market's own calendar.
    """

    traded: tuple[str, ...] = Field(default=("MNQ",), min_length=1, alias="markets")
    seed: NonNegativeInt = 1
    bar_s: PositiveInt = 300

    @field_validator("traded")
    @classmethod
    def _known(cls, traded: tuple[str, ...]) -> tuple[str, ...]:
        for market in traded:
            try:
                family_of(market)
            except InputInvalid as unknown:
                raise ValueError(str(unknown)) from unknown
        return tuple(sorted(set(traded)))

    @field_validator("bar_s")
    @classmethod
    def _whole(cls, bar_s: int) -> int:
        if bar_s % STEP_S and STEP_S % bar_s:
            raise ValueError(f"bars of {bar_s} s do not fit into minutes; use a divisor or a multiple of {STEP_S} s")
        return bar_s

    @property
    def markets(self) -> tuple[str, ...]:
        return self.traded

    @property
    def provides(self) -> frozenset[str]:
        indices = any(np.isnan(FOLLOWERS[market].lots_daily) for market in self.traded)
        return frozenset({"bar"} if indices else {"bar", "volume", "spread"})

    @cached_property
    def simulator(self) -> Simulator:
        """The prices behind the bars."""
        return Simulator(self.seed)

    def history(self, market: str, until_utc_ns: int, bars: int) -> list[Bar]:
        if market not in self.traded:
            raise InputInvalid(f"{market} is not simulated; the feed has {', '.join(self.traded)}")
        found: list[Bar] = []
        day = _trading_day(until_utc_ns)
        while len(found) < bars and day >= FIRST_DATE:
            for series in self._series(market, day):
                last = series.closed_by(until_utc_ns)
                found = [*series.bars(max(0, last - bars + len(found)), last), *found]
            day -= timedelta(days=1)
        return found

    def bars(self, after_utc_ns: int) -> Iterator[Bar]:
        day = _trading_day(after_utc_ns) - timedelta(days=1)
        while day <= LAST_DATE:
            if day >= FIRST_DATE:
                every = [series for market in self.traded for series in self._series(market, day)]
                yield from merged([series.bars(series.closed_by(after_utc_ns)) for series in every])
            day += timedelta(days=1)

    def sessions(self, market: str, count: int, until: date) -> Series:
        """So many sessions of a market as one series, the last of them no later than this day.

        Raises: InputInvalid when there are not so many.
        """
        parts: list[Series] = []
        day = min(until, LAST_DATE)
        while len(parts) < count and day >= FIRST_DATE:
            parts = [*self._series(market, day), *parts]
            day -= timedelta(days=1)
        if not parts or len(parts) < count:
            raise InputInvalid(f"{market}: {len(parts)} sessions end by {until}, and {count} were asked for")
        return concatenated(parts)

    def _series(self, market: str, day: date) -> list[Series]:
        """The market's bars of one trading day, in a list that is empty when it has no session."""
        found = []
        for session in calendar.sessions(market, day, day):
            steps = self.simulator.steps(family_of(market), day, min(STEP_S, self.bar_s))
            rng = self.simulator.rng(zlib.crc32(market.encode()), (day - FIRST_DATE).days)
            found.append(coarser(_cut(market, session, steps, rng), self.bar_s))
        return found


def _trading_day(ts_utc_ns: int) -> date:
    """A day that is not before the trading day of this time."""
    day = datetime.fromtimestamp(ts_utc_ns // NS, UTC).date() + timedelta(days=1)
    return min(max(day, FIRST_DATE), LAST_DATE)


def _cut(market: str, session: Session, steps: Steps, rng: np.random.Generator) -> Series:
    """A market's own steps of a session of its leader: its ticks, its lots, its spread."""
    follower, traded = FOLLOWERS[market], markets.market(market)
    leaders = [leader.symbol for leader in family_of(market).leaders]
    column, leader = leaders.index(follower.leader), markets.market(follower.leader)
    width_ns = steps.step_s * NS
    first = (session.ts_open_utc_ns - steps.ts_open_utc_ns) // width_ns
    last = (session.ts_close_utc_ns - steps.ts_open_utc_ns) // width_ns
    ts_open = steps.ts_open_utc_ns + np.arange(first, last, dtype=np.int64) * width_ns
    scale = follower.scale * traded.ticks_per_point / leader.ticks_per_point
    opened, high, low, closed = (
        np.rint(ticks[first:last, column] * scale) / traded.ticks_per_point
        for ticks in (steps.open_ticks, steps.high_ticks, steps.low_ticks, steps.close_ticks)
    )
    activity, stress = steps.activity[first:last], steps.stress[first:last]
    count = len(activity)
    lots = follower.lots_daily * activity * rng.gamma(4.0, 0.25, count)
    quiet = activity < QUIET_SHARE * activity.mean()
    wide = follower.spread_ticks * (1 + 0.6 * quiet + np.maximum(0.0, stress - 1)) * rng.lognormal(0.0, 0.15, count)
    spread = np.maximum(1.0, np.rint(wide)) / traded.ticks_per_point
    return Series(
        market=market,
        bar_s=steps.step_s,
        ts_open_utc_ns=ts_open,
        ts_close_utc_ns=ts_open + width_ns,
        open_points=opened,
        high_points=high,
        low_points=low,
        close_points=closed,
        volume_lots=np.rint(lots),
        spread_points=spread if not np.isnan(follower.lots_daily) else np.full(count, np.nan),
    )
