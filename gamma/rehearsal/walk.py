"""Several candidates walked forward: each fold chooses one on its training, and what it makes on the test counts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from gamma import stats
from gamma.assembly import assemble
from gamma.config import Config
from gamma.errors import InputInvalid
from gamma.feeds.held import HeldFeed
from gamma.feeds.inspection import sessions_of
from gamma.feeds.series import Series
from gamma.history.figures import SESSIONS_A_YEAR, Figure, known
from gamma.rehearsal.folds import Fold, Plan, folds
from gamma.rehearsal.promotion import Held, compare
from gamma.rehearsal.sweep import Sweep, of_histories
from gamma.stats import Floats


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One fold: what was chosen, on which days, and its daily Sharpe ratio a year and P&L there and on the test."""

    chosen: str
    train: tuple[str, str]
    test: tuple[str, str]
    train_sharpe_annual: float
    test_sharpe_annual: float
    train_pnl_per_session_usd: float
    test_pnl_per_session_usd: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walk:
    """All candidates over all sessions, the folds, and what was made on the tests put in a row. Shapes: `made` [T]."""

    sweep: Sweep
    plan: Plan
    steps: tuple[Step, ...]
    start_usd: float
    made: Floats


def sessions_needed(config: Config, series: Series) -> int:
    """How many sessions the strategies' sources look back over, whole ones; one at least."""
    assembly = assemble(config, state_path=None, feed=HeldFeed({series.market: series}))
    bars = max(seat.source.bars_needed for seat in assembly.seats[series.market])
    numbers = sessions_of(series)
    _, counts = np.unique(numbers[numbers >= 0], return_counts=True)
    return max(1, math.ceil(bars / float(np.median(counts)))) if len(counts) else 1


def sweep_of(
    configs: Mapping[str, Config], days: Held, jobs: int, told: Callable[[], None] = lambda: None
) -> tuple[Sweep, float]:
    """Each candidate rehearsed once over the span, in an account of its own; and the capital that it began with."""
    played = compare(configs, [days], jobs, told)
    histories = {name: [one.history for one in each] for name, each in played.items()}
    return of_histories(histories), next(iter(histories.values()))[0].start_usd


def walk(sweep: Sweep, start_usd: float, plan: Plan) -> Walk:
    """Choose the best Sharpe ratio on the training of each fold; one without spread counts as 0 there.

    Raises: InputInvalid when there are too few sessions.
    """
    cut = folds(len(sweep.sessions), plan)
    steps, made = [], []
    for fold in cut:
        step, returns = _step(sweep, start_usd, fold)
        steps.append(step)
        made.append(returns)
    return Walk(sweep=sweep, plan=plan, steps=tuple(steps), start_usd=start_usd, made=np.concatenate(made))


def figures(walked: Walk, trials: int) -> list[Figure]:
    """What the tests came to, put in a row, and how much of the training was left."""
    made, steps = walked.made, walked.steps
    seen = stats.moments(made)
    counted = max(trials, len(walked.sweep.names))
    low, high = stats.bootstrap(made, lambda x: stats.sharpe_annual(x, SESSIONS_A_YEAR))
    mean = stats.bootstrap(made * walked.start_usd, stats.mean)
    before = stats.mean([one.train_pnl_per_session_usd for one in steps])
    after = stats.mean(made) * walked.start_usd
    return known(
        [
            Figure(name="folds", value=len(steps)),
            Figure(name="sessions", value=len(made)),
            Figure(name="net_pnl_usd", value=float(made.sum()) * walked.start_usd),
            Figure(name="pnl_per_session_usd", value=after, low=mean[0], high=mean[1]),
            Figure(name="train_pnl_per_session_usd", value=before),
            Figure(name="left_of_training_frac", value=after / before if before > 0 else math.nan),
            Figure(name="sharpe_annual", value=stats.sharpe_annual(made, SESSIONS_A_YEAR), low=low, high=high),
            Figure(name="folds_won", value=sum(one.test_pnl_per_session_usd > 0 for one in steps)),
            Figure(name="trials", value=counted),
            Figure(name="dsr_prob", value=stats.deflated_sharpe(seen, counted, 1.0 / max(1, len(made)))),
        ]
    )


def _step(sweep: Sweep, start_usd: float, fold: Fold) -> tuple[Step, Floats]:
    train, test = sweep.returns[slice(*fold.train)], sweep.returns[slice(*fold.test)]
    sharpes = np.nan_to_num(_sharpes(train))
    best = int(np.argmax(sharpes))
    own = test[:, best]
    step = Step(
        chosen=sweep.names[best],
        train=_days(sweep.sessions, fold.train),
        test=_days(sweep.sessions, fold.test),
        train_sharpe_annual=float(sharpes[best]),
        test_sharpe_annual=stats.sharpe_annual(own, SESSIONS_A_YEAR),
        train_pnl_per_session_usd=float(train[:, best].mean()) * start_usd,
        test_pnl_per_session_usd=float(own.mean()) * start_usd,
    )
    return step, own


def _sharpes(returns: Floats) -> Floats:
    return np.array([stats.sharpe_annual(column, SESSIONS_A_YEAR) for column in returns.T])


def _days(sessions: Sequence[str], rows: tuple[int, int]) -> tuple[str, str]:
    return sessions[rows[0]], sessions[rows[1] - 1]


def plan_of(needed: int, purge: int | None, plan: Plan) -> Plan:
    """The plan with the purge that was asked for, or as much as the strategies look back.

    Raises: InputInvalid when less is asked for.
    """
    if purge is not None and purge < needed:
        raise InputInvalid(f"--purge {purge}: the strategies look back over {needed} sessions; purge as many at least")
    return Plan(
        folds=plan.folds,
        train=plan.train,
        purge=needed if purge is None else purge,
        embargo=plan.embargo,
        anchored=plan.anchored,
    )
