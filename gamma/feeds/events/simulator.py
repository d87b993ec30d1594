"""Event markets made by chance: what a question's answer is worth, how quotes follow it, and what trades meanwhile."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gamma.feeds.events.shape import EventShape
from gamma.feeds.events.tape import LEVELS, LOOK_S, WINDOW_LOOKS, Ints, Tape

Array = NDArray[np.float64]
LEVELS_SHOWN: Final = np.arange(LEVELS)
LOG_MAX: Final = 13.0  # 440,000 contracts: no draw of a depth or a flow lies beyond it
ENDS_CENTS: Final = 10.0
"""So near to 0 or 100 the books fill up, and quotes stop to err."""

_erfc: Final = np.frompyfunc(math.erfc, 1, 1)


def simulate(shape: EventShape, rng: np.random.Generator, markets: int) -> Tape:
    """So many markets from open to close; the last look is `LOOK_S` before the close."""
    looks = round(shape.open_s / LOOK_S)
    worth, payout = _worth(shape, rng, markets, looks)
    middle = _quoted(shape, rng, worth)
    bid, ask = _sides(middle, _spreads(shape, rng, markets, looks))
    yes_lots, no_lots = _depths(shape, rng, worth * 100 - middle, (bid, 100 - ask))
    yes_taken, no_taken = _flows(shape, rng, middle, (bid < 1) | (ask > 99))
    summed = np.cumsum(yes_taken + no_taken, axis=1) - yes_taken - no_taken
    before = np.concatenate([np.zeros((markets, WINDOW_LOOKS)), summed], axis=1)[:, :looks]
    left_s = shape.open_s - LOOK_S * np.arange(looks)
    return Tape(
        yes_bid=bid.astype(np.int32),
        no_bid=(100 - ask).astype(np.int32),
        yes_lots=yes_lots,
        no_lots=no_lots,
        yes_taken=yes_taken,
        no_taken=no_taken,
        volume=(summed - before).astype(np.float32),
        left_s=np.broadcast_to(left_s, (markets, looks)).astype(np.float32),
        looks=np.full(markets, looks, np.int32),
        payout=payout,
    )


def normal_below(z: Array) -> Array:
    """The chance that a standard normal lies below."""
    return 0.5 * np.asarray(_erfc(z * -math.sqrt(0.5)), np.float64)


def _worth(shape: EventShape, rng: np.random.Generator, markets: int, looks: int) -> tuple[Array, Ints]:
    """What YES is worth at each look, as a share of 1, and what it pays in the end. Shapes: [E, T], [E].

        z_t+1 = z_t + sqrt(v_t) e_t;  sum v = 1;  worth_t = P(z_T > 0 | z_t, v) = N(z_t / sqrt(v_t + ... + v_T-1))

    So the worth is exactly how often YES pays where it is worth so much, whatever its moves are like.
    """
    logs = _kept(rng, (markets, looks), shape.vol_kept) * shape.vol_sd
    leaps = rng.random((markets, looks)) < shape.jump_prob
    squares = np.exp(2 * logs) + leaps * shape.jump_vols**2
    squares /= squares.sum(axis=1, keepdims=True)
    moves = np.sqrt(squares) * rng.standard_normal((markets, looks))
    start = shape.start_sd * rng.standard_normal((markets, 1))
    z = start + np.cumsum(moves, axis=1)
    left = np.cumsum(squares[:, ::-1], axis=1)[:, ::-1]
    worth = normal_below(np.concatenate([start, z[:, :-1]], axis=1) / np.sqrt(left))
    return worth, np.where(z[:, -1] > 0, 100, 0).astype(np.int32)


def _quoted(shape: EventShape, rng: np.random.Generator, worth: Array) -> Array:
    """The middle of the market [cents], which follows what YES is worth. Shapes: [E, T]."""
    middle = np.empty_like(worth)
    at = worth[:, 0] * 100
    errors = shape.error_sd_cents * rng.standard_normal(worth.shape)
    for t in range(worth.shape[1]):
        at = at + shape.reach * (worth[:, t] * 100 - at)
        near = np.minimum(np.minimum(at, 100 - at) / ENDS_CENTS, 1.0)  # nobody errs by a cent where a cent is left
        middle[:, t] = at + near * errors[:, t]
    return np.clip(middle, 0.0, 100.0)


def _spreads(shape: EventShape, rng: np.random.Generator, markets: int, looks: int) -> Array:
    drawn = rng.choice(np.arange(1, len(shape.spread_probs) + 1), p=np.array(shape.spread_probs), size=(markets, looks))
    stays = rng.random((markets, looks)) < shape.spread_kept
    found = drawn.astype(np.float64)
    for t in range(1, looks):
        found[:, t] = np.where(stays[:, t], found[:, t - 1], found[:, t])
    return found


def _sides(middle: Array, spread: Array) -> tuple[Array, Array]:
    """Best bid and ask of YES in whole cents; nobody bids at 0 or asks at 100, which stand for an empty side."""
    bid = np.clip(np.floor(middle - spread / 2 + 0.5), 0, 99)
    return bid, np.clip(bid + spread, 1, 100)


def _depths(shape: EventShape, rng: np.random.Generator, lag: Array, bids: tuple[Array, Array]) -> tuple[Ints, Ints]:
    """What is bid on each level of each side: more on the side to which the market has yet to go, and at the ends."""
    sides = []
    for sign, best in ((1, bids[0]), (-1, bids[1])):
        price = best[..., None] - LEVELS_SHOWN
        end = np.maximum(1 - np.minimum(price, 100 - price) / ENDS_CENTS, 0.0)
        noise = shape.depth_sd * _kept(rng, (*lag.shape, LEVELS), shape.depth_kept)
        logs = np.array(shape.depth_logs) + noise + sign * shape.depth_lean * lag[..., None] + shape.depth_ends * end
        lots = np.rint(np.expm1(np.clip(logs, 0.0, LOG_MAX)))
        lots[..., 0] = np.maximum(lots[..., 0], 1)  # else it would not be the best
        sides.append(np.where(price >= 1, lots, 0).astype(np.int32))
    return sides[0], sides[1]


def _flows(shape: EventShape, rng: np.random.Generator, middle: Array, decided: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """What is sold to the bids of YES, and to those of NO, before the next look."""
    drawn = _kept(rng, middle.shape, shape.flow_kept)
    logs = np.where(
        decided, shape.decided_flow_log + shape.decided_flow_sd * drawn, shape.flow_log + shape.flow_sd * drawn
    )
    total = np.rint(np.expm1(np.clip(logs, 0.0, LOG_MAX)))
    moved = np.diff(middle, axis=1, append=middle[:, -1:])
    bought = np.clip(rng.beta(0.7, 0.7, middle.shape) + shape.flow_lean * moved, 0.0, 1.0)
    no_taken = np.rint(total * bought)
    return (total - no_taken).astype(np.int32), no_taken.astype(np.int32)


def _kept(rng: np.random.Generator, shape: tuple[int, ...], kept: float) -> Array:
    """Autoregressions of unit deviation from look to look. Shapes: [E, T, ...]."""
    noise = rng.standard_normal(shape)
    for t in range(1, shape[1]):
        noise[:, t] = kept * noise[:, t - 1] + math.sqrt(1 - kept**2) * noise[:, t]
    return noise
