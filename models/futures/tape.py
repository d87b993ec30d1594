"""`Tape`: the bars of one market as arrays that environments run along, with all that the future cannot change.

Prices are whole ticks, as the paper broker sees them: a price off the tick is rounded against whoever trades at it,
so that it has an upper and a lower neighbour. What a policy sees comes from `features.update`, scanned over all bars.
"""

from dataclasses import dataclass
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from gamma import calendar
from gamma.bars import Session
from gamma.errors import InputInvalid
from gamma.feeds.series import Series
from gamma.markets import Market, market
from models.futures.deadlines import Deadlines, may_enter
from models.futures.features import BarRow, Bounds, HoursRow, begin, bounds_of, hours, update

TOLERANCE_TICKS: Final = 1e-6
WARM_BARS: Final = 100

# The columns of `Tape.ticks`.
OPEN_UP, HIGH_UP, LOW_UP, OPEN_DOWN, HIGH_DOWN, LOW_DOWN, CLOSE, HALF_SPREAD = range(8)
# The bits of `Tape.flags`.
MAY_ENTER, MUST_LEAVE, MAY_START = 1, 2, 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """The bars of a market. Shapes: `ticks` [T, 8] int32, `seen` [T, F] float32, the others [T].

    `atr_points` is the engine's, bar by bar. Of `flags`, `MAY_ENTER` says that a decision at the bar's close may open
    a position, `MUST_LEAVE` that one that is held leaves at the next bar's open, `MAY_START` that an episode may
    begin there.
    """

    market: Market
    bar_s: int
    ts_close_utc_ns: NDArray[np.int64]
    ticks: NDArray[np.int32]
    atr_points: NDArray[np.float64]
    seen: NDArray[np.float32]
    flags: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.flags)


def tape_of(
    series: Series,
    deadlines: Deadlines | None = None,
    flat_by: calendar.FlatBy | None = None,
    half_spread_ticks: int = 0,
) -> Tape:
    """Make the tape of a market's bars.

    `half_spread_ticks` is of bars that do not tell their spread.
    Bars outside of all sessions are left out, as the daemon would not decide on them.
    Raises: InputInvalid when too few are left, or the calendar does not know their days.
    """
    traded, given = market(series.market), deadlines or Deadlines()
    inside, held = _sessions(series, flat_by)
    if int(inside.sum()) <= WARM_BARS:
        raise InputInvalid(
            f"{series.market}: {int(inside.sum())} bars lie in a session; {WARM_BARS + 1} are the fewest to train on"
        )
    prices = [np.asarray(p)[inside] for p in (series.open_points, series.high_points, series.low_points)]
    closes, volume = series.close_points[inside], series.volume_lots[inside]
    closed = series.ts_close_utc_ns[inside]
    at = hours(closed, held)
    seen, atr = _watched(BarRow(prices[0], prices[1], prices[2], closes, volume), at)
    return Tape(
        market=traded,
        bar_s=series.bar_s,
        ts_close_utc_ns=closed,
        ticks=_ticks(traded, prices, closes, _half_spread(traded, series.spread_points[inside], half_spread_ticks)),
        atr_points=atr,
        seen=seen,
        flags=_flags(closed, held, at, given),
    )


def _sessions(series: Series, flat_by: calendar.FlatBy | None) -> tuple[NDArray[np.bool_], Bounds]:
    """Which bars close in a session, and the session of each of those."""
    opens, closes = calendar.bounds(series.market)
    ts = series.ts_close_utc_ns
    number = np.searchsorted(opens, ts - 1, side="right") - 1
    inside = (number >= 0) & (ts <= closes[np.maximum(number, 0)])
    numbers, which = np.unique(number[inside], return_inverse=True)
    table = np.array([bounds_of(_session(series.market, int(opens[n]), flat_by)) for n in numbers], dtype=np.int64)
    return inside, Bounds(*table.reshape(-1, len(Bounds._fields))[which].T)


def _session(symbol: str, ts_utc_ns: int, flat_by: calendar.FlatBy | None) -> Session:
    session = calendar.session_at(symbol, ts_utc_ns, flat_by)
    if session is None:
        raise InputInvalid(f"{symbol}: the calendar has no session at {ts_utc_ns} ns")
    return session


def _half_spread(traded: Market, spread_points: NDArray[np.float64], unknown_ticks: int) -> NDArray[np.float64]:
    """What a fill at market pays of the quoted spread, against whoever trades [whole ticks]."""
    half = np.ceil(spread_points * traded.ticks_per_point / 2 - TOLERANCE_TICKS)
    return np.where(np.isnan(half), unknown_ticks, half)


def _ticks(
    traded: Market,
    prices: list[NDArray[np.float64]],
    closes: NDArray[np.float64],
    half_spread: NDArray[np.float64],
) -> NDArray[np.int32]:
    exact = [p * traded.ticks_per_point for p in prices]
    up = [np.ceil(p - TOLERANCE_TICKS) for p in exact]
    down = [-np.ceil(-p - TOLERANCE_TICKS) for p in exact]
    columns = [*up, *down, np.rint(closes * traded.ticks_per_point), half_spread]
    return np.stack(columns, axis=1).astype(np.int32)


def _flags(closed: NDArray[np.int64], bounds: Bounds, at: HoursRow, deadlines: Deadlines) -> NDArray[np.int32]:
    left_s = (np.asarray(bounds.flat_by) - closed) / 1e9
    # No episode begins on a last bar before a gap in the file; whoever trades on cannot know that it is the last.
    alone = np.append(np.asarray(bounds.open)[1:] != np.asarray(bounds.open)[:-1], True)
    enters = may_enter(left_s, at.in_cash, deadlines)
    must_leave = left_s <= deadlines.flat_before_s
    warm = np.arange(len(closed)) >= WARM_BARS
    flags = enters * MAY_ENTER + must_leave * MUST_LEAVE + (enters & warm & ~alone) * MAY_START
    return np.asarray(flags, dtype=np.int32)


def _watched(bars: BarRow, at: HoursRow) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What is seen at each bar [T, F], and the engine's average true range [T]."""
    with jax.enable_x64(True):
        rows = (BarRow(*map(jnp.asarray, bars)), HoursRow(*map(jnp.asarray, at)))
        seen, atr = _scanned(rows)
        return np.asarray(seen, dtype=np.float32), np.asarray(atr, dtype=np.float64)


@jax.jit
def _scanned(rows: tuple[BarRow, HoursRow]) -> tuple[jax.Array, jax.Array]:
    def step(past: Any, row: tuple[BarRow, HoursRow]) -> tuple[Any, tuple[jax.Array, jax.Array]]:
        past, seen = update(past, *row)
        return past, (jnp.stack(seen), past.atr)

    first = jax.tree.map(lambda x: jnp.asarray(x, dtype=jnp.float64), begin())
    _, (seen, atr) = jax.lax.scan(step, first, rows)
    return seen, atr
