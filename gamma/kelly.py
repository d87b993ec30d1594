"""The maths of Kelly sizing: a record's statistics and the fraction of the balance that they justify.

Pure and traceable. `p` is the share of wins, `b` the average win over the average loss, `f` the
fraction of the balance to risk. A scratch is no win, so that it counts against `p`.
Source: Kelly (1956), A new interpretation of information rate.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final, final

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, ValidationInfo

from gamma.numeric import (
    NAN,
    TOLERANCE_64,
    Num,
    above_zero,
    beside,
    exp,
    floor,
    log1p,
    maximum,
    minimum,
    namespace,
    ratio,
    scalar,
    tolerance,
    where,
)
from gamma.reasons import Fact, Reason
from gamma.sizing import fraction_lots, require, require_stake
from gamma.views import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the last completed trades came to; per lot.

    `sound` is false where one of them, or their count, is not a number; there are none then.
    """

    trades: Num
    wins: Num
    losses: Num
    total_usd: Num
    win_total_usd: Num
    sound: Num

    @property
    def scratches(self) -> Num:
        """Trades that neither won nor lost."""
        return self.trades - self.wins - self.losses

    @property
    def win_frac(self) -> Num:
        """Share of trades that won; 0 without trades."""
        return ratio(self.wins, self.trades)

    @property
    def win_mean_usd(self) -> Num:
        """Average win; 0 where there was none."""
        return ratio(self.win_total_usd, self.wins)

    @property
    def loss_mean_usd(self) -> Num:
        """Average loss, as a number above 0; 0 where there was none."""
        return ratio(self.win_total_usd - self.total_usd, self.losses)

    @property
    def kelly_frac(self) -> Num:
        """Kelly fraction, in the form that loses no digits; 0 without a win.

        K = W - L * avg_loss / avg_win = sum(pnl) [usd] / (n [1] * avg_win [usd])
        """
        return ratio(self.total_usd, self.trades * self.win_mean_usd)


def latest(values: Num, trades: Num, window: int) -> tuple[Num, Num]:
    """The last `window` places of a record, and which of them hold one of its trades.

    Shapes: `values` [..., W], `trades` [...]; both results [..., min(W, window)].
    """
    xp = namespace(values, trades)
    kept = values[..., -window:]
    width = kept.shape[-1]
    back = xp.arange(width, 0, -1)
    return kept, back <= beside(xp, trades)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rolling:
    """Completed trades of which only sums are kept, by how many of the last ones they are of.

    It stands in a view where trades would: a simulation of many long paths need not add up every window anew.
    """

    records: Mapping[int, Record]


def record(pnl_usd_per_lot: Num, trades: Num, window: int) -> Record:
    """Statistics of the last `window` completed trades; what stands before them is padding and not looked at.

    Shapes: `pnl_usd_per_lot` [..., W], `trades` [...]; every field [...].
    """
    if isinstance(pnl_usd_per_lot, Rolling):
        return pnl_usd_per_lot.records[window]
    if isinstance(trades, int | float) and isinstance(pnl_usd_per_lot, np.ndarray) and pnl_usd_per_lot.ndim == 1:
        return _live_record(pnl_usd_per_lot[-window:].tolist(), trades)
    xp = namespace(pnl_usd_per_lot, trades)
    kept, real = latest(pnl_usd_per_lot, trades, window)
    finite = xp.isfinite(kept)
    sound = scalar(xp.all(finite | ~real, axis=-1)) & (trades >= 0)
    pnl = xp.where(real & finite & beside(xp, sound), kept, 0.0)
    won = xp.where(pnl > 0, pnl, 0.0)
    total, win_total = scalar(xp.sum(pnl, axis=-1)), scalar(xp.sum(won, axis=-1))
    # What wins and losses leave by rounding alone is no edge: it would depend on the order of the sum.
    edge = (total > tolerance(total) * win_total) | (total < -tolerance(total) * win_total)
    return Record(
        trades=where(sound, minimum(trades, kept.shape[-1]), 0),
        wins=scalar(xp.sum(pnl > 0, axis=-1)),
        losses=scalar(xp.sum(pnl < 0, axis=-1)),
        total_usd=where(edge, total, 0.0),
        win_total_usd=win_total,
        sound=sound,
    )


def _live_record(kept: list[float], trades: float) -> Record:
    """The same in plain Python, which takes a quarter of the time on one short record; the laws hold them equal."""
    pnl = kept[len(kept) - int(min(trades, len(kept))) :] if trades >= 0 else []
    sound = trades >= 0 and all(map(math.isfinite, pnl))
    if not sound:
        pnl = []
    gains = [usd for usd in pnl if usd > 0]
    total, win_total = math.fsum(pnl), math.fsum(gains)
    return Record(
        trades=len(pnl),
        wins=len(gains),
        losses=sum(usd < 0 for usd in pnl),
        total_usd=total if abs(total) > TOLERANCE_64 * win_total else 0.0,
        win_total_usd=win_total,
        sound=sound,
    )


def kelly_of_statistics(win_frac: Num, profit_factor: Num) -> Num:
    """Kelly fraction where only statistics are known: K = W - W / profit_factor, for profit factors above 0."""
    return win_frac - ratio(win_frac, profit_factor)


def record_lots(view: View, found: Record, fraction: Num, bootstrap_trades: int) -> Num:
    """Lots of a Kelly fraction: one until the record is long enough, then balance * fraction / risk, not yet floored.

    A fraction that is 0 or less is no edge, and gives 0.
    """
    balance, risk = view.account.balance_usd, view.signal.risk_usd_per_lot
    sized = fraction_lots(balance, maximum(fraction, 0.0), risk)
    proposed = where(found.trades >= bootstrap_trades, sized, 1.0)
    return where(above_zero(balance, risk) & found.sound, proposed, 0.0)


def record_lots_facts(
    view: View, found: Record, fraction: Num, bootstrap_trades: int, unit: str = "usd"
) -> dict[str, Fact]:
    """The numbers behind `record_lots`, live, with the reason.

    Raises: InputInvalid, naming the field, where balance, risk or record makes no sense.
    """
    balance_usd, risk_usd = require_stake(view)
    require_record(found)
    staked = float(max(fraction, 0.0))
    raw = float(fraction_lots(balance_usd, staked, risk_usd))
    bootstrap = bool(found.trades < bootstrap_trades)
    edge = Reason.NO_EDGE if staked < TOLERANCE_64 else Reason.OK if raw >= 1 else Reason.BUDGET
    return {
        "balance_usd": balance_usd,
        **record_facts(found, unit),
        "stake_frac": staked,
        "budget_usd": balance_usd * staked,
        "risk_usd_per_lot": risk_usd,
        "raw_lots": raw,
        "bootstrap": bootstrap,
        "reason": Reason.BOOTSTRAP if bootstrap else edge,
    }


def require_record(found: Record) -> None:
    """Refuse a record in which a trade has no number.

    Raises: InputMissing, naming the field.
    """
    trades = found.trades if found.sound else NAN
    require("track.trades", trades, "a trade of the record has no finite P&L or R-multiple; mend it", least=0)


def record_facts(found: Record, unit: str = "usd") -> dict[str, Fact]:
    """The statistics of a record, live, as a trace has them; `unit` is that of its trades."""
    return {
        "trades": int(found.trades),
        "wins": int(found.wins),
        "losses": int(found.losses),
        "scratches": int(found.scratches),
        "win_frac": float(found.win_frac),
        f"win_mean_{unit}": float(found.win_mean_usd),
        f"loss_mean_{unit}": float(found.loss_mean_usd),
    }


def _spans_bootstrap(rolling_window: int, found: ValidationInfo) -> int:
    bootstrap_trades = found.data.get("bootstrap_trades", 0)
    if bootstrap_trades > rolling_window:
        raise ValueError(
            f"bootstrap_trades = {bootstrap_trades} is above rolling_window = {rolling_window}, "
            "so that the bootstrap would never end; lower it"
        )
    return rolling_window


Window = Annotated[int, Field(ge=1, validate_default=True), AfterValidator(_spans_bootstrap)]
"""How many of the last trades a sizer looks at; no fewer than its `bootstrap_trades`, which stands before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """A bet with two outcomes: `p` [1] to win `b` [1] times the stake, over `trades` tries."""

    p: Num
    b: Num
    trades: Num


def odds(found: Record, risk_usd_per_lot: Num) -> Odds:
    """The record as a bet with two outcomes.

    A record without a loss is read as if its next trade lost all that it may: else it would justify
    staking everything on having been lucky so far.
    """
    spared = found.losses == 0
    trades = found.trades + where(spared, 1, 0)
    loss_usd = where(spared, risk_usd_per_lot, found.loss_mean_usd)
    return Odds(p=ratio(found.wins, trades), b=ratio(found.win_mean_usd, loss_usd), trades=trades)


def binary_kelly(p: Num, b: Num) -> Num:
    """Kelly fraction of a bet with two outcomes, f = (b p - q) / b [1]; below 0 where there is no edge, 0 for b = 0."""
    return ratio(b * p - (1.0 - p), b)


def shrinkage(bet: Odds) -> Num:
    """How much of the Kelly fraction to keep, since p is only estimated [1].

    k = e^2 / (e^2 + (b + 1)^2 s^2),  e = (b + 1) p - 1,  s^2 = p (1 - p) / n

    Source: Baker and McHale (2013), Optimal betting under parameter uncertainty.
    """
    edge = (bet.b + 1.0) * bet.p - 1.0
    noise = (bet.b + 1.0) * (bet.b + 1.0) * ratio(bet.p * (1.0 - bet.p), bet.trades)
    return ratio(edge * edge, edge * edge + noise)


ROOT_STEPS: Final = 42


def last_above(rises: Callable[[Num], Num], low: Num, high: Num) -> Num:
    """The largest x in low..high up to which `rises` holds, by bisection, from below, to 2^-42 of the range."""
    for _ in range(ROOT_STEPS):
        middle = 0.5 * (low + high)
        holds = rises(middle)
        low, high = where(holds, middle, low), where(holds, high, middle)
    return low


def risk_constrained_kelly(bet: Odds, wealth_min_frac: float, ruin_max_prob: float) -> Num:
    """The largest fraction up to Kelly with P(wealth ever below alpha) < beta [1]; 0 without an edge.

        root f in (0, f*] of p (1 + b f)^-l + q (1 - f)^-l = 1,  l = log(beta) / log(alpha)

    `wealth_min_frac` is alpha, `ruin_max_prob` beta.
    Source: Busseti, Ryu and Boyd (2016), Risk-constrained Kelly gambling.
    """
    power = float(np.log(ruin_max_prob) / np.log(wealth_min_frac))
    top = maximum(binary_kelly(bet.p, bet.b), 0.0)
    q = 1.0 - bet.p

    def bounded(fraction: Num) -> Num:
        # The losing term against what the winning one leaves, both as powers that cannot overflow.
        left = 1.0 - bet.p * exp(-power * log1p(bet.b * fraction))
        return q <= left * exp(power * log1p(-fraction))

    return where(bounded(top), top, last_above(bounded, 0.0 * top, top))


_PANELS: Final = 64
_LEVELS: Final = 3
_LEGENDRE: Final = np.polynomial.legendre.leggauss(8)
# Eight Gauss-Legendre nodes in each panel, over 0..1, and their weights.
_NODES: Final = (np.arange(_PANELS)[:, None] + 0.5 * (_LEGENDRE[0] + 1.0)) / _PANELS
_WEIGHTS: Final = _LEGENDRE[1]


def beta_quantile(probability: float, alpha: Num, beta: Num) -> Num:
    """The x up to which a Beta(alpha, beta) variable stays with this probability [1]; alpha, beta >= 1/2.

        with x = sin^2 t the density is proportional to sin^(2 alpha - 1) t * cos^(2 beta - 1) t

    Integrated in 64 panels, then the one that holds the quantile in 64 again, and once more; linear within
    the last. Off by less than 1e-8 where both are 1/2 or at least 1, else by less than 1e-5.

    Shapes: `alpha`, `beta` [...]; so is the result.
    """
    xp = namespace(alpha, beta)
    a, b = (xp.asarray(2.0 * value - 1.0)[..., None, None] for value in (alpha, beta))
    nodes, weights, panels = xp.asarray(_NODES), xp.asarray(_WEIGHTS), xp.arange(_PANELS)

    def log_density(start: Num, width: float) -> Num:
        angle = start[..., None, None] + width * nodes
        return a * xp.log(xp.sin(angle)) + b * xp.log(xp.cos(angle))

    start, width = 0.0 * a[..., 0, 0], 0.5 * math.pi
    peak = xp.max(log_density(start, width), axis=(-2, -1), keepdims=True)

    def masses(start: Num, width: float) -> Num:
        return width * xp.sum(weights * xp.exp(log_density(start, width) - peak), axis=-1)

    left, inside = probability * xp.sum(masses(start, width), axis=-1), 1.0
    for _ in range(_LEVELS):
        found = masses(start, width)
        through = xp.cumulative_sum(found, axis=-1)
        index = xp.sum(through[..., :-1] <= left[..., None], axis=-1)
        left = left - xp.sum(xp.where(panels < index[..., None], found, 0.0), axis=-1)
        inside = xp.sum(xp.where(panels == index[..., None], found, 0.0), axis=-1)
        width = width / _PANELS
        start = start + width * index
    return scalar(xp.sin(start + width * ratio(left, inside)) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """How a bound is drawn: blocks of `block` trades by `draws` [R, blocks] in 0..1, and the share `prob` below it."""

    draws: NDArray[np.float64]
    block: int
    prob: float


def low_mean(values: Num, trades: Num, how: Bootstrap) -> Num:
    """Lower bound of a record's mean, by the moving-block bootstrap.

    Each row of `how.draws` makes one resample of floor(n / block) blocks, whose starts are uniform over the record;
    the bound is the value that a share `how.prob` of the resamples' means does not exceed.

    Shapes: `values` [..., W] with 0 for padding, `trades` [...]; so is the result.
    Source: Kuensch (1989), The jackknife and the bootstrap for general stationary observations.
    """
    xp = namespace(values, trades)
    width, block, (resamples, blocks) = values.shape[-1], how.block, how.draws.shape
    counts, places = beside(xp, floor(trades / block)), beside(xp, maximum(trades - block + 1, 0))
    before = xp.zeros_like(values, shape=(*values.shape[:-1], block + 1))
    sums = xp.cumulative_sum(xp.concat([before, values], axis=-1), axis=-1)
    # What a block sums to, by the place behind its end: [..., W + 1].
    totals = sums[..., block:] - sums[..., :-block]
    starts = xp.floor(xp.asarray(how.draws.reshape(-1)) * places)
    ends = xp.clip(width - beside(xp, trades) + block + starts, 0, width)
    drawn = xp.take_along_axis(totals, xp.asarray(ends, dtype=xp.int32), axis=-1)
    drawn = drawn.reshape((*drawn.shape[:-1], resamples, blocks))
    used = xp.arange(blocks) < counts[..., None]
    means = ratio(xp.sum(xp.where(used, drawn, 0.0), axis=-1), counts * block)
    return scalar(xp.sort(means, axis=-1)[..., math.floor(how.prob * (resamples - 1))])


@cache
def uniform_draws(seed: int, rows: int, columns: int) -> NDArray[np.float64]:
    """A fixed table of numbers spread evenly over 0..1, the same on every machine and in every version.

    Source: Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators (splitmix64).
    """
    mixed = (np.arange(1, rows * columns + 1, dtype=np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    table = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    table.flags.writeable = False
    return table.reshape(rows, columns)


FRACTION_MAX: Final = 100.0
# The slope falls, so that counting where it is above 0 finds the part that holds its root: 64 parts, 7 times.
_PARTS: Final = 64
_ROUNDS: Final = 7


def tail_kelly(multiples: Num, trades: Num, tail_prob: float) -> Num:
    """Kelly fraction of a record of R-multiples, where each trade may also lose all of its risk [1].

        max over f of (1 - e) * mean log(1 + f x) + e * log(1 - f)

    Without a tail it may be above 1, and is at most 100 where nothing was ever lost.

    Shapes: `multiples` [..., W] with 0 for padding, `trades` [...]; so is the result.
    """
    xp = namespace(multiples, trades)
    worst = xp.max(-multiples, axis=-1, initial=0.0)
    bound = 1.0 / xp.maximum(worst, 1.0 / FRACTION_MAX)
    low, width = xp.zeros_like(bound), xp.minimum(bound, 1.0) if tail_prob else bound
    count, inner = beside(xp, trades), xp.arange(1, _PARTS) / _PARTS
    for _ in range(_ROUNDS):
        fraction = beside(xp, low) + beside(xp, width) * inner
        wealth = xp.maximum(1.0 + fraction[..., None] * multiples[..., None, :], 1e-12)
        slope = (1.0 - tail_prob) * ratio(xp.sum(multiples[..., None, :] / wealth, axis=-1), count)
        growing = slope > (tail_prob / (1.0 - fraction) if tail_prob else 0.0)
        low = low + width * (xp.sum(growing, axis=-1) / _PARTS)
        width = width / _PARTS
    return scalar(low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounded:
    """A Kelly fraction at the lower bound of the edge, with what it came from; means in R."""

    fraction: Num
    full_frac: Num
    mean: Num
    low_mean: Num


def bounded_kelly(multiples: Num, trades: Num, how: Bootstrap, tail_prob: float) -> Bounded:
    """Kelly fraction as if the mean were at its lower confidence bound, and never above half of the full one [1].

    The whole record is shifted down until its mean is the bound; 0 where that leaves no edge.

    Shapes: `multiples` [..., W], the newest last, of which the last `trades` [...] count; results [...].
    """
    xp = namespace(multiples, trades)
    real = xp.arange(multiples.shape[-1], 0, -1) <= beside(xp, trades)
    values = xp.where(real, multiples, 0.0)
    mean, low = ratio(xp.sum(values, axis=-1), trades), low_mean(values, trades, how)
    shifted = xp.where(real, values + beside(xp, low - mean), 0.0)
    both = tail_kelly(xp.stack([values, shifted], axis=-2), beside(xp, trades), tail_prob)
    full, bounded = scalar(both[..., 0]), scalar(both[..., 1])
    return Bounded(fraction=minimum(bounded, 0.5 * full), full_frac=full, mean=scalar(mean), low_mean=low)
