"""Folds and walking forward, by hand."""

from pathlib import Path

import numpy as np
import pytest

from gamma import calendar, stats
from gamma.config import load
from gamma.errors import InputInvalid
from gamma.feeds.contracts import cut
from gamma.rehearsal.folds import Fold, Plan, folds
from gamma.rehearsal.play import rehearse
from gamma.rehearsal.promotion import NAME, BarFile, whole
from gamma.rehearsal.sweep import Sweep
from gamma.rehearsal.walk import Walk, figures, plan_of, rehearsed, sessions_needed, sessions_of_bars, walk
from tests.daemon_case import config_in, write_config
from tests.gamma.feeds.series_case import made, simulated

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
PLAN = Plan(folds=3, train=10, purge=2, embargo=1)


def test_every_test_follows_its_training_with_a_gap_between() -> None:
    assert folds(24, PLAN) == [
        Fold(train=(0, 10), test=(13, 17)),
        Fold(train=(4, 14), test=(17, 21)),
        Fold(train=(8, 18), test=(21, 24)),
    ]


def test_anchored_training_keeps_its_beginning() -> None:
    found = folds(24, Plan(folds=3, train=10, purge=2, embargo=1, anchored=True))
    assert [one.train for one in found] == [(0, 10), (0, 14), (0, 18)]


@pytest.mark.parametrize("plan", [PLAN, Plan(folds=5, train=3, purge=0, embargo=0)])
def test_tests_never_overlap_and_never_meet_what_they_were_chosen_on(plan: Plan) -> None:
    for sessions in range(plan.train + plan.purge + plan.embargo + plan.folds, 60):
        found = folds(sessions, plan)
        assert [one.test[1] for one in found[:-1]] == [one.test[0] for one in found[1:]]
        assert found[-1].test[1] == sessions
        assert all(one.test[0] - one.train[1] == plan.purge + plan.embargo for one in found)
        assert all(one.train[0] >= 0 for one in found)


def test_too_few_sessions_are_refused() -> None:
    with pytest.raises(InputInvalid, match="15 sessions are too few for 3 folds"):
        folds(15, PLAN)
    with pytest.raises(InputInvalid, match="one fold and two sessions"):
        folds(15, Plan(folds=0, train=10, purge=0, embargo=0))


def test_the_purge_is_no_shorter_than_what_is_looked_back_on() -> None:
    assert plan_of(3, None, PLAN).purge == 3
    assert plan_of(3, 5, PLAN).purge == 5
    with pytest.raises(InputInvalid, match="look back over 3 sessions"):
        plan_of(3, 2, PLAN)


SWEEP = Sweep(
    names=("early", "late"),
    sessions=tuple(f"day {n:02}" for n in range(24)),
    returns=np.column_stack([np.tile([0.02, 0.01], 12), np.tile([-0.01, 0.0], 12)])
    * np.where(np.arange(24) < 12, 1.0, -1.0)[:, None],
)


def by_hand(sweep: Sweep) -> Walk:
    """Walked forward on returns that are the same whatever came before."""
    cut = folds(24, PLAN)
    columns = dict(zip(sweep.names, sweep.returns.T, strict=True))
    trained = [{name: own[slice(*fold.train)] for name, own in columns.items()} for fold in cut]
    return walk(sweep.sessions, PLAN, 1_000.0, trained, lambda n, name: columns[name][slice(*cut[n].test)])


def test_each_fold_counts_only_what_its_choice_made_on_the_test() -> None:
    found = by_hand(SWEEP)
    assert [one.chosen for one in found.steps] == ["early", "early", "late"]
    assert [one.test for one in found.steps] == [("day 13", "day 16"), ("day 17", "day 20"), ("day 21", "day 23")]
    expected = [*SWEEP.returns[13:21, 0], *SWEEP.returns[21:24, 1]]
    assert found.made.tolist() == expected
    assert found.sessions == SWEEP.sessions[13:]
    assert found.steps[0].train_pnl_per_session_usd == pytest.approx(15.0)
    told = {one.name: one.value for one in figures(found, trials=7)}
    assert told["net_pnl_usd"] == pytest.approx(1_000 * sum(expected))
    assert (told["folds"], told["sessions"], told["trials"], told["folds_won"]) == (3, 11, 7, 1)
    assert told["sharpe_annual"] == stats.sharpe_annual(expected, 252)


def test_a_choice_does_not_change_with_what_comes_after_its_training() -> None:
    later = SWEEP.returns.copy()
    later[14:] *= -3
    other = Sweep(names=SWEEP.names, sessions=SWEEP.sessions, returns=later)
    assert [one.chosen for one in by_hand(other).steps][:2] == [one.chosen for one in by_hand(SWEEP).steps][:2]


def test_to_do_nothing_is_better_than_to_lose() -> None:
    idle = Sweep(
        names=("loses", "idle"),
        sessions=SWEEP.sessions,
        returns=np.column_stack([np.tile([-0.02, -0.01], 12), np.zeros(24)]),
    )
    assert {one.chosen for one in by_hand(idle).steps} == {"idle"}


def test_every_test_begins_anew_and_is_warm(tmp_path: Path) -> None:
    series = simulated("MNQ", "2026-03-02", "2026-03-13", 900)
    write_config(tmp_path, strategies={"mnq": "MNQ"})
    config = config_in(tmp_path)
    config = config.model_copy(update={"strategies": (config.strategy("mnq").model_copy(update={"name": NAME}),)})
    days = whole([BarFile(series=series, name="x", sha256="")])
    found = rehearsed({"only": config}, days, Plan(folds=2, train=4, purge=1, embargo=1), 1)
    days_of = sessions_of_bars(days)
    assert (len(days_of), found.sessions) == (10, tuple(days_of[6:]))
    edges = calendar.sessions("MNQ", days_of[4], days_of[7])
    alone = rehearse(config, NAME, cut(series, edges[0].ts_open_utc_ns, edges[-1].ts_close_utc_ns))
    assert found.made[:2].tolist() == alone.history.session_returns[2:].tolist()
    assert len(alone.history.trades) > 0


def test_a_rule_looks_back_over_as_many_sessions_as_its_bars_fill() -> None:
    config = load(EXAMPLE, {})
    chosen = config.strategy("mes")
    alone = config.model_copy(update={"strategies": (chosen,)})
    # An average true range of 14 needs 140 bars; a session of 23 hours has 276 of five minutes, and 23 of an hour.
    assert sessions_needed(alone, made("MES", "2026-03-02", "2026-03-06", 300)) == 1
    assert sessions_needed(alone, made("MES", "2026-03-02", "2026-03-06", 3_600)) == 7
