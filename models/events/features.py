"""What an event policy sees: the books of both sides, how they moved, and what it holds and could afford.

One function of plain numbers, for training and live alike. Shapes: numbers [...], levels [..., K].
"""

import hashlib
from typing import Final, NamedTuple

from gamma.numeric import Num, beside, maximum, minimum, namespace
from gamma.worth import affordable_contracts

LAGS: Final = (1, 3, 6, 12)
"""Looks back from which moves of the middle are told."""
NAMES: Final = (
    "middle", "left", "left_root", "spread", "lean_best", "lean", "yes_best", "no_best", "turnover",
    *(f"move_{lag}" for lag in LAGS),
    "held_yes", "held_no", "paid",
    "position", "position_value", "cash", "affordable", "volume", "depth", "spread_now", "spread_mean",
)  # fmt: skip
SCHEMA_HASH: Final = hashlib.sha256(repr((1, NAMES, LAGS)).encode()).hexdigest()
DEPTH_CENTS: Final = 5.0


class Sight(NamedTuple):
    """All that is looked at. Prices in cents, sizes in contracts, money in usd.

    `before` are the middles at `LAGS` looks back, `traded` what changed hands since the last look.
    """

    yes_bid: Num
    no_bid: Num
    yes_lots: Num
    no_lots: Num
    volume: Num
    traded: Num
    left_s: Num
    open_s: Num
    spread_mean: Num
    before: tuple[Num, ...]
    lots: Num
    paid_usd: Num
    cash_usd: Num


def features(sight: Sight) -> tuple[Num, ...]:
    """One number for each name of `NAMES`, none far from 1."""
    xp = namespace(sight.yes_lots, sight.no_lots)
    middle = (sight.yes_bid + 100.0 - sight.no_bid) * 0.5
    spread = 100.0 - sight.no_bid - sight.yes_bid
    left = maximum(sight.left_s, 0.0) / sight.open_s
    yes, no = xp.sum(sight.yes_lots, axis=-1), xp.sum(sight.no_lots, axis=-1)
    yes_best, no_best = xp.log1p(sight.yes_lots[..., 0] * 1.0), xp.log1p(sight.no_lots[..., 0] * 1.0)
    held = maximum(sight.lots, 0.0), maximum(0.0 - sight.lots, 0.0)
    value_usd = (held[0] * middle + held[1] * (100.0 - middle)) / 100.0
    portfolio_usd = sight.cash_usd + value_usd
    dearer = maximum(middle, 100.0 - middle)
    shown = (
        middle / 50.0 - 1.0,
        left,
        left**0.5,
        spread / 5.0,
        (yes_best - no_best) / 3.0,
        (xp.log1p(yes * 1.0) - xp.log1p(no * 1.0)) / 3.0,
        yes_best / 10.0,
        no_best / 10.0,
        xp.log1p(sight.traded * 1.0) / 10.0,
        *((middle - before) / 10.0 for before in sight.before),
        held[0] / 100.0,
        held[1] / 100.0,
        sight.paid_usd / 100.0,
        # The eight that tell of size.
        sight.lots / 500.0,
        value_usd / maximum(portfolio_usd, 1.0),
        sight.cash_usd / 1_000.0,
        affordable_contracts(maximum(sight.cash_usd, 0.0), xp.ceil(dearer)) / 100.0,
        minimum(sight.volume * middle / 100.0 / 10_000.0, 10.0),
        _depth(xp, sight, middle) / 1_000.0,
        spread,
        sight.spread_mean,
    )
    return tuple(maximum(minimum(one * 1.0, 10.0), -10.0) for one in shown)


def _depth(xp: Num, sight: Sight, middle: Num) -> Num:
    """How much is bid within five cents of the middle, on both sides."""
    steps, mid = xp.arange(sight.yes_lots.shape[-1]), beside(xp, middle)
    near_yes = mid - beside(xp, sight.yes_bid) + steps <= DEPTH_CENTS
    near_no = 100.0 - mid - beside(xp, sight.no_bid) + steps <= DEPTH_CENTS
    return xp.sum(xp.where(near_yes, sight.yes_lots, 0) + xp.where(near_no, sight.no_lots, 0), axis=-1)
