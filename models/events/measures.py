"""What tapes of event markets are like, in figures that a recording and a simulation are compared by."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gamma.feeds.events.simulator import ENDS_CENTS
from gamma.feeds.events.tape import LEVELS, LOOK_S, Tape

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
SHARES: Final = (0.5, 0.75, 0.9, 0.99)
SPANS: Final = (3, 6, 12, 36)
"""Looks over which moves are summed."""
OPEN: Final = (20.0, 80.0)
"""Where a question is open: the middle is between these cents, and all levels of both sides are there."""
TENTHS: Final = 10


def measured(tape: Tape) -> dict[str, float]:
    """The figures by their names."""
    middle = tape.middle.astype(np.float64)
    paths = [middle[e, :looks] for e, looks in enumerate(tape.looks.tolist())]
    moves = np.concatenate([_moves(path, 1) for path in paths])
    told = {f"move, {share:.0%} of looks within": _quantile(np.abs(moves), share) for share in SHARES}
    square = _mean(moves**2)
    for span in SPANS:
        far = _mean(np.concatenate([_moves(path, span) for path in paths]) ** 2)
        told[f"variance over {span} looks, to {span} times that over 1"] = far / span / square
    told["start, deviation"] = float(np.std([path[0] for path in paths]))
    told["looks with an empty side"] = _mean(decided(tape)[tape.there])
    return told | _spreads(tape) | _depths(tape, middle) | _flows(tape)


def decided(tape: Tape) -> Flags:
    """Where nobody bids for one of the sides any more. Shapes: [E, T]."""
    found: Flags = (tape.yes_bid == 0) | (tape.no_bid == 0)
    return found


def like(tape: Tape, recorded: Tape) -> Tape:
    """Whole markets cut to the stretches that were recorded of others, each in its turn."""
    rows = np.arange(len(tape)) % len(recorded)
    first = np.rint((tape.left_s[:, 0] - recorded.left_s[rows, 0]) / LOOK_S).astype(np.int64)
    looks = np.minimum(recorded.looks[rows], tape.looks - first)
    at = first[:, None] + np.arange(int(looks.max()))
    across = np.minimum(at, tape.looks[:, None] - 1)
    each = np.arange(len(tape))[:, None]
    cut = {name: getattr(tape, name)[each, across] for name in tape.names if name not in ("looks", "payout")}
    return Tape(**cut, looks=looks.astype(np.int32), payout=np.where(recorded.payout[rows] < 0, -1, tape.payout))


def paid_by_price(tape: Tape) -> list[tuple[float, float, int]]:
    """How often YES paid where it cost so much: mean price, share of looks that paid [cents], looks; by tenth."""
    known = tape.there & (tape.payout[:, None] >= 0)
    price, paid = tape.middle[known], np.broadcast_to(tape.payout[:, None], known.shape)[known]
    tenth = np.minimum((price / 100 * TENTHS).astype(np.int64), TENTHS - 1)
    rows = [(price[tenth == n], paid[tenth == n]) for n in range(TENTHS)]
    return [(_mean(cost), _mean(got), len(cost)) for cost, got in rows]


def _mean(numbers: NDArray[np.bool_] | NDArray[np.floating] | NDArray[np.integer]) -> float:
    """NaN where there are none."""
    return float(np.mean(numbers)) if numbers.size else float("nan")


def _quantile(numbers: Array, share: float) -> float:
    return float(np.quantile(numbers, share)) if numbers.size else float("nan")


def _moves(path: Array, span: int) -> Array:
    """Moves over so many looks from where the question is open [cents]."""
    found: Array = (path[span:] - path[:-span])[_open(path[:-span])]
    return found


def _open(middle: Array) -> Flags:
    found: Flags = (middle > OPEN[0]) & (middle < OPEN[1])
    return found


def _spreads(tape: Tape) -> dict[str, float]:
    shown = tape.spread[tape.there]
    same = (tape.spread[:, 1:] == tape.spread[:, :-1])[tape.there[:, 1:]]
    return {
        "spread of 1 cent": _mean(shown <= 1),
        "spread of 2 cents": _mean(shown == 2),
        "spread as one look before": _mean(same),
    }


def _depths(tape: Tape, middle: Array) -> dict[str, float]:
    """Bids by level where the question is open, both sides alike, and how they lead the price."""
    open_ = tape.there & _open(middle)
    logs = np.concatenate([np.log1p(lots[open_].astype(np.float64)) for lots in (tape.yes_lots, tape.no_lots)])
    told = {f"log of bids, level {level + 1}": float(mean) for level, mean in enumerate(logs.mean(axis=0))}
    together = np.corrcoef(logs.T)
    told["log of bids, deviation"] = float(np.mean(logs.std(axis=0)))
    told["levels together"] = float(np.mean(together[np.triu_indices_from(together, 1)]))
    best, after = np.log1p(tape.yes_lots[:, :, 0] * 1.0), open_[:, 1:] & open_[:, :-1]
    told["best bid, after one look"] = correlation(best[:, :-1][after], best[:, 1:][after])
    lean = np.log1p(tape.yes_lots.sum(axis=2) * 1.0) - np.log1p(tape.no_lots.sum(axis=2) * 1.0)
    ahead = open_[:, :-3] & tape.there[:, 3:]
    moved = (middle[:, 3:] - middle[:, :-3])[ahead]
    told["lean of the book with the next 3 looks"] = correlation(lean[:, :-3][ahead], moved)
    ends = [
        _at_the_ends(bid, lots)[tape.there]
        for bid, lots in ((tape.yes_bid, tape.yes_lots), (tape.no_bid, tape.no_lots))
    ]
    told["log of bids within 5 cents of an end"] = float(np.nanmean(np.concatenate(ends)))
    return told


def _at_the_ends(bid: NDArray[np.int32], lots: NDArray[np.int32]) -> Array:
    """The log of what is bid where half of the last cents is left, by level; NaN elsewhere. Shapes: [E, T, K]."""
    price = bid[..., None] - np.arange(LEVELS)
    near = (price >= 1) & (np.minimum(price, 100 - price) <= ENDS_CENTS / 2)
    return np.where(near, np.log1p(lots * 1.0), np.nan)


def _flows(tape: Tape) -> dict[str, float]:
    """What trades while the question is not decided, and after."""
    before_last = np.arange(tape.yes_bid.shape[1]) < tape.looks[:, None] - 1
    ended = decided(tape)
    total = (tape.yes_taken + tape.no_taken).astype(np.float64)
    logs, live, after = np.log1p(total), before_last & ~ended, before_last & ended
    pairs = live[:, :-1] & live[:, 1:]
    bought = ((tape.no_taken - tape.yes_taken) / np.maximum(total, 1.0))[:, :-1]
    moves = np.diff(tape.middle.astype(np.float64), axis=1)
    return {
        "log of trades": _mean(logs[live]),
        "log of trades, deviation": float(logs[live].std()),
        "trades, after one look": correlation(logs[:, :-1][pairs], logs[:, 1:][pairs]),
        "share bought with the move": correlation(bought[live[:, :-1]], moves[live[:, :-1]]),
        "log of trades, decided": _mean(logs[after]),
        "log of trades, decided, deviation": float(logs[after].std()) if after.any() else float("nan"),
    }


def correlation(x: Array, y: Array) -> float:
    """Of two rows of numbers; 0 where one of them stands still."""
    return float(np.corrcoef(x, y)[0, 1]) if x.size and x.std() > 0 and y.std() > 0 else 0.0
