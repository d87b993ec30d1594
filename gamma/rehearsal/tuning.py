"""Searches over settings with Optuna: each try is rehearsed fold by fold, and every one of them is counted."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Final, final

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from gamma import stats
from gamma.assembly import assemble
from gamma.config import Config
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.feeds.held import HeldFeed
from gamma.history.figures import deepest
from gamma.rehearsal.backtest import on_paper
from gamma.rehearsal.evaluation import Subject, subject_of
from gamma.rehearsal.figures import Outcome
from gamma.rehearsal.play import play
from gamma.rehearsal.promotion import Held
from gamma.rehearsal.space import Setting, Vary, grid
from gamma.rehearsal.sweep import Sweep

# A try that never traded, or lost in every session alike, has no Sharpe ratio: any other is better.
NO_SHARPE: Final = -99.0
SAMPLERS: Final = ("tpe", "random", "grid")
ENDED: Final = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
_PRUNE_FROM: Final = 5


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """What is searched, over which days, and how; `configured` makes the configuration of some settings.

    A try is judged on each of `folds` anew, in their order. `counted` is told the hash of each try before it is
    played. `first` are settings to begin with.
    """

    configured: Callable[[Mapping[str, Setting]], Config]
    strategy: str
    varies: tuple[Vary, ...]
    folds: tuple[Held, ...]
    trials: int
    seed: int = 1
    sampler: str = "tpe"
    prune: bool = True
    jobs: int = 1
    storage: str = "sqlite:///tune.db"
    study: str = "tune"
    counted: Callable[[Sequence[str]], None] = lambda _: None
    first: tuple[Mapping[str, Setting], ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """What a try did on one fold. Shapes: `returns` [S]."""

    sessions: tuple[str, ...]
    returns: tuple[float, ...]
    trades: int
    net_pnl_usd: float
    drawdown_usd: float


@final
@dataclass(slots=True, kw_only=True, eq=False)
class _Try:
    """A try under way; `standing` is why it goes no further."""

    trial: Trial
    config: Config | None
    folds: list[Fold]
    standing: str = ""


def search(plan: Search, told: Callable[[int], None] = lambda _: None) -> optuna.Study:
    """Go on until the study has so many tries that ended; `told` hears how many.

    The same seed and `jobs` give the same tries, whether they are made in one go or several.

    Raises: InputInvalid when the study is of something else; ConfigInvalid when no settings can be traded with.
    """
    study = _study(plan)
    with _workers(plan) as workers:
        while (left := plan.trials - len(ended(study))) > 0:
            before = len(ended(study))
            _round(plan, study, workers, min(plan.jobs, left))
            if len(ended(study)) == before:
                return study
            told(len(ended(study)))
    return study


def ended(study: optuna.Study) -> list[FrozenTrial]:
    """The tries that ended, by their number."""
    return study.get_trials(deepcopy=False, states=ENDED)


def outcomes(study: optuna.Study) -> dict[str, Outcome]:
    """What each try that was played to its end came to, by its name."""
    return {name_of(one): outcome_of(folds_of(one)) for one in _whole(study)}


def sweep_of(study: optuna.Study) -> Sweep:
    """Session returns of all tries that were played to their end, one column each.

    Raises: InputInvalid where there is none.
    """
    whole = _whole(study)
    if not whole:
        raise InputInvalid("no try was played to its end; give more --trials, or --no-prune")
    told = [folds_of(one) for one in whole]
    columns = [[value for fold in folds for value in fold.returns] for folds in told]
    return Sweep(
        names=tuple(name_of(one) for one in whole),
        sessions=tuple(day for fold in told[0] for day in fold.sessions),
        returns=np.array(columns, dtype=np.float64).T,
    )


def name_of(one: FrozenTrial) -> str:
    """How a try is called."""
    return f"trial_{one.number}"


def outcome_of(folds: Sequence[Fold]) -> Outcome:
    """Folds as one record."""
    return Outcome(
        seen=stats.moments(np.array([value for fold in folds for value in fold.returns], dtype=np.float64)),
        trades=sum(fold.trades for fold in folds),
        net_pnl_usd=sum(fold.net_pnl_usd for fold in folds),
        drawdown_usd=max(fold.drawdown_usd for fold in folds),
    )


def folds_of(one: FrozenTrial) -> list[Fold]:
    """What is kept of a try."""
    return [
        Fold(**{**fold, "sessions": tuple(fold["sessions"]), "returns": tuple(fold["returns"])})
        for fold in one.user_attrs.get("folds", [])
    ]


def _whole(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _study(plan: Search) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if plan.sampler not in SAMPLERS:
        raise InputInvalid(f"sampler {plan.sampler!r}: known are {', '.join(SAMPLERS)}")
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_PRUNE_FROM) if plan.prune else optuna.pruners.NopPruner()
    try:
        # No connection outlives what is asked through it: a search may be let go at any time.
        storage = optuna.storages.RDBStorage(plan.storage, engine_kwargs={"poolclass": NullPool})
        study = optuna.create_study(
            study_name=plan.study, storage=storage, direction="maximize", pruner=pruner, load_if_exists=True
        )
    except (ImportError, ValueError, SQLAlchemyError) as error:
        raise InputInvalid(f"storage {plan.storage!r} cannot be opened: {error}") from error
    of = _fingerprint(plan)
    known = study.user_attrs.get("of")
    if known is None:
        for settings in (*plan.first, *(grid(plan.varies) if plan.sampler == "grid" else ())):
            study.enqueue_trial(dict(settings), skip_if_exists=True)
        study.set_user_attr("of", of)
    elif known != of:
        raise InputInvalid(
            f"study {plan.study!r} in {plan.storage} is of other bars, another space or another configuration; give "
            "another --study"
        )
    return study


def _fingerprint(plan: Search) -> str:
    subject = subject_of(plan.configured({}), plan.strategy)
    told = [
        subject.sha256,
        sorted(map(repr, plan.varies)),
        [[str(one.span), one.sha256] for one in plan.folds],
        plan.seed,
    ]
    return hashlib.sha256(json.dumps([*told, plan.sampler, plan.prune]).encode()).hexdigest()


def _round(plan: Search, study: optuna.Study, workers: Executor | None, count: int) -> None:
    """Some tries side by side: each fold of all of them, then which of them go on."""
    tries = [one for _ in range(count) if (one := _asked(plan, study)) is not None]
    playing = [one for one in tries if one.config is not None]
    subjects = {id(one): subject_of(one.config, plan.strategy) for one in playing if one.config is not None}
    if playing:
        plan.counted([subject.sha256 for subject in subjects.values()])
    for number in range(len(plan.folds)):
        living = [one for one in playing if not one.standing]
        found = _played(workers, [(subjects[id(one)], number) for one in living], plan)
        for one, fold in zip(living, found, strict=True):
            one.folds.append(fold)
            one.trial.report(_value(one.folds), number)
            if plan.prune and number + 1 < len(plan.folds) and one.trial.should_prune():
                one.standing = "pruned"
    for one in tries:
        _end(study, one)


def _end(study: optuna.Study, one: _Try) -> None:
    if one.config is None:
        study.tell(one.trial, state=TrialState.FAIL)
        return
    one.trial.set_user_attr("folds", [{name: getattr(fold, name) for name in Fold.__slots__} for fold in one.folds])
    if one.standing:
        study.tell(one.trial, state=TrialState.PRUNED)
    else:
        study.tell(one.trial, _value(one.folds))


def _asked(plan: Search, study: optuna.Study) -> _Try | None:
    """The next try; None where a grid has no more. What is drawn goes by its number alone."""
    if plan.sampler == "grid" and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        return None
    trial = study.ask()
    seed = int.from_bytes(hashlib.sha256(f"{plan.seed} {trial.number}".encode()).digest()[:4])
    study.sampler = (
        optuna.samplers.TPESampler(seed=seed) if plan.sampler == "tpe" else optuna.samplers.RandomSampler(seed=seed)
    )
    settings = {one.path: _drawn(trial, one) for one in plan.varies}
    try:
        days = plan.folds[0].series
        config = on_paper(plan.configured(settings), [days.market])
        assemble(subject_of(config, plan.strategy).config, state_path=None, feed=HeldFeed({days.market: days}))
    except ConfigInvalid as error:
        trial.set_user_attr("refused", str(error))
        return _Try(trial=trial, config=None, folds=[])
    return _Try(trial=trial, config=config, folds=[])


def _drawn(trial: Trial, vary: Vary) -> Setting:
    if vary.choices:
        chosen: Any = trial.suggest_categorical(vary.path, vary.choices)
        found: Setting = chosen
        return found
    if vary.whole:
        return trial.suggest_int(vary.path, int(vary.low), int(vary.high), step=int(vary.step) or 1, log=vary.log)
    return trial.suggest_float(vary.path, vary.low, vary.high, step=vary.step or None, log=vary.log)


def _value(folds: Sequence[Fold]) -> float:
    sharpe = outcome_of(folds).sharpe_annual
    return sharpe if math.isfinite(sharpe) else NO_SHARPE


# --- playing ----------------------------------------------------------------------------------------


@contextmanager
def _workers(plan: Search) -> Iterator[Executor | None]:
    """Processes that hold the bars; None where one try is played at a time, in this one."""
    if plan.jobs == 1:
        yield None
        return
    with ProcessPoolExecutor(
        plan.jobs, mp_context=get_context("spawn"), initializer=_hold, initargs=(plan.folds,)
    ) as pool:
        yield pool


_FOLDS: list[Held] = []


def _hold(folds: Sequence[Held]) -> None:
    _FOLDS[:] = folds


def _played(workers: Executor | None, tasks: Sequence[tuple[Subject, int]], plan: Search) -> list[Fold]:
    if workers is None:
        return [_fold(subject.config, plan.folds[number]) for subject, number in tasks]
    return list(workers.map(_fold_held, [subject.config for subject, _ in tasks], [number for _, number in tasks]))


def _fold_held(config: Config, number: int) -> Fold:
    return _fold(config, _FOLDS[number])


def _fold(config: Config, days: Held) -> Fold:
    told = play(config, {days.series.market: days.series}).history
    returns: list[Any] = told.session_returns.tolist()
    return Fold(
        sessions=told.sessions,
        returns=tuple(returns),
        trades=len(told.trades),
        net_pnl_usd=told.end_usd - told.start_usd,
        drawdown_usd=deepest(told).depth_usd,
    )
