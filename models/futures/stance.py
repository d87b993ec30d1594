"""How a position and its account stand at a bar's close: what a policy is shown of them, and what it may do then.

One function for training and live alike: numbers are traced arrays [B] in training, plain ones live. Nothing here
needs JAX.
"""

from typing import Any, Final, NamedTuple, Protocol

from gamma.exits import atr_stop_points
from gamma.markets import Market
from gamma.numeric import Num, floor, maximum, minimum, where

HELD_BARS: Final = 100.0
# Without a floor nothing is shown of it.
NO_DRAWDOWN_USD: Final = 1.0
CENTS: Final = 100
# A distance that is a whole number of ticks comes out of binary arithmetic a hair beside it.
TOLERANCE_TICKS: Final = 1e-4
_CLIP: Final = 10.0
_ATR_TICKS_MIN: Final = 1e-3


class Conditions(Protocol):
    """Under which conditions a policy acts; `models.futures.records.Terms` says what each of them is."""

    @property
    def stop_atr(self) -> float: ...
    @property
    def loss_max_usd(self) -> float: ...
    @property
    def target_r(self) -> float: ...
    @property
    def break_even_atr(self) -> float: ...
    @property
    def trail_from_r(self) -> float: ...
    @property
    def room_min_frac(self) -> float: ...


class Stance(NamedTuple):
    """A position and its account at a bar's close; prices in ticks, flags 0 or 1.

    `side` without `lots` is an entry that is not filled yet; `held_bars` counts the bars since it was. `risk_ticks` is
    the first stop's distance from the entry. `room_cents` is the balance less the floor, without one `has_floor` is 0.
    `leaving`: the position closes at the next open, whatever is done.
    """

    side: Num
    lots: Num
    entry_ticks: Num
    stop_ticks: Num
    target_ticks: Num
    risk_ticks: Num
    held_bars: Num
    at_break_even: Num
    trailing: Num
    leaving: Num
    room_cents: Num
    has_floor: Num
    close_ticks: Num
    atr_ticks: Num
    may_enter: Num


def own(stance: Stance, drawdown_usd: float, lots_max: int) -> tuple[Num, ...]:
    """What a policy is shown of its position and account, one number for each name of `schema.OWN`.

    Distances in average true ranges, 0 to what the broker does not hold. `drawdown_usd` is how far the floor first lay
    below the account, `lots_max` the market's cap.
    """
    # Times 1.0 a whole number has as many bits as floats have; divided as it is, JAX would keep it to 32.
    atr_ticks = maximum(stance.atr_ticks, _ATR_TICKS_MIN)
    held = stance.lots > 0

    def off(ticks: Num) -> Num:
        return where(
            held & (ticks == ticks), _clipped(stance.side * (ticks - stance.close_ticks) * 1.0 / atr_ticks), 0.0
        )

    from_entry = -off(stance.entry_ticks)
    left = _room_left(stance, drawdown_usd)
    return (
        where(held, stance.side, 0) * 1.0,
        stance.lots * 1.0 / lots_max,
        from_entry,
        off(stance.stop_ticks),
        off(stance.target_ticks),
        minimum(stance.held_bars * 1.0 / HELD_BARS, _CLIP),
        where(held, _clipped(from_entry * atr_ticks / maximum(stance.risk_ticks * 1.0, 1.0)), 0.0),
        stance.trailing * 1.0,
        stance.at_break_even * 1.0,
        _clipped(1.0 - left),
        _clipped(left),
        stance.has_floor * 1.0,
        stance.may_enter * 1.0,
        stance.lots * 0.0 + lots_max / 12.0,
    )


def legal(conditions: Conditions, phase: int, stance: Stance, drawdown_usd: float) -> tuple[Num, ...]:
    """What may be done, by action. Holding is always legal; who waits for a fill, or leaves, does nothing else."""
    hold = stance.lots == stance.lots
    flat = (stance.lots == 0) & (stance.side == 0)
    enters = flat & (stance.may_enter > 0) & (_room_left(stance, drawdown_usd) >= conditions.room_min_frac)
    if phase == 1:
        return hold, enters, enters
    held = (stance.lots > 0) & (stance.leaving == 0)
    profit = stance.side * (stance.close_ticks - stance.entry_ticks) + TOLERANCE_TICKS
    tightens = stance.side * (stance.entry_ticks - stance.stop_ticks) > 0
    break_even = (profit >= conditions.break_even_atr * stance.atr_ticks) & (stance.at_break_even == 0) & tightens
    trail_on = (stance.trailing == 0) & (profit >= conditions.trail_from_r * stance.risk_ticks)
    return hold, enters, enters, held & break_even, held & trail_on, held & (stance.trailing > 0)


def bracket_ticks(conditions: Conditions, market: Market, atr_points: Num) -> tuple[Num, Num]:
    """How far from the last close the stop and the target of an entry lie [whole ticks]."""
    stop_points = atr_stop_points(
        atr_points,
        market.multiplier_usd_per_point,
        sl_atr_mult=conditions.stop_atr,
        max_loss_usd=conditions.loss_max_usd,
    )
    stop_ticks = maximum(1.0, ceil_ticks(stop_points * market.ticks_per_point))
    return stop_ticks, ceil_ticks(conditions.target_r * stop_ticks)


def ceil_ticks(ticks: Num) -> Num:
    """Up to whole ticks."""
    return -floor(-(ticks - TOLERANCE_TICKS))


def _room_left(stance: Stance, drawdown_usd: float) -> Num:
    """The share of the drawdown room that is left; 1 without a floor."""
    return where(stance.has_floor > 0, stance.room_cents * 1.0 / (CENTS * drawdown_usd), 1.0)


def _clipped(value: Num) -> Any:
    return minimum(maximum(value, -_CLIP), _CLIP)
