"""The 21 actions of the event policy: hold, or one of four orders in one of five sizes.

action = 0                              hold
action = 5 (base - 1) + size_index + 1  base 1..4, size_index 0..4

Prices are whole cents of YES, and what is held is signed: YES above 0, NO below. An empty side of the book has a best
bid of 0. The arithmetic is for plain numbers and for traced arrays alike.
"""

from collections.abc import Collection
from enum import IntEnum
from typing import Final

from gamma.errors import InputInvalid
from gamma.numeric import Num, beside, maximum, minimum, namespace, where

SIZES_LOTS: Final = (5, 10, 20, 50, 100)
ACTIONS: Final = 21
PRICE_MIN_CENTS: Final = 1
PRICE_MAX_CENTS: Final = 99


class Base(IntEnum):
    """What an action does, without its size."""

    HOLD = 0
    BUY_YES = 1
    SELL_YES = 2
    BUY_NO = 3
    SELL_NO = 4


def decode(action: int) -> tuple[Base, int]:
    """What an action does, and the index of its size; holding has index 0.

    Raises: InputInvalid when the action is not a whole number of 0..20.
    """
    if not 0 <= action < ACTIONS or action != int(action):
        raise InputInvalid(f"action = {action}: must be a whole number of 0..{ACTIONS - 1}; check the policy's output")
    if action == 0:
        return Base.HOLD, 0
    base, size_index = divmod(int(action) - 1, len(SIZES_LOTS))
    return Base(base + 1), size_index


def encode(base: int, size_index: int) -> int:
    """The action that does this in this size; the inverse of `decode`.

    Raises: InputInvalid when there is no such base, or no such size of it.
    """
    if base == Base.HOLD and size_index == 0:
        return 0
    if not Base.BUY_YES <= base <= Base.SELL_NO:
        raise InputInvalid(f"base = {base}: must be 0..4, and holding has no size; see gamma.actions.Base")
    if not 0 <= size_index < len(SIZES_LOTS):
        raise InputInvalid(f"size_index = {size_index}: must be 0..{len(SIZES_LOTS) - 1}, for {SIZES_LOTS} contracts")
    return len(SIZES_LOTS) * (base - 1) + size_index + 1


_DECODED: Final = tuple(decode(action) for action in range(ACTIONS))
_YES_SIDE: Final = (Base.BUY_YES, Base.SELL_NO)

LOTS: Final = (0, *(SIZES_LOTS[size_index] for _, size_index in _DECODED[1:]))
"""The size of each action [contracts]."""
SIDES: Final = (0, *(1 if base in _YES_SIDE else -1 for base, _ in _DECODED[1:]))
"""On which side each action stands in the book: +1 bids for YES, -1 offers it, which is to bid for NO."""
OPENS: Final = tuple(base in (Base.BUY_YES, Base.BUY_NO) for base, _ in _DECODED)
"""Which actions buy; the others only ever sell what is held."""
NAMES: Final = ("HOLD", *(f"{base.name}_{SIZES_LOTS[size_index]}" for base, size_index in _DECODED[1:]))


def limit_cents(yes_bid_cents: Num, no_bid_cents: Num, side: Num) -> Num:
    """The limit of an order of a side [cents of YES]: the market's middle, or the cent beside it that takes nothing.

        bid = best bid for YES;  ask = 100 - best bid for NO
        side +1   min(floor((bid + ask) / 2), ask - 1)
        side -1   max(ceil((bid + ask) / 2), bid + 1)

    It lies within 1..99; where no such price takes nothing, it is the one that takes the best of the other side.

    Shapes: whatever the three broadcast to.
    """
    ask_cents = 100 - no_bid_cents
    twice = yes_bid_cents + ask_cents
    bids = minimum(twice // 2, ask_cents - 1)
    offers = maximum(-(-twice // 2), yes_bid_cents + 1)
    return minimum(maximum(where(side > 0, bids, offers), PRICE_MIN_CENTS), PRICE_MAX_CENTS)


def permitted(yes_bid_cents: Num, no_bid_cents: Num, held_lots: Num, sizes_lots: Collection[int] = SIZES_LOTS) -> Num:
    """Which actions the rules of the policy allow, before any sizer is asked: to hold always.

    What is held is sold, never more: by a size of up to as much, or by the smallest that is not below it, which closes
    it. So an odd lot can always be closed, and a policy of one size closes with it. Nothing is bought against what is
    held, nor where its limit would take something: positions are of one side, and buys wait for their fills.

    Shapes: three numbers [...]; the result [..., 21], true where the action is allowed.
    """
    xp = namespace(yes_bid_cents, no_bid_cents, held_lots)
    yes_bid, no_bid, held = (beside(xp, number) for number in (yes_bid_cents, no_bid_cents, held_lots))
    sides, opens = xp.asarray(SIDES), xp.asarray(OPENS)
    limit = limit_cents(yes_bid, no_bid, sides)
    waits = xp.where(sides > 0, limit < 100 - no_bid, limit > yes_bid)
    below = xp.asarray([max((size for size in sizes_lots if size < lots), default=0) for lots in LOTS])
    chosen = xp.asarray([lots in sizes_lots for lots in LOTS])
    buys = opens & (sides * held >= 0) & waits
    sells = ~opens & (0 - sides * held > below)
    return (sides == 0) | (chosen & (buys | sells))
