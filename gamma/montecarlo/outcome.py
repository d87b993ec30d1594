"""What a simulation came to: percentiles, chances with their intervals, drawdowns, and where what happened ranks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from gamma.montecarlo.simulation import Simulated
from gamma.stats import Floats, wilson

PERCENTILES: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """The share of paths on which something came about [1], with its 95 % interval: that of counting paths alone."""

    prob: float
    low: float
    high: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Falls:
    """The deepest drawdown of each path: mean, median, 95th percentile and worst; in usd, or as a fraction."""

    mean: float
    median: float
    p95: float
    worst: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """The trades in the order in which they came, through the same chain.

    `rank_frac` is the share of paths that ended with less, `drawdown_rank_frac` of those that fell less deep.
    """

    final_usd: float
    drawdown_usd: float
    drawdown_frac: float
    trades: int
    lots_mean: float
    rank_frac: float
    drawdown_rank_frac: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One way of drawing, over all paths. `final_usd` is by percentile; a halt or ruin is for good."""

    name: str
    block: float
    final_usd: Mapping[int, float]
    final_mean_usd: float
    chances: Mapping[str, Chance]
    drawdown_usd: Falls
    drawdown_frac: Falls
    trades_mean: float
    lots_mean: float
    realised: Realised


def outcome_of(name: str, block: float, found: Simulated, happened: Simulated) -> Outcome:
    """Sum up a run; `happened` is the one path in the order in which the trades came."""
    start, final = found.start_usd, found.final_usd
    came_about = {
        "profit": final > start,
        "double": final >= 2 * start,
        "triple": final >= 3 * start,
        "halt": found.halted,
        "ruin": found.ruined,
    }
    return Outcome(
        name=name,
        block=block,
        final_usd={p: float(usd) for p, usd in zip(PERCENTILES, np.percentile(final, PERCENTILES), strict=True)},
        final_mean_usd=float(final.mean()),
        chances={what: chance(seen) for what, seen in came_about.items()},
        drawdown_usd=falls(found.drawdown_usd),
        drawdown_frac=falls(found.drawdown_frac),
        trades_mean=float(found.trades.mean()),
        lots_mean=lots_mean(found),
        realised=Realised(
            final_usd=float(happened.final_usd[0]),
            drawdown_usd=float(happened.drawdown_usd[0]),
            drawdown_frac=float(happened.drawdown_frac[0]),
            trades=int(happened.trades[0]),
            lots_mean=lots_mean(happened),
            rank_frac=float(np.mean(final < happened.final_usd[0])),
            drawdown_rank_frac=float(np.mean(found.drawdown_usd < happened.drawdown_usd[0])),
        ),
    )


def lots_mean(found: Simulated) -> float:
    """Lots of a trade that was made, over all paths; 0 where none was."""
    return float(found.lots_total.sum() / max(1, found.trades.sum()))


def chance(seen: NDArray[np.bool_]) -> Chance:
    """The share of paths."""
    hits = int(np.count_nonzero(seen))
    low, high = wilson(hits, len(seen))
    return Chance(prob=hits / len(seen), low=low, high=high)


def falls(values: Floats) -> Falls:
    """The deepest drawdowns of all paths."""
    return Falls(
        mean=float(values.mean()),
        median=float(np.median(values)),
        p95=float(np.percentile(values, 95)),
        worst=float(values.max()),
    )
