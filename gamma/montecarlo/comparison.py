"""What each sizer would have made of the same trades, drawn the same way: paired path by path."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

import numpy as np

from gamma import plugins
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.montecarlo import jitted
from gamma.montecarlo.chains import Chain, setting_of
from gamma.montecarlo.outcome import Chance, Falls, chance, falls, lots_mean
from gamma.montecarlo.rules import Account
from gamma.montecarlo.simulation import Ask, Simulated, realised
from gamma.montecarlo.sources import first_view, unsizable
from gamma.montecarlo.stream import Stream
from gamma.numeric import INF
from gamma.sizing import Sizer
from gamma.stats import Floats
from gamma.views import TrackView, View

OWN: Final = "the chain"
LIMITS_ONLY: Final = "it only limits what another sizer proposes"
_LEVELS: Final = (2.5, 97.5)
_RECORDS: Final = (np.full(60, 100.0), np.tile([150.0, -100.0], 30))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over paths, and what 95 % of paths lie between."""

    mean: float
    low: float
    high: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sizer. Growth is of the logarithm of the balance, a trade drawn [1]; minus infinity where all is lost.

    `ahead` is its growth less that of the one it is held against, on the same path; `better` how often it ended with
    more. `realised` is the list in the order in which it came.
    """

    name: str
    growth: Interval
    ahead: Interval
    better: Chance
    final_usd: Interval
    final_median_usd: float
    drawdown_usd: Falls
    drawdown_frac: Falls
    ruin: Chance
    halt: Chance
    trades_frac: float
    lots_mean: float
    realised_usd: float
    realised_drawdown_usd: float
    realised_lots_mean: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All sizers that can size the stream, the best growth first; why the others cannot, by name.

    `better_prob` is by two names: how often the first ended with more than the second on the same path.
    """

    against: str
    rows: tuple[Row, ...]
    unable: Mapping[str, str] = field(default_factory=dict)
    better_prob: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def candidates(
    stream: Stream, account: Account, sections: Mapping[str, Mapping[str, Any]], after: Chain = ()
) -> tuple[dict[str, Chain], dict[str, str]]:
    """Every installed sizer as the first of a chain, followed by `after`; and why the others cannot size this stream.

    Parameters are those of its section, or else what the plugin gives as an example, or its defaults.
    """
    able: dict[str, Chain] = {}
    unable: dict[str, str] = {}
    for name in plugins.find(plugins.SIZERS):
        try:
            chain = ((name, _built(name, sections)), *(one for one in after if one[0] != name))
            setting_of(stream, account, chain)
        except (ConfigInvalid, InputInvalid) as error:
            unable[name] = str(error)
            continue
        if why := unsizable(stream, account, chain[:1]):
            unable[name] = _short(why.removeprefix(f"{name}: "))
        elif _limits_only(chain[0][1], first_view(stream, account)):
            unable[name] = LIMITS_ONLY
        else:
            able[name] = chain
    return able, unable


def _short(why: str) -> str:
    """Without what to do about it live, which is no help here."""
    known, unknown, _ = why.partition(" is unknown (nan)")
    return f"{known} is not known of these trades" if unknown else why


def compare(stream: Stream, account: Account, chains: Mapping[str, Chain], ask: Ask, against: str) -> Comparison:
    """Run each chain on the same draws, and hold it against one of them.

    Raises: InputInvalid when that one is not among them, or cannot be simulated.
    """
    if against not in chains:
        raise InputInvalid(f"{against} is not among the sizers that can size these trades: {', '.join(chains)}")
    runs: dict[str, Simulated] = {}
    unable: dict[str, str] = {}
    for name, chain in chains.items():
        try:
            runs[name] = jitted.compiled(stream, account, chain, ask)(ask)
        except InputInvalid as error:
            if name == against:
                raise
            unable[name] = str(error)
    growths = {name: _growth(run, ask.trades) for name, run in runs.items()}
    rows = [
        _row(name, run, (growths[name], growths[against], runs[against].final_usd), (stream, account, chains[name]))
        for name, run in runs.items()
    ]
    better = {
        one: {other: float(np.mean(a.final_usd > b.final_usd)) for other, b in runs.items() if other != one}
        for one, a in runs.items()
    }
    ordered = tuple(sorted(rows, key=lambda row: -row.growth.mean))
    return Comparison(against=against, rows=ordered, unable=unable, better_prob=better)


def _row(name: str, run: Simulated, growths: tuple[Floats, Floats, Floats], case: tuple[Stream, Account, Chain]) -> Row:
    own, others, others_usd = growths
    happened = realised(setting_of(*case))
    with np.errstate(invalid="ignore"):
        # Two that lost all are even.
        ahead = np.where(own == others, 0.0, own - others)
    return Row(
        name=name,
        growth=_interval(own),
        ahead=_interval(ahead),
        better=chance(run.final_usd > others_usd),
        final_usd=_interval(run.final_usd),
        final_median_usd=float(np.median(run.final_usd)),
        drawdown_usd=falls(run.drawdown_usd),
        drawdown_frac=falls(run.drawdown_frac),
        ruin=chance(run.ruined),
        halt=chance(run.halted),
        trades_frac=float(happened.trades[0]) / len(case[0]),
        lots_mean=lots_mean(run),
        realised_usd=float(happened.final_usd[0]),
        realised_drawdown_usd=float(happened.drawdown_usd[0]),
        realised_lots_mean=lots_mean(happened),
    )


def _growth(run: Simulated, trades: int) -> Floats:
    left = np.maximum(run.final_usd, 0.0) / run.start_usd
    with np.errstate(divide="ignore"):
        return np.log(left) / trades


def _interval(values: Floats) -> Interval:
    low, high = np.quantile(values, [level / 100 for level in _LEVELS], method="inverted_cdf")
    return Interval(mean=float(values.mean()), low=float(low), high=float(high))


def _built(name: str, sections: Mapping[str, Mapping[str, Any]]) -> Sizer:
    if name in sections:
        built: Sizer = plugins.section(plugins.SIZERS, sections, name)
        return built
    example = getattr(plugins.named(plugins.SIZERS, name).load(), "example", {})
    made: Sizer = plugins.build(plugins.SIZERS, name, dict(example))
    return made


def _limits_only(sizer: Sizer, view: View) -> bool:
    """Whether it passes on what comes in, up to a limit that neither risk, volatility nor record move."""
    allowed = float(sizer(view, INF))
    if not allowed > 0 or float(sizer(view, allowed / 2)) > allowed / 2:
        return False
    signal, market = view.signal, view.market
    riskier = replace(signal, risk_usd_per_lot=3 * signal.risk_usd_per_lot, stop_points=3 * signal.stop_points)
    wilder = replace(market, atr_points=3 * market.atr_points, vol_daily_points=3 * market.vol_daily_points)
    changed = [replace(view, signal=riskier, market=wilder)]
    changed += [
        replace(view, track=TrackView(pnl_usd_per_lot=pnl, r_multiples=pnl / 200.0, trades=len(pnl)))
        for pnl in _RECORDS
    ]
    return all(float(sizer(one, INF)) == allowed for one in changed)
