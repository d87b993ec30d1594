"""The simulator fitted to bars: rhythm, clusters and gaps in closed form, tails and reach by drawing what they give."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import combinations, product
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from gamma.errors import InputInvalid
from gamma.feeds.series import Floats, Series
from gamma.ports import FitOrder, FitRow, Fitted, Progressed
from models.size_picker import market
from models.size_picker.cutting import together
from models.size_picker.fit_picture import draw
from models.size_picker.market import MarketShape
from models.size_picker.measures import GAPS, HORIZONS, LAGS, SHARES, SUMS, Compared, Measures, measured
from models.size_picker.simulator import WEEK_BARS, simulate

# Half-lives [bars] that the clusters of volatility are looked for among, three at a time.
HALF_LIVES: Final = (1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0, 190.0, 380.0, 760.0, 1_500.0, 3_000.0, 6_000.0)
TAILS: Final = (3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 10.0, 14.0, 20.0, 40.0)
JUMP_PROBS: Final = (0.0, 0.0002, 0.0004, 0.0007, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01)
JUMP_VOLS: Final = (2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0)
GAP_TAILS: Final = (2.2, 2.5, 3.0, 3.5, 4.0, 5.0, 7.0, 10.0)
REACHES: Final = (0.7, 1.6)
# Trends are taken to turn about every two weeks: how strong they are the bars tell, how long they do not.
DRIFT_BARS: Final = 230.0
# How much the fit of each quantile counts (`SHARES`): what ruins lies far out, and the last tells of few bars.
SHARE_WEIGHTS: Final = np.array([0.5, 0.5, 1.0, 2.0, 3.0, 1.0])
DRAWS: Final = 200_000
SEED: Final = 1
# Simulated markets as long as the real one, by which is told what chance alone does to each measure.
MARKETS: Final = 16
ROUNDS: Final = 3


@final
class GoldFit:
    """Fits the simulator's market to bars, and says and draws how well it fits."""

    def fit(self, order: FitOrder) -> Iterator[Progressed | Fitted]:
        """Fit, write the shape, and draw it where a picture is asked for."""
        for option, path, ending in (("--out", order.out, ".toml"), ("--picture", order.picture, ".png")):
            if path is not None and path.suffix != ending:
                raise InputInvalid(f"{option} {path}: write a name that ends with {ending}")
        series = together(order.bars)
        yield Progressed("fitting", 0, MARKETS + 1)
        real = measured(series)
        shape = fitted(real)
        simulated = []
        for number in range(MARKETS):
            yield Progressed("simulating markets as long", number + 1, MARKETS + 1)
            simulated.append(measured(like(shape, number, len(series))))
        found = Compared(real=real, simulated=simulated)
        market.write(shape, order.out, _span(order, series))
        if order.picture is not None:
            yield Progressed("drawing", MARKETS, MARKETS + 1)
            draw(found, order.picture)
        yield Fitted(rows=tuple(rows(found)), shape=asdict(shape))


def like(shape: MarketShape, number: int, bars: int) -> Series:
    """One of the simulated markets, of at least so many bars."""
    rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(number,)))
    return simulate(shape, rng, -(-bars // WEEK_BARS), np.array([1_500.0]))[0]


def fitted(real: Measures) -> MarketShape:
    """The shape whose bars are most like those that were measured.

    A market of some years has seen few of its slow turns, and looks less clustered than it is. How much less is told by
    simulated markets of the same length, and made good.
    """
    target = wanted = clustering(real, real.absolute)
    shape = _shape(real, wanted)
    for _ in range(ROUNDS):
        seen = [measured(like(shape, MARKETS + number, real.bars)).absolute for number in range(MARKETS // 2)]
        wanted = wanted + target - clustering(real, np.median(seen, axis=0))
        shape = _shape(real, wanted)
    return shape


def _shape(real: Measures, covariances: Floats) -> MarketShape:
    sizes, keeps = clusters(covariances)
    spread = float(np.sqrt(np.sum(np.square(sizes))))
    tail, prob, vols = _tails(real.tail, spread)
    reach = _reach(real.range_ratio, spread, (tail, prob, vols))
    vol_frac = real.rms_frac / np.sqrt(1 + prob * vols**2)
    return MarketShape(
        vol_frac=float(vol_frac),
        hours=tuple(real.hours.tolist()),
        cluster_sd=tuple(sizes),
        cluster_kept=tuple(keeps),
        tail=tail,
        jump_prob=prob,
        jump_vols=vols,
        reach=reach,
        drift_vols=_drift(real.sums),
        drift_bars=DRIFT_BARS,
        gap_vols=tuple((real.gap_rms / vol_frac).tolist()),
        gap_tail=_gap_tail(real.gap_peak, spread),
    )


def clustering(real: Measures, absolute: Floats) -> Floats:
    """The autocovariances of volatility's logs by which absolute returns have these autocorrelations.

    A return is its volatility, e to a normal number, times a shock of its own: of two absolute returns the mean product
    is the square of their mean times e to that covariance.
    """
    mean = real.mean_absolute
    found: Floats = np.log1p(np.maximum(absolute, 0.0) * (1 - mean**2) / mean**2)
    return found


def clusters(covariances: Floats) -> tuple[list[float], list[float]]:
    """Deviations and what is kept of three autoregressions: the sums of deviation^2 * kept^lag nearest to these."""
    lags, best, error = np.array(LAGS), None, np.inf
    for lives in combinations(HALF_LIVES, 3):
        powers = np.stack([0.5 ** (lags / life) for life in lives], axis=1)
        found = np.linalg.lstsq(powers, covariances, rcond=None)[0]
        off = float(np.sum((powers @ found - covariances) ** 2)) if (found >= 0).all() else np.inf
        if off < error:
            best, error = (found, lives), off
    if best is None:
        return [0.0] * 3, [0.0] * 3  # ranges that do not cluster
    return np.sqrt(best[0]).tolist(), [float(0.5 ** (1 / life)) for life in best[1]]


def _tails(wanted: Floats, spread: float) -> tuple[float, float, float]:
    """Tail, probability of a jump and its size, whose returns have the quantiles nearest to those wanted, in logs."""

    def off(found: tuple[float, float, float]) -> float:
        moved = np.abs(_drawn(spread, found)[0])
        got = np.quantile(moved / np.sqrt(np.mean(moved**2)), SHARES)
        return float(SHARE_WEIGHTS @ np.log(got / wanted) ** 2)

    best = (5.0, 0.001, 5.0)
    for _ in range(3):
        _, prob, vols = best
        best = min(((one, prob, vols) for one in TAILS), key=off)
        best = min(((best[0], one, vols) for one in JUMP_PROBS), key=off)
        best = min(((best[0], best[1], one) for one in JUMP_VOLS), key=off)
    return best


def _drawn(spread: float, tails: tuple[float, float, float], reach: float = 1.0) -> tuple[Floats, Floats]:
    """Returns and ranges of bars on their own, as the simulator draws them; alike draws for all tails."""
    rng = np.random.default_rng(SEED)
    tail, prob, vols = tails
    logs, plain, jump = rng.standard_normal((3, DRAWS))
    far, leaps = rng.standard_exponential((2, DRAWS)), rng.random(DRAWS) < prob
    level = np.exp(spread * logs - spread**2)
    local = level * np.sqrt((tail - 2) / (2 * rng.standard_gamma(tail / 2, DRAWS)))
    moved = local * plain + np.where(leaps, level * vols * jump, 0.0)
    up, down = np.sqrt(moved**2 + 2 * (reach * local) ** 2 * far)
    return moved, (up + down) / 2


def _reach(wanted: float, spread: float, tails: tuple[float, float, float]) -> float:
    """The reach at which mean range over mean absolute return is as wanted, by halving."""
    low, high = REACHES
    for _ in range(20):
        middle = (low + high) / 2
        moved, ranged = _drawn(spread, tails, middle)
        low, high = (middle, high) if ranged.mean() / np.abs(moved).mean() < wanted else (low, middle)
    return (low + high) / 2


def _drift(sums: Floats) -> float:
    """How strong trends are that hold for about `DRIFT_BARS`, by what variances over many bars have too much.

    Least squares of: excess = drift^2 * 2/3 * (1 + 2 * sum of (1 - k / q) * kept^k).
    """
    kept = 1 - 1 / DRIFT_BARS
    lags = [np.arange(1, bars) for bars in SUMS]
    share = np.array([2 / 3 * (1 + 2 * np.sum((1 - k / bars) * kept**k)) for k, bars in zip(lags, SUMS, strict=True)])
    return float(np.sqrt(max(0.0, share @ (sums - 1) / (share @ share))))


def _gap_tail(peaks: Floats, spread: float) -> float:
    """The degrees of freedom at which root mean square over median is as it is over breaks and weekends."""
    wanted = float(np.mean(np.log(peaks[1:])))

    def off(tail: float) -> float:
        moved = np.abs(_drawn(spread, (tail, 0.0, 0.0))[0])
        return abs(float(np.log(np.sqrt(np.mean(moved**2)) / np.median(moved))) - wanted)

    return min(GAP_TAILS, key=off)


def rows(found: Compared) -> Iterator[FitRow]:
    """Each measure of the real bars beside its middle and range in simulated ones."""
    for name, of in _told():
        low, middle, high = np.quantile([of(one) for one in found.simulated], (0.05, 0.5, 0.95)).tolist()
        yield FitRow(name=name, real=of(found.real), low=low, simulated=middle, high=high)


def _told() -> Iterator[tuple[str, Callable[[Measures], float]]]:
    yield "volatility of an hour, rms, %", _of("rms_frac", times=100)
    yield "kurtosis, by hour", _of("kurtosis")
    for at, share in list(enumerate(SHARES))[2:]:
        yield f"absolute return, {share:.2%} of them, in rms", _of("tail", at)
    yield "mean range over mean absolute return", _of("range_ratio")
    for lag in (1, 23, 115, 460, 2_300):
        yield f"correlation of absolute returns, {lag} bars", _of("absolute", LAGS.index(lag))
    for lag in (1, 23, 115, 460):
        yield f"correlation of squares, {lag} bars", _of("squares", LAGS.index(lag))
    for at, kind in enumerate(GAPS):
        yield f"gap {kind}, rms, %", _of("gap_rms", at, times=100)
    for at, bars in enumerate(SUMS[1:], start=1):
        yield f"variance over {bars} bars against one", _of("sums", at)
    for (at, bars), share in product(enumerate(HORIZONS), (0.9, 0.99)):
        yield f"worst of {bars} bars, {share:.0%} of them, %", _of("falls", at, SHARES.index(share), times=100)


def _of(name: str, *place: int, times: float = 1.0) -> Callable[[Measures], float]:
    """A measure by its name, and its place where it has some."""
    return lambda measures: times * float(np.asarray(getattr(measures, name))[place])


def _span(order: FitOrder, series: Series) -> dict[str, Any]:
    first, last = (str(np.datetime64(int(ts), "ns").astype("M8[D]")) for ts in series.ts_open_utc_ns[[0, -1]])
    return {"bars": len(series), "first": first, "last": last, "sources": [Path(one).name for one in order.sources]}
