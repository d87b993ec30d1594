"""`otm_spread`: sell one spread far out of the money, on the side that the pin speaks against.

    distance = sd_mult * spot * iv * sqrt(years left)    [points]

`iv` is the volatility at the money of the options that settle first. Where the pin lies above the spot a put spread
is sold that far below it, where it lies below a call spread that far above.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, final

import numpy as np
from pydantic import BaseModel, Field

from gamma.gex import profile
from gamma.markets import Market
from gamma.options import Chain
from gamma.params import parse
from gamma.ports import Surroundings
from gamma.reasons import Fact
from gamma.signals.spreads import SELLING, Plan, Selling, SpreadSeller, first_to_settle, opened, over, wing
from gamma.structures import Right

Points = Annotated[float, Field(gt=0)]
OTM_SELLING: Final[Mapping[str, Any]] = over(
    SELLING,
    {
        "entry_times": ("10:00", "11:00", "12:00", "13:00", "14:00"),
        "credit_min_frac": 0.02,
        "exits": {"stop_frac": 2.0},
    },
)


@final
class OtmParams(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Figures of the rule [points], as they are for SPX; NDX has five times as many, SPY and QQQ a tenth."""

    sd_mult: Annotated[float, Field(gt=0, le=10)] = 2.5
    width_points: Points = 10
    strike_step_points: Points = 5
    vix_max: Points = 20
    selling: Selling = Selling.model_validate(OTM_SELLING)


_FUND: Final[Mapping[str, Any]] = {"width_points": 1, "strike_step_points": 1}
DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "NDX": {"width_points": 50, "strike_step_points": 25},
    "SPY": _FUND,
    "QQQ": _FUND,
}


def plan(chain: Chain, params: OtmParams) -> Plan:
    """What the rule sells on this chain."""
    spot, pin, vix = chain.spot_points, profile(chain, params.selling.reading).pin_points, chain.vix_points
    near = first_to_settle(chain, params.selling.days_max)
    iv = at_the_money_iv(near)
    years = float(near.years[0]) if len(near) else math.nan
    away = params.sd_mult * spot * iv * math.sqrt(years) if years > 0 else math.nan
    notes: dict[str, Fact] = {
        "spot_points": spot,
        "pin_points": pin,
        "vix": vix,
        "iv": iv,
        "distance_points": away,
        "ts_chain_utc_ns": chain.ts_utc_ns,
    }
    if not vix < params.vix_max:  # one that is not known is not below either
        return Plan(wings=(), notes=notes)
    if not (away == away and pin == pin and pin != spot):
        return Plan(wings=(), notes=notes)
    step = params.strike_step_points
    if pin > spot:
        strike, right = math.floor((spot - away) / step) * step, Right.PUT
    else:
        strike, right = math.ceil((spot + away) / step) * step, Right.CALL
    return Plan(wings=(wing(right, strike, params.width_points),), notes=notes)


def at_the_money_iv(chain: Chain) -> float:
    """Mean volatility of the options at the strike next to the spot; NaN where none tells it."""
    known = chain.rows(chain.iv > 0)
    if not len(known):
        return math.nan
    away = np.abs(known.strike_points - known.spot_points)
    return float(known.iv[away == away.min()].mean())


@final
class OtmSpread:
    """The rule as a strategy: it sells once after each of its times, and buys back by the rules of exit."""

    Params: ClassVar = OtmParams

    @staticmethod
    def open(params: Mapping[str, Any], *, strategy: str, market: Market, surroundings: Surroundings) -> SpreadSeller:
        """Open it from its table in the configuration.

        Raises: ConfigInvalid when a parameter is wrong, the market has no option spreads, or there are no chains.
        """
        given = over({"selling": OTM_SELLING} | dict(DEFAULTS.get(market.symbol, {})), params)
        parsed = parse(OtmParams, given, f"strategies.{strategy}.signal")
        chains = opened(surroundings, market, strategy)
        return SpreadSeller(strategy, market, chains, parsed.selling, lambda chain: plan(chain, parsed))
