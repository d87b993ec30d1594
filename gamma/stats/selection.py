"""The probability that the best of many tries is only the best of many tries."""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma.errors import InputInvalid
from gamma.stats.observations import Floats

BLOCKS: Final = 16
# Halves are worked through this many numbers at a time, so that a sweep of thousands fits into memory.
_ROOM: Final = 4_000_000


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overfitting:
    """What choosing the best of N tries comes to on time that it was not chosen on.

    `probability` is PBO [1]. `loss_probability` is the share of choices that lost on the other half. `slope` is what
    one more of the Sharpe ratio in the half that chose adds to it in the other: below 0, the better the worse.
    Shapes: `logits` [C], one for each way to halve the blocks.
    """

    probability: float
    loss_probability: float
    slope: float
    logits: Floats


def overfitting(returns: ArrayLike, blocks: int = BLOCKS) -> Overfitting:
    """PBO by combinatorially symmetric cross-validation (CSCV) of session returns of N tries.

        The sessions are cut into `blocks` equal blocks in order; each way to take half of them chooses the try with
        the best Sharpe ratio there, whose rank r among all N on the other half gives w = r / (N + 1), the logit
        ln(w / (1 - w)), and PBO = the share of logits that are not above 0.

    Sessions left over by the division are dropped, the oldest. A try without spread on a half has a Sharpe ratio of 0
    there; equal ones share their rank. All is NaN for fewer than two tries.
    Shapes: `returns` [S, N].
    Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), The Probability of Backtest Overfitting.
    Raises: InputInvalid for an odd number of blocks, fewer than two sessions a block, or a return that is no number.
    """
    x = _matrix(returns, blocks)
    if x.shape[1] < 2:
        return Overfitting(probability=math.nan, loss_probability=math.nan, slope=math.nan, logits=np.empty(0))
    size = len(x) // blocks
    x = x[len(x) - size * blocks :]
    centre = x.mean(axis=0)
    parts = (x - centre).reshape(blocks, size, -1)
    sums, squares = parts.sum(axis=1), (parts**2).sum(axis=1)
    halves = np.array(
        [[n in chosen for n in range(blocks)] for chosen in map(set, combinations(range(blocks), blocks // 2))]
    )
    step = max(1, _ROOM // x.shape[1])
    rows = [_judged(halves[first : first + step], sums, squares, centre, size) for first in range(0, len(halves), step)]
    logits, inside, outside = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Overfitting(
        probability=float(np.mean(logits <= 0.0)),
        loss_probability=float(np.mean(outside < 0.0)),
        slope=_slope(inside, outside),
        logits=logits,
    )


def _judged(
    chosen: NDArray[np.bool_], sums: Floats, squares: Floats, centre: Floats, size: int
) -> tuple[Floats, Floats, Floats]:
    """The logit of each choice, and its Sharpe ratio on the half that chose and on the other. Shapes: three [C]."""
    number = size * (len(sums) // 2)
    inside = _sharpes(chosen @ sums, chosen @ squares, centre, number)
    outside = _sharpes(~chosen @ sums, ~chosen @ squares, centre, number)
    best = np.argmax(inside, axis=1)
    each = np.arange(len(best))
    own = outside[each, best][:, None]
    rank = (outside < own).sum(axis=1) + ((outside == own).sum(axis=1) + 1) / 2.0
    share = rank / (outside.shape[1] + 1)
    return np.log(share / (1.0 - share)), inside[each, best], own[:, 0]


def _sharpes(sums: Floats, squares: Floats, centre: Floats, number: int) -> Floats:
    """Sharpe ratios per session from sums of what is centred; 0 without spread. Shapes: [C, N]."""
    variance = (squares - sums**2 / number) / (number - 1)
    # What does not vary leaves a crumb of binary arithmetic.
    held = variance > 1e-12 * np.maximum(squares / number, centre**2)
    found: Floats = np.divide(
        centre + sums / number, np.sqrt(np.where(held, variance, 1.0)), out=np.zeros_like(sums), where=held
    )
    return found


def _slope(inside: Floats, outside: Floats) -> float:
    spread = inside - inside.mean()
    total = float((spread**2).sum())
    return float((spread * outside).sum()) / total if total > 0 else math.nan


def _matrix(returns: ArrayLike, blocks: int) -> Floats:
    x = np.asarray(returns, dtype=np.float64)
    if x.ndim != 2:
        raise InputInvalid(f"returns have {x.ndim} dimensions; give one row a session and one column a try")
    if blocks < 2 or blocks % 2:
        raise InputInvalid(f"blocks = {blocks}: give an even number, 2 or more")
    if len(x) < 2 * blocks:
        raise InputInvalid(f"{len(x)} sessions for {blocks} blocks; two sessions a block are the fewest")
    if not bool(np.all(np.isfinite(x))):
        row, column = (int(n) for n in np.argwhere(~np.isfinite(x))[0])
        raise InputInvalid(f"session {row} of try {column} returned {x[row, column]}; every try needs all sessions")
    return x
