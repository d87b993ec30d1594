"""A volatility index of a fund: Alpaca quotes no index, and so VIX is reckoned from SPY's options, as Cboe does."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np

from gamma.options import Chain

UNDERLYING: Final = "SPY"
DAYS: Final = 30.0
_QUOTED_MIN: Final = 5


def around(days: Sequence[date], today: date) -> list[date]:
    """The two days on which options end that are next to 30 days from now, or the one that is nearest."""
    left = {day: (day - today).days for day in days if (day - today).days >= 1}
    before = [day for day, count in left.items() if count <= DAYS]
    after = [day for day, count in left.items() if count > DAYS]
    return [*([max(before)] if before else []), *([min(after)] if after else [])]


def variance(chain: Chain) -> tuple[float, float]:
    """Time left [years], and the yearly variance until then by the options of one day.

    sigma^2 = 2/T sum dK/K^2 Q(K) - 1/T (F/K0 - 1)^2

    Q is the mid of the option out of the money at K, and of both at K0, the strike below the forward F; from K0
    outwards as far as two strikes without a bid. The rate of interest is 0. NaN where too little is quoted.
    Source: Cboe, Volatility index methodology: Cboe Volatility Index.
    """
    years = float(chain.years[0]) if len(chain) else math.nan
    rows = {
        (bool(chain.call[n]), float(chain.strike_points[n])): (float(chain.bid_points[n]), float(chain.ask_points[n]))
        for n in range(len(chain))
    }
    strikes = sorted({strike for _, strike in rows if (True, strike) in rows and (False, strike) in rows})
    mids = {key: (bid + ask) / 2 for key, (bid, ask) in rows.items() if 0 < bid <= ask}
    both = [strike for strike in strikes if (True, strike) in mids and (False, strike) in mids]
    if not both or not years > 0:
        return years, math.nan
    nearest = min(both, key=lambda strike: abs(mids[True, strike] - mids[False, strike]))
    forward = nearest + mids[True, nearest] - mids[False, nearest]
    middle = max((strike for strike in both if strike <= forward), default=nearest)
    puts = _outwards(mids, [strike for strike in reversed(strikes) if strike < middle], call=False)
    calls = _outwards(mids, [strike for strike in strikes if strike > middle], call=True)
    quoted = puts | calls | {middle: (mids[True, middle] + mids[False, middle]) / 2}
    if len(quoted) < _QUOTED_MIN:
        return years, math.nan
    at = np.array(sorted(quoted))
    worth = np.array([quoted[strike] for strike in at])
    found = 2 * float((np.gradient(at) / at**2 * worth).sum()) / years - (forward / middle - 1) ** 2 / years
    return years, found


def index_points(parts: Sequence[tuple[float, float]]) -> float:
    """The index: the root of the variance of 30 days, taken between two days that options end on [points].

    VIX = 100 sqrt((T1 s1 w + T2 s2 (1 - w)) 365/30),  w = (T2 - 30/365) / (T2 - T1)

    With one of them it is that one's.
    """
    known = [(years, value) for years, value in parts if years > 0 and value > 0]
    if not known:
        return math.nan
    if len(known) == 1:
        return 100 * math.sqrt(known[0][1])
    (first, s1), (second, s2) = known
    at = DAYS / 365
    share = (second - at) / (second - first)
    mixed = (first * s1 * share + second * s2 * (1 - share)) / at
    return 100 * math.sqrt(mixed) if mixed > 0 else math.nan


def _outwards(mids: dict[tuple[bool, float], float], strikes: Sequence[float], *, call: bool) -> dict[float, float]:
    """What is quoted from the middle on, up to two strikes in a row that nobody bids for."""
    found: dict[float, float] = {}
    bare = 0
    for strike in strikes:
        bare = 0 if (call, strike) in mids else bare + 1
        if bare >= 2:
            break
        if not bare:
            found[strike] = mids[call, strike]
    return found
