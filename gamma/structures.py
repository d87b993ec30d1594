"""Option structures sold for a credit: their legs, and the most that one lot of them can lose.

A credit spread, in or out of the money, is one wing; an iron condor is a put wing below a call wing.
Strikes and credits are exact: `Decimal` points that must lie on a tick of the market.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import final

from gamma.errors import InputInvalid
from gamma.markets import MICRO, Kind, Market


class Right(StrEnum):
    """What an option gives its owner."""

    CALL = "call"
    PUT = "put"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One option of a structure; `side` is 1 where it is bought and -1 where it is sold."""

    right: Right
    strike_points: Decimal
    side: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wing:
    """One option sold, and one bought further out of the money that bounds its loss."""

    right: Right
    short_strike_points: Decimal
    long_strike_points: Decimal

    @property
    def width_points(self) -> Decimal:
        """Distance from the option sold to the one bought [points]; negative where they are the wrong way round."""
        distance = self.long_strike_points - self.short_strike_points
        return distance if self.right is Right.CALL else -distance


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CreditStructure:
    """One or two wings sold together for `credit_points`, all wings taken together.

    Raises: InputInvalid, naming the field, where the structure is none or its risk is not bounded above 0.
    """

    market: Market
    wings: tuple[Wing, ...]
    credit_points: Decimal

    def __post_init__(self) -> None:
        if self.market.kind is not Kind.OPTION_SPREAD:
            known = "SPX, NDX, XSP, RUT, SPY, QQQ or IWM"
            raise InputInvalid(f"market = {self.market.symbol}: has no option spreads; choose {known}")
        if not self.wings:
            raise InputInvalid("wings = (): a credit structure has one wing, or a put wing and a call wing")
        for wing in self.wings:
            _check_wing(self.market, wing)
        if len(self.wings) > 1:
            _check_condor(self.wings)
        if _ticks(self.market, "credit_points", self.credit_points) <= 0:
            raise InputInvalid(f"credit_points = {self.credit_points}: must be above 0; a debit is no credit structure")
        if self.credit_points >= self.width_points:
            raise InputInvalid(
                f"credit_points = {self.credit_points}: must be below the width of {self.width_points} points; "
                "check the quotes, for no market pays more than the structure can lose"
            )

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The options to trade, for each wing the one sold and then the one bought."""
        return tuple(
            Leg(right=wing.right, strike_points=strike, side=side)
            for wing in self.wings
            for strike, side in ((wing.short_strike_points, -1), (wing.long_strike_points, 1))
        )

    @property
    def width_points(self) -> Decimal:
        """Width of the widest wing [points]; of two wings only one can lose, so this is what bounds the loss."""
        return max(wing.width_points for wing in self.wings)

    def risk_microusd_per_lot(self, fees_microusd: int = 0) -> int:
        """Most that one lot can lose: (max wing [points] - credit [points]) * 100 [usd/point] + fees [micro-dollars].

        Raises: InputInvalid when the fees are negative.
        """
        if fees_microusd < 0:
            raise InputInvalid(f"fees_microusd = {fees_microusd}: must be 0 or more")
        at_risk_ticks = self.market.exact_ticks(self.width_points - self.credit_points)
        return self.market.value_microusd(at_risk_ticks, 1) + fees_microusd

    def risk_usd_per_lot(self, fees_microusd: int = 0) -> float:
        """Most that one lot can lose, as a view shows it [usd]."""
        return self.risk_microusd_per_lot(fees_microusd) / MICRO


def _ticks(market: Market, field: str, points: Decimal) -> int:
    try:
        return market.exact_ticks(points)
    except InputInvalid as error:
        raise InputInvalid(f"{field} = {points}: {error}") from error


def _check_wing(market: Market, wing: Wing) -> None:
    short_ticks = _ticks(market, "short_strike_points", wing.short_strike_points)
    long_ticks = _ticks(market, "long_strike_points", wing.long_strike_points)
    if min(short_ticks, long_ticks) <= 0:
        raise InputInvalid(
            f"short_strike_points = {wing.short_strike_points}, long_strike_points = {wing.long_strike_points}: "
            "strikes are above 0"
        )
    if wing.width_points <= 0:
        where = "above" if wing.right is Right.CALL else "below"
        raise InputInvalid(
            f"long_strike_points = {wing.long_strike_points}: the {wing.right} bought must lie {where} "
            f"the one sold at {wing.short_strike_points}"
        )


def _check_condor(wings: tuple[Wing, ...]) -> None:
    """Two wings may touch but not overlap: else both could lose at once, and the risk would be their sum."""
    rights = [wing.right for wing in wings]
    if rights != [Right.PUT, Right.CALL]:
        raise InputInvalid(f"wings = {', '.join(rights)}: an iron condor is a put wing and then a call wing")
    put, call = wings
    if put.short_strike_points > call.short_strike_points:
        raise InputInvalid(
            f"short_strike_points = {put.short_strike_points}: the put sold must not lie above "
            f"the call sold at {call.short_strike_points}"
        )
