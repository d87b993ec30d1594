"""The 21 actions of the event policy: hold, or one of four orders in one of five sizes.

action = 0                              hold
action = 5 (base - 1) + size_index + 1  base 1..4, size_index 0..4
"""

from enum import IntEnum
from typing import Final

from gamma.errors import InputInvalid

SIZES_LOTS: Final = (5, 10, 20, 50, 100)
ACTIONS: Final = 21


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
