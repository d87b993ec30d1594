"""Several candidates walked forward: each fold chooses one on its training, and what it makes on the test counts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from gamma import calendar, stats
from gamma.assembly import assemble
from gamma.config import Config
from gamma.errors import InputInvalid
from gamma.feeds.contracts import cut as cut_bars
from gamma.feeds.held import HeldFeed
from gamma.feeds.inspection import sessions_of
from gamma.feeds.series import Series
from gamma.history.figures import SESSIONS_A_YEAR, Figure, known
from gamma.rehearsal.folds import Plan, folds
from gamma.rehearsal.promotion import Held, compare
from gamma.rehearsal.registry import Span
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
    """The candidates, the folds, and what was made on the tests put in a row. Shapes: `sessions`, `made` [T]."""

    names: tuple[str, ...]
    plan: Plan
    steps: tuple[Step, ...]
    start_usd: float
    sessions: tuple[str, ...]
    made: Floats


def sessions_needed(config: Config, series: Series) -> int:
    """How many sessions the strategies' sources look back over, whole ones; one at least."""
    assembly = assemble(config, state_path=None, feed=HeldFeed({series.market: series}))
    bars = max(seat.source.bars_needed for seat in assembly.seats[series.market])
    numbers = sessions_of(series)
    _, counts = np.unique(numbers[numbers >= 0], return_counts=True)
    return max(1, math.ceil(bars / float(np.median(counts)))) if len(counts) else 1


def sessions_of_bars(days: Held) -> list[str]:
    """The trading days of the span that have bars."""
    opened = np.unique(sessions_of(days.series))
    opens, _ = calendar.bounds(days.series.market)
    found = [calendar.session_at(days.series.market, int(opens[n])) for n in opened if n >= 0]
    return [one.date for one in found if one is not None]


def rehearsed(
    configs: Mapping[str, Config], days: Held, plan: Plan, jobs: int, told: Callable[[], None] = lambda: None
) -> Walk:
    """Walk the candidates forward over the bars of a span.

    Every training and every test is rehearsed by itself, in an account that begins anew. The sessions between are
    traded before a test, so that its strategy is warm, and do not count.
    Raises: InputInvalid when there are too few sessions.
    """
    sessions = sessions_of_bars(days)
    cut = folds(len(sessions), plan)
    trains = [_part(days, sessions[fold.train[0]], sessions[fold.train[1] - 1]) for fold in cut]
    played = compare(configs, trains, jobs, told)
    trained = [{name: each[n].history.session_returns for name, each in played.items()} for n in range(len(cut))]
    start_usd = next(iter(played.values()))[0].history.start_usd

    def test(n: int, name: str) -> Floats:
        first, last = cut[n].test
        part = _part(days, sessions[cut[n].train[1]], sessions[last - 1])
        history = compare({name: configs[name]}, [part], 1, told)[name][0].history
        return history.session_returns[[day >= sessions[first] for day in history.sessions]]

    return walk(sessions, plan, start_usd, trained, test)


def walk(
    sessions: Sequence[str],
    plan: Plan,
    start_usd: float,
    trained: Sequence[Mapping[str, Floats]],
    test: Callable[[int, str], Floats],
) -> Walk:
    """Choose the best Sharpe ratio of each training, and look at that candidate's test alone.

    `trained` are the session returns of every candidate on each training, `test` gives those of one on a test. One
    without spread counts as 0: to do nothing is better than to lose.
    """
    steps, made = [], []
    cut = folds(len(sessions), plan)
    for n, fold in enumerate(cut):
        sharpes = {name: _sharpe(returns) for name, returns in trained[n].items()}
        chosen = max(sharpes, key=lambda name: sharpes[name])
        own = test(n, chosen)
        steps.append(
            Step(
                chosen=chosen,
                train=_days(sessions, fold.train),
                test=_days(sessions, fold.test),
                train_sharpe_annual=sharpes[chosen],
                test_sharpe_annual=stats.sharpe_annual(own, SESSIONS_A_YEAR),
                train_pnl_per_session_usd=stats.mean(trained[n][chosen]) * start_usd,
                test_pnl_per_session_usd=stats.mean(own) * start_usd,
            )
        )
        made.append(own)
    return Walk(
        names=tuple(trained[0]),
        plan=plan,
        steps=tuple(steps),
        start_usd=start_usd,
        sessions=tuple(sessions[cut[0].test[0] :]),
        made=np.concatenate(made),
    )


def figures(walked: Walk, trials: int) -> list[Figure]:
    """What the tests came to, put in a row, and how much of the training was left."""
    made, steps = walked.made, walked.steps
    seen = stats.moments(made)
    counted = max(trials, len(walked.names))
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


def _sharpe(returns: Floats) -> float:
    found = stats.sharpe_annual(returns, SESSIONS_A_YEAR)
    return found if math.isfinite(found) else 0.0


def _part(days: Held, first: str, last: str) -> Held:
    market = days.series.market
    edges = calendar.sessions(market, first, last)
    series = cut_bars(days.series, edges[0].ts_open_utc_ns, edges[-1].ts_close_utc_ns)
    return replace(days, span=Span(market=market, first=first, last=last), series=series)


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
