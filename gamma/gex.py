"""Gamma exposure: what dealers who hedge must trade as the index moves, by strike, and the levels that follow from it.

    exposure [usd per 1 % move] = side * gamma [1/points] * open interest [contracts] * 100 [usd/point] * S^2 * 0.01

`side` is 1 for calls and -1 for puts: dealers are taken to be long the calls that customers wrote, and short the puts
that customers bought. Who holds what is not published: it is a convention, and no measurement. Above 0 dealers sell
what rises and buy what falls, which holds the index; below 0 they go with it.
Source: SqueezeMetrics, Gamma Exposure (2016); Perfiliev, How to Calculate Gamma Exposure and Zero Gamma Level (2022).
"""

import math
from dataclasses import dataclass
from typing import Annotated, Final, final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from gamma.options import Chain, Floats, Terms, gamma_of, implied_vol

CONTRACT_USD_PER_POINT: Final = 100.0
ROUNDING_MAX_FRAC: Final = 0.01
_DECIMALS_MAX: Final = 6
_Frac = Annotated[float, Field(gt=0, lt=1)]
Mask = NDArray[np.bool_]


@final
class Reading(BaseModel, frozen=True, extra="forbid"):
    """How a chain is read.

    `days_max`: options that settle later are left out; without it all count. `pin_reach_frac`: how far from the spot
    the pin may lie; `pin_scale_frac`: at this distance exposure weighs half. `level_span_frac`: how far on both sides
    of the spot the flip is looked for, at so many `levels`. Rates are yearly.
    """

    days_max: Annotated[float, Field(gt=0)] | None = None
    pin_reach_frac: _Frac = 0.02
    pin_scale_frac: _Frac = 0.01
    level_span_frac: _Frac = 0.2
    levels: Annotated[int, Field(ge=3, le=2_001)] = 161
    rate: float = 0.0
    dividend: float = 0.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What became of a chain's rows.

    Gamma is the feed's (`feed`), our own from the feed's volatility (`own`) or from the one that the mid implies
    (`implied`), or the feed's although it is rounded (`rounded`). Left out are options that are over (`expired`) or
    settle too late (`later`), those that nobody holds (`unheld`), and those whose gamma is not to be had (`blind`),
    with `blind_contracts` of open interest.
    """

    rows: int
    feed: int
    own: int
    implied: int
    rounded: int
    expired: int
    later: int
    unheld: int
    blind: int
    blind_contracts: int


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """Exposure of a chain [usd per 1 % move]: by strike [N], puts below 0, and in all at each level of the index [M].

    `pin_points` is the strike that holds the index most: the largest exposure above 0, weighed by its distance.
    `flip_points` is where the total changes its sign next to the spot: it is reckoned anew at each level, with the
    volatility of each option as it is. The walls are the strikes with the largest exposure of calls at the spot or
    above, and of puts at the spot or below. A level that is not there is NaN.

    Shapes: strikes, call_usd, put_usd [N]; levels, total_usd [M].
    """

    underlying: str
    ts_utc_ns: int
    spot_points: float
    strikes_points: Floats
    call_usd: Floats
    put_usd: Floats
    levels_points: Floats
    total_usd: Floats
    pin_points: float
    flip_points: float
    call_wall_points: float
    put_wall_points: float
    counted: Counted

    @property
    def net_usd(self) -> Floats:
        """Exposure by strike, calls and puts together [N]."""
        return self.call_usd + self.put_usd

    @property
    def sum_usd(self) -> float:
        """Exposure at the spot, all strikes together [usd per 1 % move]."""
        return float(self.net_usd.sum())


def exposure_usd(spot_points: float, gamma: Floats, open_interest: Floats) -> Floats:
    """What dealers who are long so many options trade as the index moves by 1 % [usd]."""
    return gamma * open_interest * CONTRACT_USD_PER_POINT * spot_points**2 * 0.01


def profile(chain: Chain, reading: Reading | None = None, years: Floats | None = None) -> Profile:
    """Exposure of a chain by strike, and its levels; `years` is the time to settlement by another count of days.

    A gamma that the feed rounds by more than 1 % is reckoned anew.
    """
    how = reading or Reading()
    left = chain.years if years is None else years
    over, late = ~(left > 0), left * 365 > (math.inf if how.days_max is None else how.days_max)
    held = chain.open_interest > 0
    kept = ~over & ~late & held
    rows, left = chain.rows(kept), left[kept]
    gamma, iv, sources = _gamma(rows, left, how)
    blind = ~(gamma > 0)
    interest = rows.open_interest
    counted = Counted(
        rows=len(chain),
        **sources,
        expired=int(over.sum()),
        later=int((late & ~over).sum()),
        unheld=int((~held & ~over & ~late).sum()),
        blind=int(blind.sum()),
        blind_contracts=round(interest[blind].sum()),
    )
    exposure = np.where(blind, 0.0, exposure_usd(chain.spot_points, gamma, interest))
    strikes, place = np.unique(rows.strike_points[~blind], return_inverse=True)
    call = _by_strike(place, len(strikes), np.where(rows.call, exposure, 0.0)[~blind])
    put = -_by_strike(place, len(strikes), np.where(rows.call, 0.0, exposure)[~blind])
    levels = chain.spot_points * np.linspace(1 - how.level_span_frac, 1 + how.level_span_frac, how.levels)
    total = _totals(rows, left, iv, levels, how)
    return Profile(
        underlying=chain.underlying,
        ts_utc_ns=chain.ts_utc_ns,
        spot_points=chain.spot_points,
        strikes_points=strikes,
        call_usd=call,
        put_usd=put,
        levels_points=levels,
        total_usd=total,
        pin_points=_pin(chain.spot_points, strikes, call + put, how),
        flip_points=_flip(chain.spot_points, levels, total),
        call_wall_points=_largest(strikes, call, strikes >= chain.spot_points),
        put_wall_points=_largest(strikes, -put, strikes <= chain.spot_points),
        counted=counted,
    )


def _by_strike(place: NDArray[np.intp], strikes: int, exposure: Floats) -> Floats:
    return np.bincount(place, exposure, minlength=strikes).astype(np.float64)


def _gamma(rows: Chain, years: Floats, how: Reading) -> tuple[Floats, Floats, dict[str, int]]:
    """Gamma and volatility of each option, NaN where they are not to be had, and how many came from where."""
    terms = _terms(rows, rows.spot_points, years, how)
    told, step = rows.gamma, _step(rows.gamma)
    feed = (told > 0) & (step / 2 <= ROUNDING_MAX_FRAC * told)
    own = ~feed & (rows.iv > 0)
    iv = np.where(rows.iv > 0, rows.iv, np.nan)
    unknown = ~feed & ~own
    if unknown.any():
        two_sided = (rows.bid_points > 0) & (rows.ask_points >= rows.bid_points)
        mid = np.where(unknown & two_sided, (rows.bid_points + rows.ask_points) / 2, np.nan)
        iv = np.where(unknown, implied_vol(terms, mid), iv)
    implied = unknown & (iv > 0)
    rounded = unknown & ~implied & (told > 0)
    gamma = np.where(feed | rounded, told, gamma_of(terms, iv))
    sources = {"feed": feed, "own": own, "implied": implied, "rounded": rounded}
    return gamma, iv, {name: int(mask.sum()) for name, mask in sources.items()}


def _step(told: Floats) -> float:
    """The last decimal that a feed's gammas have; 0 where they have more than six."""
    known = told[np.isfinite(told)]
    for decimals in range(1, _DECIMALS_MAX + 1):
        scaled = known * 10.0**decimals
        if np.all(np.abs(scaled - np.round(scaled)) < 1e-6):
            return 10.0**-decimals
    return 0.0


def _terms(rows: Chain, spot_points: float, years: Floats, how: Reading) -> Terms:
    return Terms(
        call=rows.call,
        spot_points=spot_points,
        strike_points=rows.strike_points,
        years=years,
        rate=how.rate,
        dividend=how.dividend,
    )


def _totals(rows: Chain, years: Floats, iv: Floats, levels: Floats, how: Reading) -> Floats:
    """Exposure in all, were the index at each level [M]."""
    known = iv > 0
    rows, years, iv = rows.rows(known), years[known], iv[known]
    side = np.where(rows.call, 1.0, -1.0)
    return np.array(
        [
            float(np.sum(side * exposure_usd(s, gamma_of(_terms(rows, s, years, how), iv), rows.open_interest)))
            for s in levels.tolist()
        ]
    )


def _pin(spot: float, strikes: Floats, net: Floats, how: Reading) -> float:
    """The strike with the largest net / (1 + (distance / scale)^2), of those above 0 within reach."""
    distance = np.abs(strikes - spot) / spot
    weighed = net / (1 + (distance / how.pin_scale_frac) ** 2)
    return _largest(strikes, weighed, distance <= how.pin_reach_frac)


def _largest(strikes: Floats, size: Floats, where: Mask) -> float:
    """The strike of the largest size above 0; of equals the lowest."""
    wanted = np.where(where, size, 0.0)
    if not np.any(wanted > 0):
        return math.nan
    return float(strikes[int(np.argmax(wanted))])


def _flip(spot: float, levels: Floats, total: Floats) -> float:
    """Where the total crosses 0 next to the spot, on a straight line between two levels."""
    at = np.nonzero(np.signbit(total[:-1]) != np.signbit(total[1:]))[0]
    if not len(at) or not np.any(total):
        return math.nan
    crossing = levels[at] - total[at] * (levels[at + 1] - levels[at]) / (total[at + 1] - total[at])
    return float(crossing[int(np.argmin(np.abs(crossing - spot)))])
