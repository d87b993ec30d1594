"""What a futures policy is shown and what it may do, by name, and the hash of it; nothing here needs JAX."""

import hashlib
from enum import IntEnum
from typing import Final

from models.futures.features import MOVES, SCHEMA_HASH, TIMES

OWN: Final = (
    "side", "lots_frac", "from_entry", "to_stop", "to_target", "held", "open_r", "trailing", "at_break_even",
    "room_used", "room_left", "has_floor", "may_enter", "lots_max",
)  # fmt: skip


class Action(IntEnum):
    """What a policy can do; phase 1 knows the first three."""

    HOLD = 0
    BUY = 1
    SELL = 2
    SL_TO_BE = 3
    TRAIL_ON = 4
    TRAIL_OFF = 5


def actions(phase: int) -> tuple[Action, ...]:
    """What a policy of this phase can do."""
    return tuple(Action)[: 3 if phase == 1 else 6]


def schema_hash(phase: int, window_bars: int) -> str:
    """What a policy was trained to see; one that was trained on another hash is refused."""
    return hashlib.sha256(repr((1, SCHEMA_HASH, phase, window_bars, OWN)).encode()).hexdigest()


def width(window_bars: int) -> int:
    """How many numbers a policy is shown."""
    return window_bars * len(MOVES) + len(TIMES) + len(OWN)
