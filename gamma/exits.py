"""Rules that manage an open position: stop, target, break-even, trail, time; and those of what was sold for a credit.

Pure and traceable: prices in points, scalars live, [B] in training. A stop only ever tightens.
"""

from typing import Annotated, final

from pydantic import BaseModel, Field

from gamma.numeric import minimum, ratio, where
from gamma.views import Num

Positive = Annotated[float, Field(gt=0)]


@final
class ExitRule(BaseModel, frozen=True, extra="forbid"):
    """How an open position is managed; a rule that is not set does not act.

    `break_even_r`: from this profit, in initial risks (R), the stop goes to the entry.
    `trail_from_r`, `trail_atr`: from this profit the stop follows the best price at so many ATR.
    `time_bars`: out at market after so many bars.
    """

    break_even_r: Positive | None = None
    trail_from_r: Annotated[float, Field(ge=0)] | None = None
    trail_atr: Positive = 1.0
    time_bars: Annotated[int, Field(gt=0)] | None = None


def bracket(side: Num, reference_points: Num, stop_points: Num, target_points: Num) -> tuple[Num, Num]:
    """Stop and target prices around a reference: (reference - side stop, reference + side target) [points]."""
    return reference_points - side * stop_points, reference_points + side * target_points


def atr_stop_points(
    atr_points: Num, multiplier_usd_per_point: Num, *, sl_atr_mult: float = 1.5, max_loss_usd: float = 500.0
) -> Num:
    """Stop distance by volatility, so tight that one lot cannot lose more than `max_loss_usd` [points].

    stop = min(atr [points] * sl_atr_mult [1], max_loss [usd] / multiplier [usd/point])

    The sizer `atr_risk` sizes by this stop, and the strategies that use it set this one.
    """
    return minimum(atr_points * sl_atr_mult, ratio(max_loss_usd, multiplier_usd_per_point))


def tighter(side: Num, stop: Num, candidate: Num) -> Num:
    """The tighter of two stops; a NaN candidate leaves the stop where it is."""
    return where(side * (candidate - stop) > 0, candidate, stop)


def managed_stop(rule: ExitRule, *, side: Num, entry: Num, risk: Num, stop: Num, best: Num, atr: Num) -> Num:
    """Where the protective stop belongs now [points].

        profit = side (best - entry) / risk [R]
        break-even: entry, once profit >= break_even_r
        trail:      best - side trail_atr atr, once profit >= trail_from_r

    `risk` is the initial stop distance, `best` the most favourable price since the entry.
    """
    profit = side * (best - entry)
    if rule.break_even_r is not None:
        reached = profit >= rule.break_even_r * risk
        stop = tighter(side, stop, where(reached, entry, stop))
    if rule.trail_from_r is not None:
        reached = profit >= rule.trail_from_r * risk
        stop = tighter(side, stop, where(reached, best - side * rule.trail_atr * atr, stop))
    return stop


def wanted_stop(stop: Num, *, side: Num, entry: Num, best: Num, atr: Num, at_break_even: bool, trail_atr: float) -> Num:
    """Where the protective stop belongs by what a policy wanted of the position [points].

    At the entry from break-even on; `trail_atr` true ranges behind the best price, where that is above 0.
    """
    if at_break_even:
        stop = tighter(side, stop, entry)
    return tighter(side, stop, best - side * trail_atr * atr) if trail_atr > 0 else stop


@final
class CreditRule(BaseModel, frozen=True, extra="forbid"):
    """How an option structure that was sold for a credit is left; a rule that is not set does not act.

    Profits are shares of the credit: what of it would be kept if the structure were bought back now.
    `target_frac`: out with this much of it. `stop_frac`: out once as much is lost; 2 is twice the credit.
    `lock_from_frac`: once so much was made, `lock_keep_frac` of the best is kept: out when less is left.
    `out_before_s`: out so long before the options settle [s].
    """

    target_frac: Annotated[float, Field(gt=0, le=1)] | None = 0.5
    stop_frac: Positive | None = 1.0
    lock_from_frac: Annotated[float, Field(gt=0, lt=1)] | None = 0.25
    lock_keep_frac: Annotated[float, Field(ge=0, lt=1)] = 0.5
    out_before_s: Annotated[float, Field(ge=0)] = 1_800.0


def credit_kept_frac(credit: Num, cost: Num) -> Num:
    """What of a credit would be kept if the structure were bought back at this cost: (credit - cost) / credit [1]."""
    return ratio(credit - cost, credit)


def credit_exit(rule: CreditRule, *, kept_frac: float, best_frac: float, left_s: float) -> str:
    """Why a structure is to be left now; "" where it is not. The worst reason comes first.

        stop    kept <= -stop_frac
        time    left <= out_before_s
        target  kept >= target_frac
        lock    best >= lock_from_frac and kept <= lock_keep_frac best

    A share that is not known (NaN) triggers nothing but the time.
    """
    if rule.stop_frac is not None and kept_frac <= -rule.stop_frac:
        return "stop"
    if left_s <= rule.out_before_s:
        return "time"
    if rule.target_frac is not None and kept_frac >= rule.target_frac:
        return "target"
    locked = rule.lock_from_frac is not None and best_frac >= rule.lock_from_frac
    return "lock" if locked and kept_frac <= rule.lock_keep_frac * best_frac else ""


def time_is_up(rule: ExitRule, bars_held: Num) -> Num:
    """Whether the position has been held for all the bars that it may."""
    return bars_held >= rule.time_bars if rule.time_bars is not None else bars_held < 0
