"""A search makes the same tries by the same seed, counts every one, and goes on where it stopped."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import URL

from gamma.chaos.races.postgresql import database
from gamma.config import Config, load
from gamma.errors import InputInvalid
from gamma.feeds.contracts import cut
from gamma.feeds.importer import write_bars
from gamma.rehearsal import tuning
from gamma.rehearsal.figures import outcome
from gamma.rehearsal.play import play
from gamma.rehearsal.promotion import held
from gamma.rehearsal.promotion import load as load_files
from gamma.rehearsal.registry import Span
from gamma.rehearsal.space import Setting, parse
from gamma.rehearsal.tuning import Search, search
from tests.daemon_case import config_in, gamma, write_config
from tests.gamma.feeds.series_case import simulated

SERIES = simulated("MNQ", "2026-03-02", "2026-03-05")
VARIES = (parse("strategies.mnq.signal.entry_bars=4:12:2"), parse("strategies.mnq.signal.stop_atr=0.5:2.0"))


@pytest.fixture
def plan(tmp_path: Path) -> Search:
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    write_bars(SERIES, tmp_path / "MNQ.parquet")
    config_in(tmp_path)
    files = load_files([tmp_path / "MNQ.parquet"], "MNQ", None)

    def configured(settings: Mapping[str, Setting]) -> Config:
        return load(tmp_path / "config.toml", {}, dict(settings))

    return Search(
        configured=configured,
        strategy="mnq",
        varies=VARIES,
        folds=tuple(
            held(files, Span(market="MNQ", first=f"2026-03-0{day}", last=f"2026-03-0{day + 1}")) for day in (2, 4)
        ),
        trials=6,
        storage=f"sqlite:///{tmp_path}/tune.db",
        prune=False,
    )


def made(study: optuna.Study) -> list[tuple[dict[str, Any], float | None, TrialState]]:
    return [(one.params, one.value, one.state) for one in tuning.ended(study)]


def test_a_try_is_what_the_engine_makes_of_its_settings(plan: Search) -> None:
    study = search(replace(plan, trials=2))
    found = tuning.outcomes(study)
    for one in tuning.ended(study):
        config = plan.configured(one.params)
        played = [play(config, {"MNQ": fold.series}) for fold in plan.folds]
        assert found[tuning.name_of(one)] == outcome(played)
        assert one.value == outcome(played).sharpe_annual


def test_the_same_seed_makes_the_same_tries_in_one_go_or_in_several(plan: Search) -> None:
    whole = made(search(plan))
    parts = [made(search(replace(plan, study="in-parts", trials=count))) for count in (1, 4, 6)]
    assert parts[-1] == whole
    other = made(search(replace(plan, study="other-seed", seed=2)))
    assert [one[0] for one in other] != [one[0] for one in whole]


def test_every_try_is_counted_before_it_is_played(plan: Search) -> None:
    counted: list[str] = []

    def count(hashes: Sequence[str]) -> None:
        counted.extend(hashes)
        if len(counted) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(replace(plan, counted=count))
    assert len(set(counted)) == 4
    study = search(replace(plan, counted=counted.extend))
    assert len(tuning.ended(study)) == 6
    assert len(counted) == 7, "the one that was stopped is a try too"


def test_session_returns_stand_side_by_side(plan: Search) -> None:
    study = search(replace(plan, trials=3))
    sweep = tuning.sweep_of(study)
    assert sweep.names == ("trial_0", "trial_1", "trial_2")
    assert sweep.sessions == tuple(f"2026-03-0{day}" for day in range(2, 6))
    assert sweep.returns.shape == (4, 3)
    assert len(np.unique(sweep.returns)) > 3


def test_a_try_below_the_median_is_given_up_after_a_fold(plan: Search) -> None:
    study = search(replace(plan, prune=True, trials=12))
    states = [one.state for one in tuning.ended(study)]
    assert states[:5] == [TrialState.COMPLETE] * 5
    assert TrialState.PRUNED in states
    for one in tuning.ended(study):
        assert len(tuning.folds_of(one)) == (1 if one.state is TrialState.PRUNED else 2)
    assert len(tuning.outcomes(study)) == states.count(TrialState.COMPLETE)


def test_a_grid_tries_every_combination_once_and_ends(plan: Search) -> None:
    varies = (parse("strategies.mnq.signal.entry_bars=4,8"), parse("strategies.mnq.signal.stop_atr=0.5:1.5:0.5"))
    study = search(replace(plan, varies=varies, sampler="grid", trials=50))
    assert [tuple(one.params.values()) for one in tuning.ended(study)] == [
        (bars, stop) for bars in (4, 8) for stop in (0.5, 1.0, 1.5)
    ]


def test_settings_that_cannot_be_traded_with_are_a_try_that_failed(plan: Search) -> None:
    varies = (parse("strategies.mnq.signal.entry_bars=0,6"),)
    study = search(replace(plan, varies=varies, sampler="grid", trials=2))
    assert [one.state for one in tuning.ended(study)] == [TrialState.FAIL, TrialState.COMPLETE]


def test_a_study_of_something_else_is_refused(plan: Search) -> None:
    search(replace(plan, trials=1))
    days = plan.folds[0]
    other = replace(days, series=cut(days.series, 0, int(days.series.ts_open_utc_ns[50])), sha256="0" * 64)
    wrong: list[Callable[[], Search]] = [
        lambda: replace(plan, folds=(other,)),
        lambda: replace(plan, varies=VARIES[:1]),
        lambda: replace(plan, seed=9),
    ]
    for make in wrong:
        with pytest.raises(InputInvalid, match="another --study"):
            search(make())
    with pytest.raises(InputInvalid, match="known are tpe, random, grid"):
        search(replace(plan, sampler="guess"))
    with pytest.raises(InputInvalid, match="cannot be opened"):
        search(replace(plan, storage="no-url"))


@pytest.mark.slow
def test_two_processes_find_what_they_would_side_by_side(plan: Search) -> None:
    first, second = (search(replace(plan, study=name, jobs=2, trials=4)) for name in ("one", "two"))
    assert made(first) == made(second)
    alone = search(replace(plan, study="alone", trials=4, sampler="random"))
    beside = search(replace(plan, study="beside", trials=4, sampler="random", jobs=2))
    assert made(alone) == made(beside)


@pytest.mark.slow
def test_a_study_on_a_server_is_shared_by_several_searches(plan: Search, server: URL) -> None:
    with database(server, "gamma_tune") as url:
        shared = replace(plan, storage=str(url), trials=8)
        search(replace(shared, trials=1))
        with ThreadPoolExecutor(2) as pool:
            found, _ = pool.map(search, [shared, shared])
        ended = tuning.ended(found)
        assert len(ended) >= 8
        assert [one.number for one in ended] == list(range(len(ended)))
        assert len(tuning.sweep_of(found).names) == len(ended)


@pytest.mark.slow
@pytest.mark.usefixtures("plan")
def test_the_command_counts_its_tries_in_the_ledger_and_writes_their_returns(tmp_path: Path) -> None:
    command = (
        "tune", "--bars=MNQ.parquet", "--span=2026-03-02..2026-03-05", "--folds=2", "--trials=3", "--no-prune",
        "--vary=strategies.mnq.signal.entry_bars=4:12:2", "--returns=returns.csv", "--json",
    )  # fmt: skip
    done = gamma(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["complete"], told["trials"], told["family"]) == (
        3,
        len({str(c["settings"]) for c in told["candidates"]}),
        "breakout MNQ",
    )
    assert set(told["candidates"][0]["settings"]) == {"strategies.mnq.signal.entry_bars"}
    assert gamma(tmp_path, "evaluate", "overfitting", "returns.csv", "--blocks=2").returncode == 0
    again = gamma(tmp_path, *command, "--seed=2", "--study=other")
    assert json.loads(again.stdout)["trials"] >= told["trials"], again.stderr
