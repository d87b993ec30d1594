"""Which trade comes next on each path: the same numbers in NumPy and in JAX, by counter, so that a seed is a result.

Source: the hash of 32 bits is of the construction of Mueller, with constants found by search by Wellons; blocks are
those of Politis and Romano (1994), The Stationary Bootstrap.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS: Final = 4
_GOLDEN: Final = 0x9E3779B9
_OTHER: Final = 0x85EBCA6B
_EVEN: Final = 2.0**-32

Salts = NDArray[np.uint32]


class Chances(NamedTuple):
    """What a path draws by. Shapes: `wins`, `others` the places of trades that won and of the rest.

    With `begin_prob` a new block begins, 1 for independent draws. Where a win rate is drawn for each path, a win is
    turned into another trade with `spoil_prob` [B], another into a win with `lift_prob` [B].
    """

    begin_prob: Any
    spoil_prob: Any
    lift_prob: Any
    wins: Any
    others: Any


class Draw(NamedTuple):
    """Who draws, and which time. Shapes: `salts` [B], `step` [DRAWS]."""

    salts: Any
    step: Any


def mixed(value: Any) -> Any:
    """Hash 32-bit numbers. Shapes: any; uint32."""
    value = value ^ (value >> 16)
    value = value * np.uint32(0x7FEB352D)
    value = value ^ (value >> 15)
    value = value * np.uint32(0x846CA68B)
    return value ^ (value >> 16)


def path_salts(seed: int, paths: int) -> Salts:
    """What tells one path from another. Shapes: [B]."""
    folded = np.array([(seed ^ (seed >> 32)) & 0xFFFFFFFF], dtype=np.uint32)
    spread = np.arange(paths, dtype=np.uint64) * np.uint64(_GOLDEN) & np.uint64(0xFFFFFFFF)
    return np.asarray(mixed(mixed(spread.astype(np.uint32)) ^ mixed(folded + np.uint32(1))), dtype=np.uint32)


def step_salts(steps: int) -> Salts:
    """What tells one draw of a path from another. Shapes: [T, DRAWS]."""
    counts = np.arange(steps, dtype=np.uint64)[:, None] * np.uint64(_GOLDEN)
    places = np.arange(DRAWS, dtype=np.uint64)[None] * np.uint64(_OTHER)
    return np.asarray(mixed((counts + places & np.uint64(0xFFFFFFFF)).astype(np.uint32)), dtype=np.uint32)


def starts(salts: Salts, trades: int) -> NDArray[np.int64]:
    """A trade for each path, evenly. Shapes: [B]."""
    return np.asarray(mixed(salts ^ np.uint32(_OTHER)).astype(np.float64) * (trades * _EVEN)).astype(np.int64)


def drawn(xp: Any, chances: Chances, draw: Draw, previous: Any, trades: int) -> Any:
    """The next trade of each path: the one after the last, or one by chance. Shapes: `previous` [B]."""
    salts, step = draw
    begins = _even(xp, salts, step[0]) < chances.begin_prob
    after = xp.where(previous + 1 >= trades, 0, previous + 1)
    return xp.where(begins, _among(xp, salts, step[1], trades), after).astype(xp.int32)


def rated(xp: Any, chances: Chances, draw: Draw, drawn: Any, won: Any) -> Any:
    """The trade that was drawn, or another in its place, so that wins come at the path's own rate. Shapes: [B]."""
    salts, step = draw
    turned = _even(xp, salts, step[2]) < xp.where(won, chances.spoil_prob, chances.lift_prob)
    other = chances.others[_among(xp, salts, step[3], len(chances.others))]
    win = chances.wins[_among(xp, salts, step[3], len(chances.wins))]
    return xp.where(turned, xp.where(won, other, win), drawn).astype(xp.int32)


def _even(xp: Any, salts: Any, step: Any) -> Any:
    return mixed(salts ^ step).astype(xp.float64) * _EVEN


def _among(xp: Any, salts: Any, step: Any, count: int) -> Any:
    return (mixed(salts ^ step).astype(xp.float64) * (count * _EVEN)).astype(xp.int32)
