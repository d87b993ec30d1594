"""The market simulator: seeded prices with regimes, fat tails, clustered volatility and the day's rhythm.

Two layers, each a pure function of the seed, so that any session can be had without those before it:

- *Days.* One pass over the whole calendar draws each day's regime, volatility and return. Volatility
  follows a GARCH(1,1) with Student-t shocks, times the regime's; log prices are pulled softly back to
  the level at which they began, so that any year can be simulated at prices of our day.
- *Steps.* A session's minutes are Student-t shocks whose size follows the time of day and a slow
  random factor, with a few jumps, bent so that they end at the day's close.

The four indices share one factor and keep their own noise. The same seed gives the same prices wherever
NumPy draws the same numbers.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from gamma import calendar, markets
from gamma.calendar import FIRST_DATE, LAST_DATE, NS
from gamma.errors import InputInvalid
from gamma.feeds.series import Floats, Times
from gamma.feeds.shapes import FAMILIES, HALF_HOUR_S, Family

FULL_SESSION_S: Final = 23 * 3600
SESSIONS_KEPT: Final = 8
DAYS: Final = (LAST_DATE - FIRST_DATE).days + 1

# Regimes: calm, trending, volatile. Rows of CHANGE are where each goes, as running sums of probability.
REGIME_VOL: Final = (0.7, 0.9, 1.6)
REGIME_NOISE: Final = (1.0, 0.8, 1.0)
TRENDING: Final = 1
TREND_DRIFT: Final = 0.25
CHANGE: Final = ((0.97, 0.99), (0.035, 0.985), (0.04, 0.07))

GARCH_SHOCK, GARCH_KEPT = 0.07, 0.90
VARIANCE_MAX: Final = 3.0
# The exchange's first limit of a day.
MOVE_MAX_LOG: Final = 0.07
DAILY_TAIL, STEP_TAIL = 5, 5
PULL_PER_DAY: Final = 1 / 80
GAP_SHARE, LONG_GAP_SHARE = 0.02, 0.10
SHORT_DAY_VOL: Final = 0.6
SLOW_KEPT_PER_MIN, SLOW_SD = 0.985, 0.35
JUMPS_PER_DAY, JUMP_SIZE = 0.3, 0.35
LONG_BREAK_S: Final = 30 * 3600
UP_FRAC: Final = 0.55


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Days:
    """Every calendar day of one family; a day without a session repeats the close before it.

    Shapes: `regime`, `vol` [D]; `close_log`, `gap_log` [D, M], one column per leader; `before_log` [M].
    """

    regime: NDArray[np.int64]
    vol: Floats
    close_log: Floats
    gap_log: Floats
    before_log: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """One session of one family in steps of `step_s`.

    `activity` is each step's share of a usual day's volume, `stress` its volatility against the usual.

    Shapes: prices in ticks [T, M], one column per leader; `activity`, `stress` [T].
    """

    ts_open_utc_ns: int
    step_s: int
    open_ticks: Times
    high_ticks: Times
    low_ticks: Times
    close_ticks: Times
    activity: Floats
    stress: Floats


@final
class Simulator:
    """Prices of every family under one seed."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise InputInvalid(f"seed {seed} is negative; give 0 or more")
        self.seed = seed
        self.days = lru_cache(maxsize=len(FAMILIES))(self._days)
        self.steps = lru_cache(maxsize=SESSIONS_KEPT)(self._steps)

    def rng(self, *key: int) -> np.random.Generator:
        """A generator of its own for `key`, the same at every call."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _days(self, family: Family) -> Days:
        opens, closes = calendar.bounds(family.calendar)
        lengths_s = (closes - opens) // NS
        sessions = closes // (86_400 * NS) - (FIRST_DATE - date(1970, 1, 1)).days
        uniform, shock, own, split = self._daily_draws(family)
        regime, vol, drift = _volatility(sessions, uniform, shock)
        minutes = np.concatenate([[0.0], np.cumsum(_step_vol(family, int(lengths_s.max()) // 60, 60) ** 2)])
        quiet = np.where(lengths_s < FULL_SESSION_S, SHORT_DAY_VOL, 1.0)
        vol[sessions] *= quiet * np.sqrt(minutes[lengths_s // 60])
        loading, size = _loadings(family), _sizes(family)
        alone = np.sqrt(1 - loading**2)
        moves = vol[:, None] * size * ((shock + drift)[:, None] * loading + own * alone)
        before = np.log([leader.level_points for leader in family.leaders])
        close_log = _pulled(np.clip(moves, -MOVE_MAX_LOG, MOVE_MAX_LOG), sessions, before)
        total = np.diff(close_log, axis=0, prepend=before[None, :])[sessions]
        long_break = np.diff(opens, prepend=opens[0]) > LONG_BREAK_S * NS
        part = np.where(long_break, LONG_GAP_SHARE, GAP_SHARE)[:, None]
        gap_log = np.zeros_like(close_log)
        apart = (split[:, :1] * loading + split[:, 1:] * alone)[sessions]
        gap_log[sessions] = part * total + np.sqrt(part * (1 - part)) * vol[sessions][:, None] * size * apart
        return Days(regime=regime, vol=vol, close_log=close_log, gap_log=gap_log, before_log=before)

    def _daily_draws(self, family: Family) -> tuple[Floats, Floats, Floats, Floats]:
        """Draws of every calendar day, year by year, so that a longer calendar leaves the past as it was."""
        width, rows = len(family.leaders), []
        for year in range(FIRST_DATE.year, LAST_DATE.year + 1):
            rng, days = self.rng(family.number, year), 366
            drawn = (
                rng.random((days, 2)),
                _student(rng, DAILY_TAIL, (days,)),
                rng.standard_normal((days, width)),
                rng.standard_normal((days, 1 + width)),
            )
            held = (date(year + 1, 1, 1) - date(year, 1, 1)).days
            rows.append([column[:held] for column in drawn])
        uniform, shock, own, split = (np.concatenate(column) for column in zip(*rows, strict=True))
        return uniform, shock, own, split

    def _steps(self, family: Family, day: date, step_s: int) -> Steps:
        session = calendar.sessions(family.calendar, day, day)[0]
        at, days = (day - FIRST_DATE).days, self.days(family)
        count = (session.ts_close_utc_ns - session.ts_open_utc_ns) // (step_s * NS)
        rng, vol = self.rng(family.number, at, step_s), float(days.vol[at])
        slow = _slow(rng, count, step_s)
        local = vol * _step_vol(family, count, step_s) * slow / _whole(family, count, step_s)
        noise = REGIME_NOISE[days.regime[at]] * self._noise(rng, family, local, vol)
        opening = (days.close_log[at - 1] if at else days.before_log) + days.gap_log[at]
        weight = (local**2 / np.sum(local**2))[:, None]
        moves = noise + weight * (days.close_log[at] - opening - noise.sum(axis=0))
        path = np.concatenate([opening[None, :], opening + np.cumsum(moves, axis=0)])
        opened, high, low, closed = _steps_of(
            family, path, local[:, None] * _sizes(family), rng.standard_exponential((2, *moves.shape))
        )
        rush = 0.6 + 0.5 * np.abs(moves[:, 0]) / (local * family.leaders[0].vol_daily_frac)
        lots = _rhythm(family.lots_shape, count, step_s) * step_s / (HALF_HOUR_S * sum(family.lots_shape))
        return Steps(
            ts_open_utc_ns=session.ts_open_utc_ns,
            step_s=step_s,
            open_ticks=opened,
            high_ticks=high,
            low_ticks=low,
            close_ticks=closed,
            activity=lots * slow * rush * np.sqrt(vol),
            stress=vol * slow,
        )

    def _noise(self, rng: np.random.Generator, family: Family, local: Floats, vol: float) -> Floats:
        count, loading = len(local), _loadings(family)
        shared = _student(rng, STEP_TAIL, (count, 1)) * loading
        own = _student(rng, STEP_TAIL, (count, len(loading))) * np.sqrt(1 - loading**2)
        noise = local[:, None] * (shared + own)
        for jump in rng.choice(count, size=rng.poisson(JUMPS_PER_DAY), p=local**2 / np.sum(local**2)):
            noise[jump] += JUMP_SIZE * vol * rng.standard_normal() * loading
        return noise * _sizes(family)


def _loadings(family: Family) -> Floats:
    return np.array([leader.loading for leader in family.leaders])


def _sizes(family: Family) -> Floats:
    return np.array([leader.vol_daily_frac for leader in family.leaders])


def _whole(family: Family, count: int, step_s: int) -> float:
    """How much of a full session's standard deviation this one has; the day's volatility counts it already."""
    return float(np.sqrt(np.sum(_step_vol(family, count, step_s) ** 2)))


def _student(rng: np.random.Generator, freedom: int, shape: tuple[int, ...]) -> Floats:
    """Student-t draws of unit variance."""
    draws: Floats = rng.standard_t(freedom, shape) * np.sqrt((freedom - 2) / freedom)
    return draws


def _rhythm(shape: tuple[float, ...], count: int, step_s: int) -> Floats:
    """The half-hourly shape, step by step from the open; a session that runs longer keeps its last value."""
    half_hour = np.arange(count) * step_s // HALF_HOUR_S
    return np.array(shape)[np.minimum(half_hour, len(shape) - 1)]


def _step_vol(family: Family, count: int, step_s: int) -> Floats:
    """Standard deviation of each step, as a share of a full session's: the squares of one add up to 1."""
    whole = HALF_HOUR_S / step_s * sum(size**2 for size in family.vol_shape)
    shares: Floats = _rhythm(family.vol_shape, count, step_s) / np.sqrt(whole)
    return shares


def _volatility(sessions: Times, uniform: Floats, shock: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Regime, volatility and drift of each day: a Markov chain, and GARCH(1,1) on top of it."""
    regimes, vol, drift = np.zeros(DAYS, dtype=np.int64), np.zeros(DAYS), np.zeros(DAYS)
    regime, variance, direction = 0, 1.0, 1.0
    for day, (to, sign), moved in zip(
        sessions.tolist(), uniform[sessions].tolist(), shock[sessions].tolist(), strict=True
    ):
        entered = sum(to >= edge for edge in CHANGE[regime])
        if entered != regime:
            regime, direction = entered, 1.0 if sign < UP_FRAC else -1.0
        regimes[day], vol[day] = regime, REGIME_VOL[regime] * variance**0.5
        drift[day] = TREND_DRIFT * direction if regime == TRENDING else 0.0
        variance = 1 - GARCH_SHOCK - GARCH_KEPT + (GARCH_SHOCK * moved**2 + GARCH_KEPT) * variance
        variance = min(variance, VARIANCE_MAX)
    return regimes, vol, drift


def _pulled(moves: Floats, sessions: Times, before: Floats) -> Floats:
    """Closes, in logs, of daily moves that are pulled back to where they began."""
    closes = np.empty_like(moves)
    level, known = np.zeros(moves.shape[1]), -1
    for day in sessions.tolist():
        closes[known + 1 : day] = level
        level = (1 - PULL_PER_DAY) * level + moves[day]
        closes[day] = level
        known = day
    closes[known + 1 :] = level
    return before + closes


def _slow(rng: np.random.Generator, count: int, step_s: int) -> Floats:
    """The slow factor of volatility, 1 in the root mean square: an autoregression in logs."""
    kept = SLOW_KEPT_PER_MIN ** (step_s / 60)
    shocks = rng.standard_normal(count + 1) * SLOW_SD
    level, logs = float(shocks[0]), np.empty(count)
    for step, shock in enumerate((shocks[1:] * np.sqrt(1 - kept**2)).tolist()):
        level = kept * level + shock
        logs[step] = level
    return np.exp(logs - SLOW_SD**2)


def _steps_of(family: Family, path: Floats, sizes: Floats, reach: Floats) -> tuple[Times, Times, Times, Times]:
    """Open, high, low, close in ticks of each step of a log path.

    Given where a step begins and ends, a Brownian path of standard deviation `sizes` reaches up to
    `(x + sqrt(x^2 - 2 s^2 ln u)) / 2` above its beginning; `reach` holds -ln u, for high and low.

    Shapes: `path` [T + 1, M], `sizes` [T, M], `reach` [2, T, M].
    """
    ticks_per_point = np.array([markets.market(leader.symbol).ticks_per_point for leader in family.leaders])
    begin, move = path[:-1], np.diff(path, axis=0)
    up, down = (np.sqrt(move**2 + 2 * sizes**2 * reach[side]) for side in (0, 1))
    high, low = begin + (move + up) / 2, begin + (move - down) / 2
    opened, highest, lowest, closed = (
        np.rint(np.exp(logs) * ticks_per_point).astype(np.int64) for logs in (begin, high, low, path[1:])
    )
    return opened, highest, lowest, closed
