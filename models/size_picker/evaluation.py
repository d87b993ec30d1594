"""How pickers did on held-out trades, side by side with rules that know nothing of candles.

Trades overlap and come in clusters, so that a figure's 95 % interval is of a bootstrap of days, in blocks of a month in
the mean; the same days are drawn for all, and so differences are paired. The interval of a liquidation rate is Clopper
and Pearson's, as if trades were independent: where they overlap it is too narrow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from gamma.curves import By, SizeCurve, chosen
from gamma.errors import InputInvalid
from gamma.stats.proportions import clopper_pearson
from models.size_picker import calibration, conformal, form, rivals
from models.size_picker.calibration import Reliability
from models.size_picker.conformal import Conformal, Level
from models.size_picker.form import Flags, Floats, Ints, Picker, Trades
from models.size_picker.samples import Days

Kind = Literal["model", "conformal", "adaptive", "rule", "hindsight"]
LIMITS: Final = tuple(float(limit) for limit in np.geomspace(0.001, 0.5, 19))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure and its 95 % interval; NaN where it has none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entrant:
    """Who picks, by what, and the risk up to which he may: 1 for a rule that has its own limit.

    With a `step` the bounds of its conformal layer are adapted by so much a trade, in the order of time.
    """

    name: str
    kind: Kind
    picker: Picker
    ruin_max: float = 1.0
    step: float = 0.0
    by: By = "growth"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taken:
    """What was picked of each trade, and what it came to. Shapes: [N] each."""

    lots: Ints
    leverage: Floats
    ruined: Flags
    returns: Floats
    growth: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one did on all trades; of those that it left alone the return is 0.

    `regret_*` is how much log growth a trade it fell short of the best size in hindsight, and of the rules.
    """

    name: str
    kind: Kind
    ruin_max: float
    trades: int
    zero_frac: float
    lots_mean: float
    leverage_mean: float
    ruin_rate: Figure
    return_mean: float
    growth_mean: Figure
    regret_hindsight: float
    regret_fixed: float
    regret_mae: float
    brier: float
    ece: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """How much more log growth a trade the first made than the other on the same trades, and how often each was ruined.

    `stands` is whether the first made more, beyond its interval, at the same liquidation rate or a lower one.
    """

    name: str
    other: str
    ahead: Figure
    ruin_rate: float
    ruin_rate_other: float

    @property
    def stands(self) -> bool:
        return self.ahead.low > 0.0 and self.ruin_rate <= self.ruin_rate_other


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """All that was found on one set of trades, at one limit of risk."""

    trades_name: str
    ts_first_utc_ns: int
    ts_last_utc_ns: int
    ruin_max: float
    rows: Sequence[Row]
    pairs: Sequence[Pair]
    reliability: Mapping[str, Reliability] = field(default_factory=dict)
    frontiers: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


def pick(entrant: Entrant, trades: Trades, curve: SizeCurve) -> Taken:
    """What an entrant takes of each trade, by its curve of them."""
    if entrant.step and isinstance(entrant.picker, Conformal):
        start = Level(alpha=entrant.ruin_max, level=entrant.ruin_max, step=entrant.step)
        own = conformal.own_p_values(entrant.picker, trades)
        found = conformal.levels(own, trades.ts_entry_utc_ns, trades.ts_exit_utc_ns, start)
        curve = replace(curve, ruin_bound=conformal.adapted(curve.ruin_bound, found, entrant.ruin_max))
    return took(trades, np.asarray(chosen(curve, entrant.ruin_max, entrant.by), dtype=np.int64))


def curves(entrants: Sequence[Entrant], trades: Trades) -> dict[str, SizeCurve]:
    """The curve of each entrant, by its name; what stands under several of them is asked once."""
    shown, asked, found = form.shown(trades), {}, {}
    for one in entrants:
        bare = one.picker.picker if isinstance(one.picker, Conformal) else one.picker
        if id(bare) not in asked:
            asked[id(bare)] = bare.curve(shown)
        curve = asked[id(bare)]
        found[one.name] = one.picker.bounded(curve, shown) if isinstance(one.picker, Conformal) else curve
    return found


def entrants(picker: Picker, ruin_max: float, by: By = "growth") -> list[Entrant]:
    """A model, and where it has a conformal layer the model without it, with it, and with it adapted."""
    if not isinstance(picker, Conformal):
        return [Entrant(name=picker.name, kind="model", picker=picker, ruin_max=ruin_max, by=by)]
    bare = picker.picker
    layered = Entrant(name=picker.name, kind="conformal", picker=picker, ruin_max=ruin_max, by=by)
    return [
        Entrant(name=bare.name, kind="model", picker=bare, ruin_max=ruin_max, by=by),
        layered,
        replace(layered, name=f"{bare.name} + adaptive", kind="adaptive", step=conformal.STEP),
    ]


def took(trades: Trades, lots: Ints) -> Taken:
    """What so many lots of each trade came to.

    Raises: InputInvalid where a size was taken that leverage does not allow.
    """
    rows = np.arange(len(trades))
    if not bool(trades.allowed[rows, lots].all()):
        at = int(np.argmin(trades.allowed[rows, lots]))
        raise InputInvalid(
            f"trade {at}: {lots[at]} lots were picked, which its leverage does not allow; mend the picker"
        )
    return Taken(
        lots=lots,
        leverage=form.shown(trades).leverage[rows, lots],
        ruined=trades.ruined[rows, lots],
        returns=trades.returns[rows, lots],
        growth=rivals.growth(trades.returns[rows, lots]),
    )


def judge(name: str, trades: Trades, entrants: Sequence[Entrant], first: str, ruin_max: float) -> Judged:
    """Every entrant on the same trades, and `first` held against each of the others.

    `fixed` and `mae` of the regrets are the entrants called as `rivals` calls them; NaN where there is none.

    Raises: InputInvalid where there are no trades, or weights say that the mix is not natural.
    """
    if not len(trades) or np.ptp(trades.weights) > 0.0:
        raise InputInvalid(f"{name}: give trades in their natural mix, and some")
    asked = curves(entrants, trades)
    taken = {one.name: pick(one, trades, asked[one.name]) for one in entrants}
    taken["hindsight"] = took(trades, rivals.hindsight(trades))
    told = {one.name: calibration.predicted(one.name, asked[one.name], trades) for one in entrants}
    best = Entrant(name="hindsight", kind="hindsight", picker=rivals.none(trades.adverse_frac))
    days = Days.drawn(trades)
    return Judged(
        trades_name=name,
        ts_first_utc_ns=int(trades.ts_entry_utc_ns.min()),
        ts_last_utc_ns=int(trades.ts_entry_utc_ns.max()),
        ruin_max=ruin_max,
        rows=[_row(one, taken, days, told.get(one.name)) for one in (*entrants, best)],
        pairs=[_pair(first, one.name, taken, days) for one in entrants if first in taken and one.name != first],
        reliability={one.name: calibration.reliability(told[one.name]) for one in entrants if one.kind == "model"},
        frontiers={one.name: frontier(asked[one.name], trades, one.by) for one in entrants if one.kind == "conformal"}
        | {"fixed leverage": leverage_frontier(trades)},
    )


def frontier(curve: SizeCurve, trades: Trades, by: By = "growth") -> list[tuple[float, float]]:
    """Liquidation rate and mean log growth by a curve at limits of risk from 0.1 % to 50 %."""
    every = (took(trades, np.asarray(chosen(curve, limit, by), dtype=np.int64)) for limit in LIMITS)
    return [(float(np.mean(one.ruined)), float(np.mean(one.growth))) for one in every]


def leverage_frontier(trades: Trades) -> list[tuple[float, float]]:
    """The same of fixed leverages from 0 to 20."""
    every = (rivals.Rule(name="", of="leverage", limit=n / 2.0, past=trades.adverse_frac[:1]) for n in range(41))
    made = (took(trades, rivals.taken(rule, trades)) for rule in every)
    return [(float(np.mean(one.ruined)), float(np.mean(one.growth))) for one in made]


def rules(train: Trades, ruin_max: float) -> list[Entrant]:
    """The rules, each fitted to past trades: free, and ruined there no more often than the limit."""
    limited = f", {ruin_max:.0%} at most"
    free = (
        rivals.none(train.adverse_frac),
        rivals.most(train.adverse_frac),
        rivals.best_fixed(train),
        rivals.best_in_ranges(train),
        rivals.mae_quantile(train, ruin_max),
        rivals.mae_quantile(train, ruin_max, "ranges"),
    )
    bound = (rivals.best_fixed(train, ruin_max), rivals.best_in_ranges(train, ruin_max))
    return [
        *(Entrant(name=rule.name, kind="rule", picker=rule) for rule in free),
        *(Entrant(name=rule.name + limited, kind="rule", picker=rule) for rule in bound),
    ]


def matched(train: Trades, trades: Trades, ruin_rate: float, of: rivals.Of = "leverage") -> Entrant:
    """The boldest rule, in hindsight, whose liquidation rate on these trades is not above another's.

    It stands for "the same risk, without looking at candles": no rule could have known that leverage beforehand.
    """
    past = np.sort(train.adverse_frac)
    name = "fixed leverage of the same rate" if of == "leverage" else "leverage by ranges of the same rate"
    tried = (rivals.Rule(name=name, of=of, limit=float(limit), past=past) for limit in rivals.grid(of))
    found = next(rule for rule in tried if np.mean(took(trades, rivals.taken(rule, trades)).ruined) <= ruin_rate)
    return Entrant(name=name, kind="rule", picker=found)


def later(trades: Trades, ts_utc_ns: int) -> Trades:
    """The trades that began after this instant: purged of all that overlaps what ended with it."""
    return trades.of(trades.ts_entry_utc_ns > ts_utc_ns)


def interval(values: Floats, days: Days) -> Figure:
    """The mean of a value of each trade, and its interval by the bootstrap of days. Shapes: [N]."""
    sums = np.bincount(days.of, values, days.times.shape[1])
    low, high = np.quantile(days.times @ sums / days.trades, [0.025, 0.975])
    return Figure(value=float(np.mean(values)), low=float(low), high=float(high))


def _row(one: Entrant, taken: Mapping[str, Taken], days: Days, told: calibration.Predictions | None) -> Row:
    own, count = taken[one.name], len(days.of)
    growth = float(np.mean(own.growth))

    def regret(other: str) -> float:
        return float(np.mean(taken[other].growth)) - growth if other in taken else float("nan")

    return Row(
        name=one.name,
        kind=one.kind,
        ruin_max=one.ruin_max,
        trades=count,
        zero_frac=float(np.mean(own.lots == 0)),
        lots_mean=float(np.mean(own.lots)),
        leverage_mean=float(np.mean(own.leverage)),
        ruin_rate=rate(int(own.ruined.sum()), count),
        return_mean=float(np.mean(own.returns)),
        growth_mean=interval(own.growth, days),
        regret_hindsight=regret("hindsight"),
        regret_fixed=regret("best fixed leverage"),
        regret_mae=regret("MAE quantile"),
        brier=calibration.brier(told) if told else float("nan"),
        ece=calibration.reliability(told).ece if told else float("nan"),
    )


def rate(count: int, of: int) -> Figure:
    """A share and its interval by Clopper and Pearson."""
    low, high = clopper_pearson(count, of)
    return Figure(value=count / of, low=low, high=high)


def _pair(first: str, other: str, taken: Mapping[str, Taken], days: Days) -> Pair:
    one, two = taken[first], taken[other]
    return Pair(
        name=first,
        other=other,
        ahead=interval(one.growth - two.growth, days),
        ruin_rate=float(np.mean(one.ruined)),
        ruin_rate_other=float(np.mean(two.ruined)),
    )
