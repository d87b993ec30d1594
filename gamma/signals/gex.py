"""`gex`: sell spreads on the side of the pin on which the index stands, and an iron condor at the pin.

    |distance| <= near            an iron condor, its short strikes condor_points from the pin on both sides
    near < |distance| <= far      one spread, its short strike the further of the near buffers from pin and spot
    far < |distance| <= pin_max   one spread, by the far buffers
    beyond, or VIX >= vix_max     nothing

The distance is spot - pin [points]: above the pin calls are sold, below it puts. Strikes are rounded to a step; the
width is by the VIX. Source: the rule that the author of a public trading program for SPX documents, with its figures.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Self, final

from pydantic import BaseModel, Field, model_validator

from gamma.gex import profile
from gamma.markets import Market
from gamma.options import Chain
from gamma.params import parse
from gamma.ports import Surroundings
from gamma.reasons import Fact
from gamma.signals.spreads import SELLING, Plan, Selling, SpreadSeller, opened, over, wing
from gamma.structures import Right

Points = Annotated[float, Field(gt=0)]


@final
class GexParams(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Figures of the rule [points], as they are for SPX; NDX has five times as many, SPY and QQQ a tenth.

    `widths`: pairs of a VIX and the width below it, in rising order; from the last VIX on nothing is sold.
    """

    near_points: Points = 6
    far_points: Points = 15
    pin_max_points: Points = 50
    condor_points: Points = 20
    near_pin_points: Points = 15
    near_spot_points: Points = 8
    far_pin_points: Points = 25
    far_spot_points: Points = 12
    strike_step_points: Points = 5
    vix_max: Points = 20
    widths: tuple[tuple[Points, Points], ...] = ((15, 5), (20, 10), (25, 15))
    selling: Selling = Selling()

    @model_validator(mode="after")
    def _bands_lie_in_order(self) -> Self:
        if not self.near_points < self.far_points < self.pin_max_points:
            raise ValueError("near_points < far_points < pin_max_points must hold")
        if list(self.widths) != sorted(self.widths):
            raise ValueError("widths must rise with the VIX")
        return self


# What SPY and QQQ move in a day is about a tenth of SPX; their strikes are a point apart.
_FUND: Final[Mapping[str, Any]] = {
    "near_points": 0.6,
    "far_points": 1.5,
    "pin_max_points": 5,
    "condor_points": 2,
    "near_pin_points": 1.5,
    "near_spot_points": 0.8,
    "far_pin_points": 2.5,
    "far_spot_points": 1.2,
    "strike_step_points": 1,
    "widths": ((15, 1), (20, 1), (25, 2)),
}
# The steps between NDX's strikes, and what the index moves in a day, are about five times those of SPX.
DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "NDX": {
        "near_points": 30,
        "far_points": 75,
        "pin_max_points": 250,
        "condor_points": 100,
        "near_pin_points": 75,
        "near_spot_points": 40,
        "far_pin_points": 125,
        "far_spot_points": 60,
        "strike_step_points": 25,
        "widths": ((15, 25), (20, 50), (25, 75)),
    },
    "SPY": _FUND,
    "QQQ": _FUND,
}


def width_points(widths: Sequence[tuple[float, float]], vix: float) -> float:
    """How wide a spread is at this VIX; 0 where none is sold."""
    return next((width for below, width in widths if vix < below), 0.0)


def plan(chain: Chain, params: GexParams) -> Plan:
    """What the rule sells on this chain."""
    found = profile(chain, params.selling.reading)
    spot, pin, vix = chain.spot_points, found.pin_points, chain.vix_points
    notes: dict[str, Fact] = {
        "spot_points": spot,
        "pin_points": pin,
        "flip_points": found.flip_points,
        "call_wall_points": found.call_wall_points,
        "put_wall_points": found.put_wall_points,
        "gex_usd": found.sum_usd,
        "vix": vix,
        "ts_chain_utc_ns": chain.ts_utc_ns,
    }
    if not vix < params.vix_max:  # one that is not known is not below either
        return Plan(wings=(), notes=notes)
    width = width_points(params.widths, vix)
    if not (width > 0 and abs(spot - pin) <= params.pin_max_points):
        return Plan(wings=(), notes=notes)
    step = params.strike_step_points
    distance = spot - pin
    if abs(distance) <= params.near_points:
        out = params.condor_points
        put, call = _step(pin - out, step), _step(pin + out, step)
        return Plan(wings=(wing(Right.PUT, put, width), wing(Right.CALL, call, width)), notes=notes)
    near = abs(distance) <= params.far_points
    from_pin = params.near_pin_points if near else params.far_pin_points
    from_spot = params.near_spot_points if near else params.far_spot_points
    if distance > 0:
        return Plan(wings=(wing(Right.CALL, _step(max(pin + from_pin, spot + from_spot), step), width),), notes=notes)
    return Plan(wings=(wing(Right.PUT, _step(min(pin - from_pin, spot - from_spot), step), width),), notes=notes)


def _step(points: float, step_points: float) -> float:
    return round(points / step_points) * step_points


@final
class GexSource:
    """The rule as a strategy: it sells once after each of its times, and buys back by the rules of exit."""

    Params: ClassVar = GexParams

    @staticmethod
    def open(params: Mapping[str, Any], *, strategy: str, market: Market, surroundings: Surroundings) -> SpreadSeller:
        """Open it from its table in the configuration.

        Raises: ConfigInvalid when a parameter is wrong, the market has no option spreads, or there are no chains.
        """
        given = over({"selling": SELLING} | dict(DEFAULTS.get(market.symbol, {})), params)
        parsed = parse(GexParams, given, f"strategies.{strategy}.signal")
        chains = opened(surroundings, market, strategy)
        return SpreadSeller(strategy, market, chains, parsed.selling, lambda chain: plan(chain, parsed))
